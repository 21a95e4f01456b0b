"""Requests that two servers in a row would take apart differently: refused, and nothing behind them is
taken for a request."""
import pytest

import raw
import sigv4

HIDDEN = b"DELETE /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


def signed_head(connection, target, extra, method="PUT"):
    """A head whose signature holds, so that nothing but `extra` can be the reason to refuse it."""
    headers = sigv4.Signer().headers(method, target, [("Host", connection.host)], sigv4.UNSIGNED)
    return raw.head(method, target, [*headers, *extra])


FRAMINGS = {
    "transfer-encoding-and-content-length": [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
    "content-length-and-transfer-encoding": [("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
    "content-length-zero-and-transfer-encoding": [("Content-Length", "0"), ("Transfer-Encoding", "chunked")],
    "transfer-encoding-identity": [("Transfer-Encoding", "identity")],
    "transfer-encoding-gzip-chunked": [("Transfer-Encoding", "gzip, chunked")],
    "transfer-encoding-chunked-twice-in-one": [("Transfer-Encoding", "chunked, chunked")],
    "transfer-encoding-twice": [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    "transfer-encoding-cow": [("Transfer-Encoding", "cow"), ("Transfer-Encoding", "chunked")],
    "transfer-encoding-xchunked": [("Transfer-Encoding", "xchunked")],
    "transfer-encoding-quoted": [("Transfer-Encoding", '"chunked"')],
    "transfer-encoding-with-parameter": [("Transfer-Encoding", "chunked;q=1")],
    "transfer-encoding-empty": [("Transfer-Encoding", "")],
    "transfer-encoding-vertical-tab": [("Transfer-Encoding", "\x0bchunked")],
    "content-length-twice-different": [("Content-Length", "5"), ("Content-Length", "6")],
    "content-length-twice-same": [("Content-Length", "5"), ("Content-Length", "5")],
    "content-length-list": [("Content-Length", "5, 5")],
    "content-length-plus": [("Content-Length", "+5")],
    "content-length-minus": [("Content-Length", "-5")],
    "content-length-hex": [("Content-Length", "0x5")],
    "content-length-fraction": [("Content-Length", "5.0")],
    "content-length-space-inside": [("Content-Length", "5 5")],
    "content-length-empty": [("Content-Length", "")],
    "content-length-word": [("Content-Length", "five")],
    "content-length-overflow": [("Content-Length", "18446744073709551616")],
    "content-length-overflow-to-five": [("Content-Length", "18446744073709551621")],
    "host-twice-different": [("Content-Length", "5"), ("Host", "other")],
    "host-twice-same": [("Content-Length", "5"), ("Host", None)],
}


@pytest.mark.parametrize("name", FRAMINGS)
def test_ambiguous_framing_is_refused(server, key, name):
    with raw.Connection(server) as connection:
        extra = [(field, connection.host if value is None else value) for field, value in FRAMINGS[name]]
        connection.send_what_goes(signed_head(connection, key, extra) + b"hello" + HIDDEN)
        reply = connection.reply()
        assert reply.status in (400, 413, 501), reply
        assert connection.closed(), "what follows an ambiguous request must not be read as another"
    assert raw.request(server, "GET", key).code == "NoSuchKey"


@pytest.mark.parametrize("name", ["transfer-encoding-and-content-length", "transfer-encoding-gzip-chunked",
                                  "content-length-twice-different", "host-twice-different"])
def test_ambiguous_framing_gets_the_s3_error(server, key, name):
    with raw.Connection(server) as connection:
        connection.send_what_goes(signed_head(connection, key, FRAMINGS[name]) + b"hello")
        reply = connection.reply()
        assert reply.status in (400, 501) and reply.code in ("InvalidRequest", "BadRequest", "NotImplemented"), reply


NAMES = {
    "space-before-colon": "Content-Length : 5",
    "tab-before-colon": "Content-Length\t: 5",
    "space-inside": "Content Length: 5",
    "parenthesis": "Content(Length): 5",
    "slash": "Content/Length: 5",
    "quote": 'X-"quoted": 5',
    "high-byte": "X-\xff: 5",
    "delete": "X-\x7f: 5",
    "control": "X-\x01: 5",
    "at": "X@Y: 5",
    "comma": "X,Y: 5",
    "brace": "X{Y}: 5",
}


@pytest.mark.parametrize("name", NAMES)
def test_header_name_that_is_no_token(server, key, name):
    with raw.Connection(server) as connection:
        head = signed_head(connection, key, [("Content-Length", "0")] if "Length" not in NAMES[name] else [])
        connection.send_what_goes(head[:-2] + NAMES[name].encode("latin-1") + b"\r\n\r\nhello" + HIDDEN)
        reply = connection.reply()
        assert reply.status == 400, reply
        assert connection.closed()
    assert raw.request(server, "GET", key).code == "NoSuchKey"


@pytest.mark.parametrize("line", [b": empty name\r\n", b"no colon at all\r\n"])
def test_header_line_without_name_or_colon(server, key, line):
    """libmicrohttpd 0.9.75 took a line without a name for the end of the head, and what followed for the body and the
    next request."""
    with raw.Connection(server) as connection:
        head = signed_head(connection, key, [])
        connection.send_what_goes(head[:-2] + line + b"Content-Length: 5\r\n\r\nhello" + HIDDEN)
        assert connection.reply().status == 400
        assert connection.closed()
    assert raw.request(server, "GET", key).code == "NoSuchKey"


CHUNKS = {
    "size-is-no-number": b"zz\r\nhello\r\n0\r\n\r\n",
    "size-negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "size-with-prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size-overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size-empty": b"\r\nhello\r\n0\r\n\r\n",
    "data-longer-than-size": b"3\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_broken_http_chunks_store_nothing(server, key, name):
    """Transfer-Encoding is framing below S3's own: with x-amz-decoded-content-length it is allowed."""
    with raw.Connection(server) as connection:
        extra = [("Transfer-Encoding", "chunked")]
        connection.send_what_goes(signed_head(connection, key, extra) + CHUNKS[name])
        try:
            reply = connection.reply()
            assert reply.status in (400, 411, 413), reply
        except raw.Closed:
            pass
    assert raw.request(server, "GET", key).code == "NoSuchKey"


def test_http_chunks_around_aws_chunks(server, key):
    """What SDKs send for a stream whose length they do not know: both framings, one in the other."""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    with raw.Connection(server) as connection:
        connection.start("PUT", key, [("Transfer-Encoding", "chunked"), ("x-amz-decoded-content-length", "5"),
                                      ("Content-Encoding", "aws-chunked")], payload=sigv4.UNSIGNED_TRAILER, length=False)
        for piece in (body[:4], body[4:]):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")
        assert connection.reply().status == 200
        assert connection.request("GET", key).body == b"hello"


def test_http_chunks_without_a_decoded_length(server, key):
    with raw.Connection(server) as connection:
        connection.start("PUT", key, [("Transfer-Encoding", "chunked")], payload=sigv4.UNSIGNED, length=False)
        connection.send(b"5\r\nhello\r\n0\r\n\r\n")
        reply = connection.reply()
        assert (reply.status, reply.code) == (411, "MissingContentLength"), reply


def delete_chunked(server, bucket, document):
    """DeleteObjects whose length nobody declared."""
    with raw.Connection(server) as connection:
        connection.start("POST", f"/{bucket}?delete", [("Transfer-Encoding", "chunked"), ("Content-MD5", content_md5(document))],
                         payload=sigv4.UNSIGNED, length=False)
        for at in range(0, len(document), 50_000):
            piece = document[at:at + 50_000]
            if connection.send_what_goes(b"%x;ext=%s\r\n%s\r\n" % (len(piece), b"e" * 200, piece)) == 0:
                break
        connection.send_what_goes(b"0\r\nX-Trailer: 1\r\n\r\n")
        return connection.reply()


def content_md5(data):
    import base64
    import hashlib
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def test_xml_in_http_chunks(server, bucket, present):
    key = present.rsplit("/", 1)[1].encode()
    reply = delete_chunked(server, bucket, b"<Delete><Object><Key>%s</Key></Object></Delete>" % key)
    assert reply.status == 200 and b"<Deleted><Key>%s" % key in reply.body, reply


@pytest.mark.parametrize("size", [4 * 1024**2 + 1, 7_000_000])
def test_xml_in_http_chunks_past_the_maximum(server, bucket, size):
    reply = delete_chunked(server, bucket, b"<Delete>".ljust(size))
    assert (reply.status, reply.code) == (400, "MaxMessageLengthExceeded"), reply


LINES = {
    "folded-line": b"X-Folded: a\r\n b\r\n",
    "folded-first-line": b" X-Folded: a\r\n",
    "folded-length": b"Content-Length:\r\n 5\r\n",
    "folded-transfer-encoding": b"Transfer-Encoding:\r\n chunked\r\n",
    "nul-in-value": b"X-Nul: a\0b\r\n",
    "nul-in-name": b"X-\0Nul: a\r\n",
    "nul-in-length": b"Content-Length: 5\x006\r\n",
    "bare-line-feed": b"X-A: b\nContent-Length: 5\r\n",
    "bare-carriage-return": b"X-A: b\rContent-Length: 5\r\n",
    "line-feed-in-transfer-encoding": b"Transfer-Encoding:\n chunked\r\n",
}


@pytest.mark.parametrize("name", LINES)
def test_lines_that_the_library_does_not_show(server, key, name):
    """0.9.75 makes fields of them, and only their gaps tell."""
    with raw.Connection(server) as connection:
        connection.send_what_goes(signed_head(connection, key, [])[:-2] + LINES[name] + b"\r\nhello" + HIDDEN)
        assert connection.reply().status == 400
        assert connection.closed()
    assert raw.request(server, "GET", key).code == "NoSuchKey"


def test_put_without_any_length(server, key):
    reply = raw.request(server, "PUT", key, length=False)
    assert (reply.status, reply.code) == (411, "MissingContentLength"), reply
