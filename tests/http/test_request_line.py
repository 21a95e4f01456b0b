"""The first line: methods, targets and versions that are none, and forms that few clients send."""
import pytest

import raw
import sigv4

LINES = {
    "empty-version": b"GET / \r\n",
    "no-version": b"GET /\r\n",
    "lower-case-version": b"GET / http/1.1\r\n",
    "version-0.9": b"GET / HTTP/0.9\r\n",
    "version-2": b"GET / HTTP/2.0\r\n",
    "version-3": b"GET / HTTP/3\r\n",
    "version-1.11": b"GET / HTTP/1.11\r\n",
    "version-with-tail": b"GET / HTTP/1.1x\r\n",
    "version-no-number": b"GET / HTTP/x.y\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
    "one-word": b"GARBAGE\r\n",
    "only-spaces": b"   \r\n",
    "leading-space": b" GET / HTTP/1.1\r\n",
    "nul-in-method": b"GE\0T / HTTP/1.1\r\n",
    "nul-in-target": b"GET /a\0b HTTP/1.1\r\n",
    "tls-hello": bytes.fromhex("16030100c8010000c40303") + b"\r\n",
    "binary": bytes(range(128, 256)) + b"\r\n",
    "method-with-colon": b"G:T / HTTP/1.1\r\n",
    "no-target": b"GET HTTP/1.1\r\n",
    "target-without-slash": b"GET bucket/key HTTP/1.1\r\n",
    "target-is-a-scheme": b"GET ftp://host/bucket HTTP/1.1\r\n",
    "target-with-space": b"GET /a b HTTP/1.1\r\n",
    "fragment-alone": b"GET #x HTTP/1.1\r\n",
}


@pytest.mark.parametrize("name", LINES)
def test_malformed_request_line(server, name):
    """Refused with a status or by ending the connection, and never taken for anonymous access to something else."""
    data = LINES[name] + b"Host: localhost\r\nConnection: close\r\n\r\n"
    try:
        reply = raw.exchange(server, data)
        assert 400 <= reply.status < 600 and reply.status not in (500, 502, 503), reply
    except raw.Closed:
        pass


def test_long_request_lines(server):
    """As long as fits is answered with S3's error, anything longer with 414 or 431 or the end; never 500."""
    for length in (1025, 8000, 16000, 60000, 70000, 300000, 2_000_000):
        data = b"GET /bucket/" + b"k" * length + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        try:
            reply = raw.exchange(server, data)
            assert reply.status in (400, 403, 413, 414, 431), (length, reply)
        except raw.Closed:
            assert length > 16000
        data = b"G" * length + b" / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        try:
            reply = raw.exchange(server, data)
            assert reply.status in (400, 405, 413, 414, 431, 501), (length, reply)
        except raw.Closed:
            assert length > 16000


def test_absolute_form_is_served(server, present):
    """What a client sends through a proxy; authority and Host are one."""
    with raw.Connection(server) as connection:
        headers = sigv4.Signer().headers("GET", present, [("Host", connection.host)], sigv4.UNSIGNED)
        for scheme in ("http", "https", "HTTP"):
            connection.send(raw.head("GET", f"{scheme}://{connection.host}{present}", headers))
            assert connection.reply().body == b"0123456789"


def test_absolute_form_of_another_host_is_refused(server, present):
    """It was served by the Host header, where others go by the target: two readers, two buckets."""
    with raw.Connection(server) as connection:
        headers = sigv4.Signer().headers("GET", present, [("Host", connection.host)], sigv4.UNSIGNED)
        for authority in ("somewhere.else", "somewhere.else@" + connection.host, connection.host + ":1", ""):
            connection.send(raw.head("GET", f"http://{authority}{present}", headers))
            assert connection.reply().code == "InvalidURI"


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "PUT", "DELETE", "POST"])
def test_asterisk_form_is_no_bucket(server, method):
    reply = raw.exchange(server, f"{method} * HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode(), method)
    assert reply.status in (400, 405, 501), reply
    assert reply.code in ("InvalidURI", "BadRequest", "MethodNotAllowed", "NotImplemented"), reply


def test_connect_is_refused(server):
    reply = raw.exchange(server, b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\nConnection: close\r\n\r\n")
    assert reply.status in (400, 405, 501), reply


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "MKCOL", "PROPFIND", "LOCK", "get", "Put", "FOO"])
@pytest.mark.parametrize("scope", ["/", "/bucket", "/bucket/key"])
def test_unknown_method(server, method, scope):
    reply = raw.request(server, method, scope)
    assert (reply.status, reply.code) == (405, "MethodNotAllowed"), reply
    assert b"x-amz-date" not in reply.body.lower(), "TRACE must not echo"


@pytest.mark.parametrize("scope", ["/", "/bucket", "/bucket/key"])
def test_options_without_cors(server, scope):
    reply = raw.exchange(server, raw.head("OPTIONS", scope, [("Host", "h"), ("Origin", "http://o"), ("Connection", "close"),
                                                            ("Access-Control-Request-Method", "GET")]))
    assert reply.status in (400, 403, 404, 405, 501) and reply.code, reply
    assert reply.header("access-control-allow-origin") is None


def test_missing_host(server, present):
    """RFC 9112 section 3.2: 400 for a request of HTTP/1.1 without Host; HTTP/1.0 has none."""
    reply = raw.exchange(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert reply.status == 400, reply
    reply = raw.exchange(server, b"GET / HTTP/1.0\r\n\r\n")
    assert reply.code == "AccessDenied", reply


@pytest.mark.parametrize("host", ["", " ", "a b", "[::1", "host:port", "\xff\xfe", "a" * 5000, "../etc", ".s3.lake.test",
                                  "..s3.lake.test", "s3.lake.test.", "%00.s3.lake.test", "a/b.s3.lake.test"])
def test_odd_hosts(server, host):
    reply = raw.exchange(server, raw.head("GET", "/", [("Host", host), ("Connection", "close")]))
    assert reply.status in (400, 403, 404), reply


def test_http_1_0(server, present):
    """No keep-alive unless asked for, no chunked encoding."""
    with raw.Connection(server) as connection:
        headers = sigv4.Signer().headers("GET", present, [("Host", connection.host)], sigv4.UNSIGNED)
        connection.send(raw.head("GET", present, headers, "HTTP/1.0"))
        reply = connection.reply()
        assert reply.status == 200 and reply.body == b"0123456789" and reply.header("transfer-encoding") is None
        assert connection.closed()


def test_empty_lines_before_a_request(server, present):
    """RFC 9112 section 2.2: a server should ignore at least one empty line there."""
    with raw.Connection(server) as connection:
        connection.send(b"\r\n")
        assert connection.request("GET", present).body == b"0123456789"


def test_bare_line_feeds_get_an_answer_or_an_end(server):
    """What libmicrohttpd makes of them cannot be chosen; they must not hang."""
    try:
        assert raw.exchange(server, b"GET / HTTP/1.1\nHost: h\nConnection: close\n\n", timeout=20).status in (400, 403)
    except raw.Closed:
        pass
