"""What an operator sees: health, metrics, the access log, signals, the file with the root keys."""
import json
import os
import re
import signal
import stat
import threading
import time

import pytest

import conftest
import lakegated
import raw
import sigv4


def plain(server, target, method="GET", headers=(), host="localhost"):
    return raw.exchange(server, raw.head(method, target, [("Host", host), *headers, ("Connection", "close")]), method)


@pytest.mark.parametrize("target", ["/-/health/live", "/-/health/ready", "/minio/health/live", "/minio/health/ready"])
def test_health(server, target):
    assert plain(server, target).status == 200
    reply = plain(server, target, "HEAD")
    assert reply.status == 200 and reply.body == b""


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_health_takes_no_other_methods(server, method):
    reply = plain(server, "/-/health/live", method)
    assert reply.status in (403, 404, 405, 411, 501), reply


@pytest.mark.parametrize("target", ["/-", "/-/", "/-/nothing", "/-/health", "/-/health/live/x", "/-/../etc/passwd", "/-/status"])
def test_what_is_beside_health(server, target):
    reply = plain(server, target)
    assert reply.status in (403, 404), reply


def test_metrics(server, present):
    assert raw.request(server, "GET", present).status == 200
    reply = plain(server, "/-/metrics")
    assert reply.status == 200 and reply.header("content-type").startswith("text/plain")
    text = reply.body.decode()
    names = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            names.add(line.split()[2])
        elif not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? [0-9.e+]+(Inf)?|.*NaN', line), line
            assert re.sub(r"(_bucket|_sum|_count)$", "", line.split("{")[0].split()[0]) in names or line.split("{")[0].split()[0] in names, line
    for wanted in ("get_object", "put_object", "commits", "connections", "bytes", "segment", "free"):
        assert wanted in text, wanted


def test_metrics_can_be_closed(start):
    server = start("--metrics", "signed")
    assert plain(server, "/-/metrics").status == 403
    assert raw.request(server, "GET", "/-/metrics").status == 200


def test_metrics_are_for_this_machine(server, start):
    """Not for whom a proxy on it brings, nor for a web page whose name points here."""
    assert plain(server, "/-/metrics").status == 200
    assert plain(server, "/-/metrics", host="lake.example.com").status == 403
    for header in (("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1"), ("Via", "1.1 x")):
        assert plain(server, "/-/metrics", headers=[header]).status == 403, header
    assert plain(start("--public-url", "https://lake.example.com"), "/-/metrics").status == 403
    assert plain(start("--public-url", "https://lake.example.com", "--trusted-proxies", "127.0.0.1"), "/-/metrics").status == 200
    assert plain(start("--metrics", "public"), "/-/metrics", host="lake.example.com").status == 200


def test_metrics_by_token(start, server):
    token = "a-token-of-its-own/+="
    guarded = start("--metrics", "signed", environment={"LAKEGATE_METRICS_TOKEN": token, "LAKEGATE_METRICS_BUCKETS": "2"})
    assert raw.request(guarded, "PUT", "/counted").status == 200
    assert raw.request(guarded, "PUT", "/counted/k", body=b"12345").status == 200
    assert raw.request(guarded, "GET", "/never-made-1").status == 404
    reply = plain(guarded, "/-/metrics", headers=[("Authorization", f"Bearer {token}")], host="lake.example.com")
    assert reply.status == 200
    page = reply.body.decode()
    assert 'lakegate_bucket_objects{bucket="counted"} 1\n' in page and 'lakegate_bucket_bytes{bucket="counted"} 5\n' in page
    assert re.search(r'lakegate_bucket_requests_total\{bucket="counted",status="2xx"\} [1-9]', page) and "never-made" not in page
    for wrong in ("Bearer " + token[:-1], "Bearer " + token + "=", "Bearer ", "Bearer", "bearer x", "Basic " + token, token):
        assert plain(guarded, "/-/metrics", headers=[("Authorization", wrong)]).status in (400, 403), wrong
    assert plain(server, "/-/metrics", headers=[("Authorization", "Bearer x")]).status == 403  # where none is set, none is right
    assert plain(guarded, "/-/metrics/history", headers=[("Authorization", f"Bearer {token}")]).status in (400, 403)
    assert plain(guarded, "/-/status", headers=[("Authorization", f"Bearer {token}")]).status in (400, 403)


def test_metrics_history(server, key):
    assert plain(server, "/-/metrics/history").status == 403
    assert raw.request(server, "PUT", key, body=b"x" * 1000).status == 200

    def rows(since=0):
        reply = raw.request(server, "GET", f"/-/metrics/history?since={since}")
        assert reply.status == 200 and reply.header("content-type") == "application/json"
        history = json.loads(reply.body)
        assert history["interval_s"] == 10 and history["columns"][0] == "time_s"
        return [dict(zip(history["columns"], row)) for row in history["rows"]]

    assert raw.wait_for(lambda: sum(row["writes"] for row in rows()) >= 1, 30)
    last = rows()[-1]
    assert last["time_s"] % 10 == 0 and last["disk_free_bytes"] > 0 and last["rss_bytes"] > 1 << 20
    assert sum(row["bytes_in"] for row in rows()) >= 1000 and sum(row["commits"] for row in rows()) >= 1
    assert last not in rows(last["time_s"])
    assert raw.request(server, "GET", "/-/metrics/history?since=x").status == 400


def test_status_is_json_and_signed(server):
    assert plain(server, "/-/status").status == 403
    status = json.loads(raw.request(server, "GET", "/-/status").body)
    assert status["connections"]["open"] >= 1


def log_lines(server, offset=0):
    with open(server.log_path, errors="replace") as log:
        log.seek(offset)
        return [json.loads(line) for line in log if line.startswith("{")]


def test_access_log(start):
    """One line of JSON a request, with nothing in it that would open a door."""
    server = start()
    assert raw.request(server, "PUT", "/log").status == 200
    assert raw.wait_for(lambda: "create_bucket" in server.log_tail())
    offset = server.log_size()
    signer = sigv4.Signer()
    host = f"127.0.0.1:{server.port}"
    presigned = signer.presigned("PUT", "/log/k%C3%BC%22%5C%0a%ff"[:-3], host)
    with raw.Connection(server) as connection:
        connection.send(raw.head("PUT", presigned, [("Host", host), ("Content-Length", 5)]) + b"hello")
        reply = connection.reply()
        assert reply.status == 200, reply
        assert connection.request("GET", "/log/absent").status == 404
        wrong = connection.request("GET", "/log/absent", signer=sigv4.Signer(secret="wrong"))
        connection.send(raw.head("GET", "/log/absent?X-Amz-Security-Token=token-in-query", [("Host", host), ("Authorization", "AWS4-HMAC-SHA256 Credential=broken-credential")]))
        assert connection.reply().status == 400
        assert connection.request("HEAD", "/log").status == 200
    assert raw.wait_for(lambda: len(log_lines(server, offset)) >= 5)
    lines = log_lines(server, offset)
    assert len(lines) == 5, "one line a request"
    put, absent, refused, malformed, head = lines
    assert (put["op"], put["bucket"], put["key"], put["status"], put["bytes_in"]) == ("put_object", "log", 'kü"\\\n', 200, 5)
    assert put["principal"] == "arn:aws:iam::000000000001:root" and put["id"] == reply.header("x-amz-request-id") and put["peer"] == "127.0.0.1"
    assert (absent["status"], absent["error"]) == (404, "NoSuchKey") and absent["bytes_out"] > 0
    assert (refused["status"], refused["error"], refused["principal"]) == (403, "SignatureDoesNotMatch", "anonymous")
    assert (malformed["status"], head["op"]) == (400, "head_bucket")
    assert all("duration_us" in line and "time" in line for line in lines)
    text = open(server.log_path).read()
    for secret in (lakegated.SECRET_KEY, "X-Amz", "x-amz", "Signature=", presigned[-64:], signer.seed, "token-in-query", "broken-credential", wrong.field("SignatureProvided")):
        assert secret not in text, secret


def test_log_line_of_a_hostile_request(start):
    """Line feeds, quotes, escapes and bytes that are no UTF-8 make no second line and no broken one."""
    server = start()
    for target in ("/a%0a%7B%22status%22:200%7D", "/%22%5c%1b[31m", "/b\xff\xfe", "/%ff%fe", "/b/" + "k" * 3000, "/%e2%80%a8"):
        plain(server, target)
    plain(server, "/x", 'GE"T\\')
    plain(server, "/x", "M" * 3000)
    assert raw.wait_for(lambda: len(log_lines(server)) >= 8)
    with open(server.log_path, "rb") as log:
        for line in log.read().split(b"\n")[:-1]:
            if line.startswith(b"{"):
                json.loads(line.decode())
            else:
                assert re.match(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z (info|warning|error): [ -~]*$|Lakegate |endpoint |console |region |access key |secret key ", line), line


def test_access_log_can_be_off_and_elsewhere(start, tmp_path):
    path = tmp_path / "lakegate.log"
    server = start("--access-log", "off")
    plain(server, "/x")
    assert raw.request(server, "GET", "/").status == 200
    assert log_lines(server) == []
    other = start("--log", str(path))
    assert raw.request(other, "GET", "/").status == 200
    assert raw.wait_for(lambda: "list_buckets" in path.read_text())
    path.rename(tmp_path / "rotated.log")
    other.process.send_signal(signal.SIGHUP)
    assert raw.wait_for(path.exists)
    assert raw.request(other, "GET", "/").status == 200
    assert raw.wait_for(lambda: "list_buckets" in path.read_text())


def test_sigterm_drains_an_upload_in_flight(start):
    server = start()
    assert raw.request(server, "PUT", "/drain").status == 200
    body = os.urandom(3_000_000)
    with raw.Connection(server) as connection, raw.Connection(server) as idle:
        assert idle.request("GET", "/drain").status == 200
        connection.start("PUT", "/drain/k", body=body)
        connection.send(body[:1_000_000])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert raw.wait_for(lambda: not accepts(server), 10), "no new connections"
        connection.send(body[1_000_000:])
        reply = connection.reply()
        assert reply.status == 200, reply
    assert server.process.wait(30) == 0
    server.process = None
    server.start()
    assert raw.request(server, "GET", "/drain/k").body == body


def accepts(server):
    import socket
    try:
        socket.create_connection(("127.0.0.1", server.port), 1).close()
        return True
    except OSError:
        return False


def test_sigterm_drains_a_download_in_flight(start):
    server = start()
    content = os.urandom(20_000_000)
    assert raw.request(server, "PUT", "/drain").status == 200
    assert raw.request(server, "PUT", "/drain/k", body=content, payload=sigv4.UNSIGNED).status == 200
    with raw.Connection(server, receive_buffer=65536) as connection:
        connection.start("GET", "/drain/k")
        assert connection.take_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert connection.take(len(content)) == content
    assert server.process.wait(30) == 0
    server.process = None


def test_sigterm_does_not_wait_for_ever(start):
    """An upload that never ends and a reader that never reads hold it up no longer than is set."""
    server = start(environment={"LAKEGATE_DRAIN_TIMEOUT": "2"})
    assert raw.request(server, "PUT", "/drain").status == 200
    assert raw.request(server, "PUT", "/drain/k", body=os.urandom(20_000_000), payload=sigv4.UNSIGNED).status == 200
    with raw.Connection(server) as upload, raw.Connection(server, receive_buffer=8192) as reader, raw.Connection(server) as idle, raw.Connection(server) as head:
        upload.start("PUT", "/drain/never", length=5_000_000, payload=sigv4.UNSIGNED)
        upload.send(b"x" * 1_000_000)
        reader.start("GET", "/drain/k")
        head.send(b"GET / HTTP/1.1\r\nHost:")
        time.sleep(0.5)
        began = time.monotonic()
        assert server.stop(30) == 0
        assert 1 < time.monotonic() - began < 15
        idle.close()
    server.start()
    assert raw.request(server, "GET", "/drain/never").code == "NoSuchKey"
    assert raw.wait_for(lambda: len(conftest.large_files(server)) == 1, 30), conftest.large_files(server)


def test_sigterm_with_nothing_to_do_is_quick(start):
    server = start()
    with raw.Connection(server) as idle:
        assert idle.request("GET", "/").status == 200
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5


def test_sigterm_under_load_loses_nothing_acknowledged(start):
    server = start()
    assert raw.request(server, "PUT", "/load").status == 200
    acknowledged = []

    def put(number):
        try:
            with raw.Connection(server) as connection:
                for turn in range(100_000):
                    key = f"/load/{number}-{turn}"
                    if connection.request("PUT", key, body=key.encode() * 50).status == 200:
                        acknowledged.append(key)
        except (OSError, raw.Closed):
            pass

    clients = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for client in clients:
        client.start()
    time.sleep(1)
    assert server.stop() == 0
    for client in clients:
        client.join()
    server.start()
    assert acknowledged
    with raw.Connection(server) as connection:
        for key in acknowledged[-300:]:
            assert connection.request("GET", key).body == key.encode() * 50


def test_root_keys_are_made_once_and_kept_to_the_owner(start):
    server = start(environment={"LAKEGATE_ROOT_ACCESS_KEY": "", "LAKEGATE_ROOT_SECRET_KEY": ""})
    path = os.path.join(server.data, "root-credentials")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    text = open(path).read()
    access_key = re.search(r"^access_key = (\S+)$", text, re.M).group(1)
    secret = re.search(r"^secret_key = (\S+)$", text, re.M).group(1)
    signer = sigv4.Signer(access_key=access_key, secret=secret)
    assert raw.request(server, "GET", "/", signer=signer).status == 200
    assert raw.request(server, "GET", "/").code == "InvalidAccessKeyId", "there are no other keys"
    assert secret not in open(server.log_path).read()
    assert server.stop() == 0
    server.start()
    assert open(path).read() == text
    assert raw.request(server, "GET", "/", signer=sigv4.Signer(access_key=access_key, secret=secret)).status == 200


def test_data_folder_is_closed_to_others(start):
    server = start()
    assert raw.request(server, "PUT", "/private").status == 200
    assert raw.request(server, "PUT", "/private/k", body=os.urandom(3_000_000)).status == 200
    for folder, folders, names in os.walk(server.data):
        for name in folders + names:
            path = os.path.join(folder, name)
            assert stat.S_IMODE(os.lstat(path).st_mode) & 0o007 == 0, path
