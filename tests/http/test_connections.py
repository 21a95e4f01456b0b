"""Keep-alive, pipelining, and more connections than are served."""
import threading

import pytest

import conftest
import raw
import sigv4


def test_pipelined_requests_are_answered_in_order(server, present, bucket):
    with raw.Connection(server) as connection:
        host = [("Host", connection.host)]
        for number in range(100):
            target = present if number % 2 else f"/{bucket}/absent-{number}"
            connection.send(raw.head("GET", target, sigv4.Signer().headers("GET", target, host, sigv4.UNSIGNED)))
        for number in range(100):
            reply = connection.reply()
            if number % 2:
                assert reply.body == b"0123456789"
            else:
                assert reply.field("Key") == f"absent-{number}"


def test_pipelined_uploads(server, key):
    with raw.Connection(server) as connection:
        data = b""
        for number in range(50):
            body = b"%d" % number * 500
            headers = sigv4.Signer().headers("PUT", f"{key}-{number}", [("Host", connection.host), ("Content-Length", len(body))], sigv4.sha256(body))
            data += raw.head("PUT", f"{key}-{number}", headers) + body
        connection.send(data)
        for number in range(50):
            assert connection.reply().status == 200
        for number in range(50):
            assert connection.request("GET", f"{key}-{number}").body == b"%d" % number * 500


ERRORS = {
    "no-such-key": ("GET", "{key}-not", {}, 404),
    "no-such-bucket": ("GET", "/no-such-bucket-here/k", {}, 404),
    "wrong-signature": ("GET", "{key}", {"signer": sigv4.Signer(secret="wrong")}, 403),
    "skewed": ("GET", "{key}", {"signer": sigv4.Signer(skew=7200)}, 403),
    "wrong-hash": ("PUT", "{key}-not", {"body": b"hello", "payload": sigv4.sha256(b"other")}, 400),
    "bad-md5": ("PUT", "{key}-not", {"body": b"hello", "headers": [("Content-MD5", "x")]}, 400),
    "bad-uri": ("PUT", "{key}%ff", {"body": b"hello"}, 400),
    "key-too-long": ("PUT", "{key}" + "k" * 1025, {"body": b"hello"}, 400),
    "not-implemented": ("PUT", "{key}?retention", {"body": b"<X/>"}, 501),
    "bad-xml": ("POST", "{bucket}?delete", {"body": b"<X", "headers": [("x-amz-checksum-crc32", "uRLnpw==")]}, 400),
    "method": ("PATCH", "{key}", {"body": b"hello"}, 405),
    "range": ("GET", "{key}", {"headers": [("Range", "bytes=100-")]}, 416),
    "precondition": ("PUT", "{key}", {"body": b"hello", "headers": [("If-None-Match", "*")]}, 412),
    "head": ("HEAD", "{key}-not", {}, 404),
    "malformed-authorization": ("GET", "{key}", {"signer": sigv4.Signer(access_key="")}, 400),
}


@pytest.mark.parametrize("name", ERRORS)
def test_connection_lives_on_after(server, bucket, present, name):
    method, target, options, status = ERRORS[name]
    with raw.Connection(server) as connection:
        for _ in range(3):
            reply = connection.request(method, target.format(key=present, bucket="/" + bucket), **options)
            assert reply.status == status, reply
            assert connection.request("GET", present).body == b"0123456789"


def test_connection_close_is_obeyed(server, present):
    with raw.Connection(server) as connection:
        assert connection.request("GET", present, [("Connection", "close")]).status == 200
        assert connection.closed()


def test_thousand_requests_on_one_connection(server, present):
    with raw.Connection(server) as connection:
        for _ in range(1000):
            assert connection.request("GET", present).body == b"0123456789"


def test_connections_that_say_nothing(server):
    """Opened and closed again, a thousand times."""
    before = conftest.descriptors(server)
    for _ in range(1000):
        raw.Connection(server).close()
    assert raw.wait_for(lambda: conftest.descriptors(server) <= before)


def test_end_that_comes_with_the_last_bytes_is_noticed(start):
    """libmicrohttpd's edge-triggered epoll misses it: such connections and their uploads lived on to the idle time-out."""
    server = start()
    assert raw.request(server, "PUT", "/ends").status == 200
    before = conftest.descriptors(server)
    for number in range(60):
        with raw.Connection(server) as connection:
            if number % 3 == 0:
                connection.send(b"GET /ends HTTP/1.1\r\nHost:")
            elif number % 3 == 1:
                connection.start("PUT", f"/ends/{number}", length=3_000_000, payload=sigv4.UNSIGNED)
                connection.send(b"x" * 1_500_000)
            else:
                connection.start("PUT", "/no-such-bucket-here/k", length=3_000_000, payload=sigv4.UNSIGNED)
                connection.send(b"x" * 1_500_000)
    assert raw.wait_for(lambda: conftest.open_connections(server) <= 1, 10), conftest.open_connections(server)
    conftest.back_to(server, before, conftest.descriptors, 10)


def test_client_that_closes_its_half_is_answered(server, present, key):
    """As `nc -N` does."""
    with raw.Connection(server) as connection:
        connection.start("GET", present, [("Connection", "close")])
        connection.socket.shutdown(1)
        assert connection.reply().body == b"0123456789"


def test_flood_up_to_the_limit_and_recovery(start):
    """Above the limit a client is told SlowDown and not left hanging; when others go, it is served."""
    server = start(environment={"LAKEGATE_CONNECTIONS": "40"})
    conftest.assert_serves(server)
    before = conftest.descriptors(server)
    assert raw.request(server, "PUT", "/flood").status == 200
    held, served, slow = [], 0, 0
    try:
        for _ in range(48):
            connection = raw.Connection(server, timeout=10)
            held.append(connection)
            reply = connection.request("GET", "/flood")
            if reply.status == 200:
                served += 1
            else:
                assert (reply.status, reply.code) == (503, "SlowDown") and reply.header("retry-after"), reply
                slow += 1
        assert served == 40 and slow == 8, (served, slow)
        assert held[0].request("GET", "/flood").status == 200, "those that came first are served on"
    finally:
        for connection in held:
            connection.close()
    assert raw.wait_for(lambda: raw.request(server, "GET", "/flood").status == 200)
    conftest.back_to(server, before, conftest.descriptors)


def test_flood_far_above_the_limit_and_recovery(start):
    server = start(environment={"LAKEGATE_CONNECTIONS": "40"})
    assert raw.request(server, "PUT", "/flood").status == 200
    held = []
    for _ in range(300):
        try:
            connection = raw.Connection(server, timeout=10)
            connection.send(raw.head("GET", "/flood", [("Host", "h")]))
            held.append(connection)
        except OSError:
            break
    assert server.process.poll() is None
    for connection in held:
        connection.close()
    assert raw.wait_for(lambda: raw.request(server, "GET", "/flood").status == 200)
    conftest.assert_serves(server)


def test_uploads_from_more_clients_than_there_is_memory_for(start):
    """They wait for one another; each is served."""
    server = start(environment={"LAKEGATE_STAGING": "8M", "LAKEGATE_WORKERS": "2"})
    assert raw.request(server, "PUT", "/many").status == 200
    body = bytes(range(256)) * 8192
    outcomes = []

    def put(number):
        outcomes.append(raw.request(server, "PUT", f"/many/{number}", body=body, payload=sigv4.UNSIGNED).status)

    clients = [threading.Thread(target=put, args=(number,)) for number in range(32)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert outcomes == [200] * 32, outcomes
    assert raw.request(server, "GET", "/many/31").body == body


def test_worker_queue_is_bounded(start):
    """More commits at once than may wait: SlowDown, and nothing is lost that was acknowledged."""
    server = start(environment={"LAKEGATE_WORKERS": "1", "LAKEGATE_WORKER_QUEUE": "1"})
    assert raw.request(server, "PUT", "/queue").status == 200
    outcomes = {}

    def put(number):
        with raw.Connection(server) as connection:
            for turn in range(10):
                reply = connection.request("PUT", f"/queue/{number}-{turn}", body=b"x" * 1000)
                outcomes[f"{number}-{turn}"] = (reply.status, reply.code)

    clients = [threading.Thread(target=put, args=(number,)) for number in range(24)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert len(outcomes) == 240 and set(outcomes.values()) <= {(200, None), (503, "SlowDown")}, set(outcomes.values())
    for name, (status, _) in outcomes.items():
        if status == 200:
            assert raw.request(server, "HEAD", f"/queue/{name}").status == 200
