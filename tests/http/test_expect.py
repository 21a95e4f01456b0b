"""Expect: 100-continue, and what becomes of bodies that nobody wants."""
import time

import pytest

import raw
import sigv4

EXPECT = [("Expect", "100-continue")]


def test_accepted(server, key):
    with raw.Connection(server) as connection:
        connection.start("PUT", key, EXPECT, b"hello")
        assert connection.take_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        connection.send(b"hello")
        assert connection.reply().status == 200
        assert connection.request("GET", key).body == b"hello"


def test_accepted_in_any_case(server, key):
    with raw.Connection(server) as connection:
        connection.start("PUT", key, [("expect", "100-Continue")], b"hello")
        connection.take_until(b"\r\n\r\n")
        connection.send(b"hello")
        assert connection.reply().status == 200


def test_body_sent_without_waiting(server, key):
    with raw.Connection(server) as connection:
        reply = connection.request("PUT", key, EXPECT, b"hello")
        assert reply.status == 200 and set(reply.interim) <= {100}


REFUSALS = {
    "no-such-bucket": (dict(target="/no-such-bucket-here/k"), 404, "NoSuchBucket"),
    "wrong-signature": (dict(signer=sigv4.Signer(secret="wrong")), 403, "SignatureDoesNotMatch"),
    "unknown-key": (dict(signer=sigv4.Signer(access_key="nobody")), 403, "InvalidAccessKeyId"),
    "clock-off": (dict(signer=sigv4.Signer(skew=3600)), 403, "RequestTimeTooSkewed"),
    "bad-md5-form": (dict(headers=[("Content-MD5", "no")]), 400, "InvalidDigest"),
    "bad-checksum-form": (dict(headers=[("x-amz-checksum-crc32", "no")]), 400, "InvalidRequest"),
    "not-implemented": (dict(query="?retention"), 501, "NotImplemented"),
    "key-too-long": (dict(query="k" * 1025), 400, "KeyTooLongError"),
    "bad-key": (dict(query="%ff"), 400, "InvalidURI"),
    "no-such-upload": (dict(query="?partNumber=1&uploadId=nope"), 404, "NoSuchUpload"),
    "bad-part-number": (dict(query="?partNumber=0&uploadId=nope"), 400, "InvalidArgument"),
    "encryption": (dict(headers=[("x-amz-server-side-encryption", "AES256")]), 501, "NotImplemented"),
}


def start_refused(connection, key, name, length, expect):
    options, status, code = REFUSALS[name]
    options = dict(options)
    target = options.pop("target", key) + options.pop("query", "")
    headers = options.pop("headers", []) + (EXPECT if expect else [])
    connection.start("PUT", target, headers, length=length, payload=sigv4.UNSIGNED, **options)
    return status, code


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_comes_without_100_continue(server, key, name):
    with raw.Connection(server) as connection:
        status, code = start_refused(connection, key, name, 1_000_000_000, expect=True)
        reply = connection.reply()
        assert (reply.status, reply.code, reply.interim) == (status, code, []), reply


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_small_body_is_drained_and_the_error_delivered(server, key, name):
    """Without Expect a client sends on; an early end would be a broken pipe to it instead of the error."""
    for size in (0, 5, 70_000, 3_000_000):
        with raw.Connection(server) as connection:
            status, code = start_refused(connection, key, name, size, expect=False)
            assert connection.send_what_goes(b"x" * size) == size
            reply = connection.reply()
            assert (reply.status, reply.code) == (status, code), (size, reply)


def test_refused_body_leaves_the_connection_usable(server, key, present):
    with raw.Connection(server) as connection:
        status, code = start_refused(connection, key, "no-such-bucket", 500_000, expect=False)
        connection.send(b"x" * 500_000)
        assert connection.reply().status == status
        assert connection.request("GET", present).body == b"0123456789"


def test_refused_large_body_ends_in_bounded_time(server, key):
    """A gigabyte that nobody wants: the error or a closed connection, long before the last byte."""
    started = time.monotonic()
    with raw.Connection(server) as connection:
        status, code = start_refused(connection, key, "no-such-bucket", 1_000_000_000, expect=False)
        sent = 0
        try:
            while sent < 1_000_000_000 and time.monotonic() < started + 20:
                sent += connection.socket.send(b"x" * 65536)
        except ConnectionError:
            pass
        assert sent < 200_000_000, f"{sent} bytes were taken"
        try:
            reply = connection.reply()
            assert (reply.status, reply.code) == (status, code), reply
        except raw.Closed:
            pass
    assert time.monotonic() < started + 20


def test_refused_body_that_never_comes(start):
    """Whoever declares a body and then is silent does not hold a connection for ever."""
    server = start(environment={"LAKEGATE_IDLE_TIMEOUT": "2", "LAKEGATE_HEADER_TIMEOUT": "2"})
    with raw.Connection(server) as connection:
        connection.start("PUT", "/no-such-bucket-here/k", length=5_000_000, payload=sigv4.UNSIGNED)
        began = time.monotonic()
        try:
            assert connection.reply().code in ("NoSuchBucket", "RequestTimeout")
        except raw.Closed:
            pass
        assert time.monotonic() < began + 15


@pytest.mark.parametrize("value", ["200-ok", "100-continue, other", "", "100"])
def test_unknown_expectations(server, key, value):
    """RFC 9110 section 10.1.1 allows 417, or to ignore it; not to hang."""
    with raw.Connection(server, timeout=20) as connection:
        reply = connection.request("PUT", key, [("Expect", value)], b"hello")
        assert reply.status in (200, 400, 417), reply


def test_expect_without_a_body(server, present):
    with raw.Connection(server) as connection:
        reply = connection.request("GET", present, EXPECT)
        assert reply.body == b"0123456789"
        assert connection.request("GET", present).status == 200


def test_expect_in_http_1_0_is_ignored(server, key):
    with raw.Connection(server) as connection:
        headers = sigv4.Signer().headers("PUT", key, [("Host", connection.host), ("Content-Length", "5"), *EXPECT], sigv4.UNSIGNED)
        connection.send(raw.head("PUT", key, headers, "HTTP/1.0") + b"hello")
        reply = connection.reply()
        assert reply.status == 200 and reply.interim == [], reply


def test_body_of_a_get_is_drained(server, present):
    """Allowed by HTTP, used by few; what it carries is no request of its own."""
    with raw.Connection(server) as connection:
        inner = b"DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n"
        reply = connection.request("GET", present, body=inner, payload=sigv4.UNSIGNED)
        assert reply.status in (200, 400), reply
        if reply.header("connection") != "close":
            assert connection.request("GET", present).body == b"0123456789"


def test_body_too_large_for_one_put(server, key):
    with raw.Connection(server) as connection:
        connection.start("PUT", key, EXPECT, length=5 * 1024**3 + 1, payload=sigv4.UNSIGNED)
        reply = connection.reply()
        assert (reply.status, reply.code, reply.interim) == (400, "EntityTooLarge", []), reply


def test_xml_body_too_large(server, bucket):
    with raw.Connection(server) as connection:
        connection.start("POST", f"/{bucket}?delete", [*EXPECT, ("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==")], length=50_000_000, payload=sigv4.UNSIGNED)
        reply = connection.reply()
        assert reply.status == 400 and reply.code in ("MaxMessageLengthExceeded", "EntityTooLarge", "MalformedXML"), reply
