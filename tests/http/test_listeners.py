"""Addresses: virtual-host style, Unix sockets, IPv6, TLS."""
import os
import signal
import socket
import ssl

import pytest

import conftest
import lakegated
import raw
import sigv4


def virtual(connection, method, bucket, path, body=b"", domain=conftest.DOMAIN):
    return connection.request(method, path, [("Host", f"{bucket}.{domain}" if bucket else domain)], body)


def test_virtual_host_style(server, bucket):
    with raw.Connection(server) as connection:
        assert virtual(connection, "PUT", bucket, "/virtual/key", b"virtual").status == 200
        assert virtual(connection, "GET", bucket, "/virtual/key").body == b"virtual"
        assert connection.request("GET", f"/{bucket}/virtual/key").body == b"virtual"
        assert b"<Name>" + bucket.encode() in virtual(connection, "GET", bucket, "/").body
        assert virtual(connection, "GET", bucket.upper(), "/virtual/key").body == b"virtual"
        assert virtual(connection, "GET", bucket, "/virtual/key", domain=conftest.DOMAIN.upper() + ":9000").body == b"virtual"
        assert b"ListAllMyBucketsResult" in virtual(connection, "GET", "", "/").body
        assert virtual(connection, "GET", "", f"/{bucket}/virtual/key").body == b"virtual"
        assert virtual(connection, "GET", "no-such-bucket-here", "/k").code == "NoSuchBucket"


def test_bucket_name_with_dots_in_a_host(server):
    with raw.Connection(server) as connection:
        assert virtual(connection, "PUT", "with.dots.in.it", "/").status == 200
        assert virtual(connection, "PUT", "with.dots.in.it", "/k", b"x").status == 200
        assert connection.request("GET", "/with.dots.in.it/k").body == b"x"


def test_host_that_only_ends_like_the_domain(server, bucket):
    """evils3.lake.test is no bucket of s3.lake.test: path style it is."""
    with raw.Connection(server) as connection:
        reply = connection.request("GET", f"/{bucket}", [("Host", "evil" + conftest.DOMAIN)])
        assert b"<Name>" + bucket.encode() in reply.body, reply


def test_path_in_virtual_host_style_names_no_other_bucket(server, bucket):
    with raw.Connection(server) as connection:
        assert virtual(connection, "PUT", bucket, f"/{bucket}/k", b"inner").status == 200
        assert connection.request("GET", f"/{bucket}/{bucket}/k").body == b"inner"
        for path in ("/../other/k", "//other/k", "/./k"):
            assert virtual(connection, "PUT", bucket, path, b"x").status == 200
            assert connection.request("GET", f"/{bucket}/{path[1:]}").body == b"x"


def test_health_paths_are_keys_in_virtual_host_style(server, bucket):
    with raw.Connection(server) as connection:
        assert virtual(connection, "GET", bucket, "/-/health/live").code == "NoSuchKey"
        assert virtual(connection, "GET", bucket, "/minio/health/live").code == "NoSuchKey"


def test_unix_socket(start, tmp_path):
    path = str(tmp_path / "s")
    server = start("--listen", f"unix:{path}")
    with raw.Connection(server, address=path) as connection:
        assert connection.request("PUT", "/unix").status == 200
        assert connection.request("PUT", "/unix/k", body=b"x" * 3_000_000).status == 200
        assert len(connection.request("GET", "/unix/k").body) == 3_000_000
    assert raw.request(server, "HEAD", "/unix/k").status == 200, "the same store on both"
    assert server.stop() == 0
    assert not os.path.exists(path)


def test_unix_socket_left_by_a_crash_is_replaced(start, tmp_path):
    path = str(tmp_path / "s")
    server = start("--listen", f"unix:{path}")
    server.kill9()
    assert os.path.exists(path)
    server.start()
    with raw.Connection(server, address=path) as connection:
        assert connection.request("GET", "/").status == 200


def test_ipv6(start):
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    port = lakegated.free_port()
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no ::1 here")
    server = start("--listen", f"[::1]:{port}")
    with raw.Connection(server, address=("::1", port)) as connection:
        reply = connection.request("GET", "/", [("Host", f"[::1]:{port}")])
        assert reply.status == 200, reply
    assert raw.wait_for(lambda: '"peer":"::1"' in server.log_tail())


def peer_certificate(server):
    context = ssl._create_unverified_context()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port))) as connection:
        return connection.getpeercert(True)


def test_tls_and_reload(start, certificates):
    certificate, key = certificates("first")
    second_certificate, second_key = certificates("second")
    server = start(tls=(certificate, key, certificate))
    first = peer_certificate(server)
    with raw.Connection(server, tls=certificate) as held:
        assert held.request("PUT", "/tls").status == 200
        assert held.request("PUT", "/tls/k", body=b"x" * 3_000_000).status == 200
        replace(certificate, second_certificate)
        server.process.send_signal(signal.SIGHUP)
        # The key does not fit: the old pair stays and the daemon serves on.
        assert raw.wait_for(lambda: "does not belong" in server.log_tail())
        assert peer_certificate(server) == first
        replace(key, second_key)
        server.process.send_signal(signal.SIGHUP)
        assert raw.wait_for(lambda: peer_certificate(server) != first), "the new certificate is shown"
        assert len(held.request("GET", "/tls/k").body) == 3_000_000, "a connection that was open is served on"
    with raw.Connection(server, tls=certificate) as connection:
        assert connection.request("HEAD", "/tls/k").status == 200
    open(certificate, "w").write("garbage")
    server.process.send_signal(signal.SIGHUP)
    assert raw.wait_for(lambda: "no certificate chain" in server.log_tail())
    assert peer_certificate(server) != first


def replace(path, by):
    with open(by) as source, open(path, "w") as target:
        target.write(source.read())


def test_hostile_tls(start, certificates):
    certificate, key = certificates("hostile")
    server = start(tls=(certificate, key, certificate), environment={"LAKEGATE_HEADER_TIMEOUT": "2", "LAKEGATE_IDLE_TIMEOUT": "3"})
    with raw.Connection(server, tls=certificate) as connection:
        assert connection.request("PUT", "/tls").status == 200
    before = conftest.descriptors(server)
    hello = bytes.fromhex("16030100")
    for data in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\0" * 1000, hello + b"\xff\xff" + os.urandom(70_000), hello + b"\x00\x05hello", b"\x80\x2e\x01\x00\x02", b""):
        with raw.Connection(server) as connection:
            connection.send_what_goes(data)
            assert connection.closed(15) or connection.input, data[:20]
    old = ssl._create_unverified_context()
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(socket.create_connection(("127.0.0.1", server.port)))
    # A body that is cut off in the middle of a record.
    connection = raw.Connection(server, tls=certificate)
    connection.start("PUT", "/tls/cut", length=1_000_000, payload=sigv4.UNSIGNED)
    connection.send(b"x" * 100_000)
    os.close(connection.socket.detach())
    with raw.Connection(server, tls=certificate) as connection:
        assert connection.request("GET", "/tls/cut").code == "NoSuchKey"
    conftest.back_to(server, before, conftest.descriptors)


def processor_s(server):
    """Seconds that the daemon has computed, of all its threads."""
    with open(f"/proc/{server.process.pid}/stat") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def test_half_a_handshake_takes_no_processor_until_it_is_given_up(start, certificates):
    """libmicrohttpd 0.9.75 asks for the rest of it without a pause, where it waits by epoll."""
    certificate, key = certificates("half")
    server = start(tls=(certificate, key, certificate), environment={"LAKEGATE_IDLE_TIMEOUT": "3"})
    with raw.Connection(server, tls=certificate) as connection:
        assert connection.request("PUT", "/tls").status == 200
    with raw.Connection(server) as connection:
        before = processor_s(server)
        connection.send(bytes.fromhex("160301020001"))
        assert connection.closed(60)
        assert processor_s(server) - before < 0.5


def test_tls_speaks_to_no_plain_port(start, certificates):
    certificate, key = certificates("plain")
    server = start(tls=(certificate, key, certificate))
    with raw.Connection(server) as connection:
        connection.send(raw.head("GET", "/-/health/live", [("Host", "h")]))
        try:
            assert connection.reply().status == 400
        except (raw.Closed, ValueError):
            pass
