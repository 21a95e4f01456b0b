"""aws-chunked bodies: signed, with trailers, unsigned; and every way in which they can be wrong."""
import base64
import os
import zlib

import pytest

import raw
import sigv4

DATA = os.urandom(70_000)
PIECES = [DATA[:8192], DATA[8192:40_000], DATA[40_000:]]
KINDS = {"signed": sigv4.CHUNKED, "signed-trailer": sigv4.CHUNKED_TRAILER, "unsigned-trailer": sigv4.UNSIGNED_TRAILER}


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


class Upload:
    """A chunked PUT whose body is put together by the test."""

    def __init__(self, server, key, kind, decoded=None, trailer="x-amz-checksum-crc32", headers=()):
        self.connection, self.key, self.kind, self.signer = raw.Connection(server), key, kind, sigv4.Signer()
        self.headers = [*headers, ("Content-Encoding", "aws-chunked")]
        if decoded is not False:
            self.headers.append(("x-amz-decoded-content-length", len(DATA) if decoded is None else decoded))
        if kind != sigv4.CHUNKED and trailer:
            self.headers.append(("x-amz-trailer", trailer))
        # The signature of the first chunk hangs on that of the head, which is over the length of all of it when
        # Content-Length is signed; it is not here, so a first pass gives the seed.
        self.seed_headers = [("Host", self.connection.host), *self.headers]
        self.signer.headers("PUT", key, self.seed_headers, kind)

    def chunk(self, data):
        if self.kind == sigv4.UNSIGNED_TRAILER:
            return b"%x\r\n%s" % (len(data), data + b"\r\n" if data else b"")
        return self.signer.chunk(data)

    def trailer(self, *fields):
        if self.kind == sigv4.CHUNKED:
            return b"\r\n"
        if self.kind == sigv4.UNSIGNED_TRAILER:
            return "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n"
        return self.signer.trailer(*fields)

    def body(self, pieces=PIECES, fields=None):
        fields = [f"x-amz-checksum-crc32:{crc32(b''.join(pieces))}"] if fields is None else fields
        return b"".join(self.chunk(piece) for piece in [*pieces, b""]) + self.trailer(*fields)

    def send(self, body, length=None):
        seed = self.signer.seed
        headers = self.signer.headers("PUT", self.key, self.seed_headers, self.kind)
        assert self.signer.seed == seed
        headers.append(("Content-Length", len(body) if length is None else length))
        self.connection.send(raw.head("PUT", self.key, headers))
        self.connection.send_what_goes(body)
        with self.connection:
            return self.connection.reply()


def assert_refused(server, key, reply, *codes, status=400):
    assert reply.status == status and reply.code in codes, reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(params=["signed", "signed-trailer"])
def signed_kind(request):
    return KINDS[request.param]


@pytest.fixture(params=["signed-trailer", "unsigned-trailer"])
def trailer_kind(request):
    return KINDS[request.param]


def test_right(server, key, kind):
    upload = Upload(server, key, kind)
    reply = upload.send(upload.body())
    assert reply.status == 200, reply
    if kind != sigv4.CHUNKED:
        assert reply.header("x-amz-checksum-crc32") == crc32(DATA)
    reply = raw.request(server, "GET", key)
    assert reply.body == DATA and reply.header("content-encoding") is None


@pytest.mark.parametrize("size", [0, 1, 8191, 8192])
def test_right_in_one_chunk(server, key, kind, size):
    upload = Upload(server, key, kind, decoded=size)
    assert upload.send(upload.body([DATA[:size]] if size else [])).status == 200
    assert raw.request(server, "GET", key).body == DATA[:size]


def test_framing_byte_by_byte(server, key, kind):
    """However the bytes are cut on their way, chunk headers never get into the content."""
    upload = Upload(server, key, kind, decoded=300)
    body = upload.body([DATA[:300]])
    headers = upload.signer.headers("PUT", key, upload.seed_headers, kind)
    with upload.connection as connection:
        connection.send(raw.head("PUT", key, [*headers, ("Content-Length", len(body))]))
        for byte in body:
            connection.send(bytes([byte]))
        assert connection.reply().status == 200
    assert raw.request(server, "GET", key).body == DATA[:300]


def test_content_encoding_keeps_the_rest(server, key):
    upload = Upload(server, key, sigv4.UNSIGNED_TRAILER, headers=[])
    upload.seed_headers = [(name, "aws-chunked,gzip" if name == "Content-Encoding" else value) for name, value in upload.seed_headers]
    assert upload.send(upload.body()).status == 200
    assert raw.request(server, "HEAD", key).header("content-encoding") == "gzip"


SIZE_LINES = {
    "no-hex": b"zz", "negative": b"-1", "prefix": b"0x10", "space": b" 10", "space-behind": b"10 ", "empty": b"", "plus": b"+10", "overflow": b"1" + b"0" * 16,
    "64-bits": b"f" * 16, "endless": b"0" * 5000, "nul": b"1\x000", "dot": b"1.0", "upper-x": b"1X",
}


@pytest.mark.parametrize("name", SIZE_LINES)
def test_bad_chunk_size(server, key, kind, name):
    upload = Upload(server, key, kind)
    body = upload.body()
    first = body.index(b";" if kind != sigv4.UNSIGNED_TRAILER else b"\r\n")
    reply = upload.send(SIZE_LINES[name] + body[first:])
    assert_refused(server, key, reply, "InvalidArgument", "IncompleteBody", "InvalidChunkSizeError", "SignatureDoesNotMatch",
                   status=403 if reply.code == "SignatureDoesNotMatch" else 400)


def test_oversized_chunk(server, key, kind):
    """A chunk of 4 GiB in a body that declares 70,000 bytes: refused before anything is kept for it."""
    upload = Upload(server, key, kind)
    body = upload.body()
    first = body.index(b";" if kind != sigv4.UNSIGNED_TRAILER else b"\r\n")
    assert_refused(server, key, upload.send(b"100000000" + body[first:]), "IncompleteBody", "InvalidArgument")


@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_wrong_chunk_signature(server, key, signed_kind, which):
    upload = Upload(server, key, signed_kind)
    body = upload.body()
    places = [i for i in range(len(body)) if body.startswith(b"chunk-signature=", i)]
    at = {"first": places[0], "middle": places[1], "last": places[-1]}[which] + 16
    tampered = body[:at] + (b"0" if body[at:at + 1] != b"0" else b"1") + body[at + 1:]
    assert_refused(server, key, upload.send(tampered), "SignatureDoesNotMatch", status=403)


@pytest.mark.parametrize("at", [100, 10_000, -200])
def test_tampered_data_of_a_signed_chunk(server, key, signed_kind, at):
    upload = Upload(server, key, signed_kind)
    body = bytearray(upload.body())
    if at < 0:
        at += bytes(body).rindex(b"\r\n0;")
    body[at] ^= 1
    assert_refused(server, key, upload.send(bytes(body)), "SignatureDoesNotMatch", "InvalidArgument", status=403)


def test_chunks_in_another_order(server, key, signed_kind):
    upload = Upload(server, key, signed_kind)
    first, second, third = (upload.chunk(piece) for piece in PIECES)
    body = second + first + third + upload.chunk(b"") + upload.trailer(f"x-amz-checksum-crc32:{crc32(DATA)}")
    assert_refused(server, key, upload.send(body), "SignatureDoesNotMatch", status=403)


def test_chunk_repeated(server, key, signed_kind):
    upload = Upload(server, key, signed_kind, decoded=16384)
    chunk = upload.chunk(DATA[:8192])
    body = chunk + chunk + upload.chunk(b"") + upload.trailer(f"x-amz-checksum-crc32:{crc32(DATA[:8192] * 2)}")
    assert_refused(server, key, upload.send(body), "SignatureDoesNotMatch", status=403)


@pytest.mark.parametrize("change", [
    lambda body: body.replace(b";chunk-signature=", b";chunk-signatura="),
    lambda body: body.replace(b";chunk-signature=", b";"),
    lambda body: body.replace(b";chunk-signature=", b";chunk-signature=0"),
    lambda body: body.replace(b";chunk-signature=", b";other=1;chunk-signature=" + b"a" * 2000),
    lambda body: body.replace(b"\r\n", b"\n", 1),
    lambda body: b"\r\n" + body,
])
def test_malformed_chunk_header(server, key, signed_kind, change):
    upload = Upload(server, key, signed_kind)
    reply = upload.send(change(upload.body()))
    assert_refused(server, key, reply, "InvalidArgument", "SignatureDoesNotMatch", "IncompleteBody",
                   status=403 if reply.code == "SignatureDoesNotMatch" else 400)


def test_unsigned_chunks_where_signed_ones_were_announced(server, key, signed_kind):
    upload = Upload(server, key, signed_kind)
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in PIECES) + b"0\r\n\r\n"
    assert_refused(server, key, upload.send(body), "InvalidArgument", "IncompleteBody")


def test_plain_body_where_chunks_were_announced(server, key, kind):
    upload = Upload(server, key, kind)
    assert_refused(server, key, upload.send(DATA), "InvalidArgument", "IncompleteBody")


def test_small_chunk_that_is_not_the_last(server, key, signed_kind):
    """AWS demands 8 KiB of every signed chunk but the last."""
    upload = Upload(server, key, signed_kind, decoded=9000)
    assert_refused(server, key, upload.send(upload.body([DATA[:100], DATA[100:9000]])), "InvalidChunkSizeError")


@pytest.mark.parametrize("difference", [-1, 1, -70_000, 1_000_000])
def test_wrong_decoded_length(server, key, kind, difference):
    upload = Upload(server, key, kind, decoded=len(DATA) + difference)
    assert_refused(server, key, upload.send(upload.body()), "IncompleteBody")


@pytest.mark.parametrize("value", ["-1", "abc", "", "1e3", "0x10", "99999999999999999999999", "70000.0", "18446744073709551615"])
def test_malformed_decoded_length(server, key, kind, value):
    upload = Upload(server, key, kind, decoded=value)
    assert_refused(server, key, upload.send(upload.body()), "InvalidArgument")


def test_decoded_length_past_the_maximum(server, key, kind):
    upload = Upload(server, key, kind, decoded=5 * 1024**3 + 1)
    assert_refused(server, key, upload.send(upload.body()), "EntityTooLarge")


def test_missing_decoded_length(server, key, kind):
    upload = Upload(server, key, kind, decoded=False)
    assert_refused(server, key, upload.send(upload.body()), "MissingContentLength", status=411)


def test_end_without_the_last_chunk(server, key, kind):
    upload = Upload(server, key, kind)
    body = b"".join(upload.chunk(piece) for piece in PIECES)
    assert_refused(server, key, upload.send(body), "IncompleteBody")


@pytest.mark.parametrize("cut", [1, 2, 10, 60, 5000])
def test_end_within_the_framing(server, key, kind, cut):
    """A body whose HTTP length is right and whose last chunk is not whole. AWS's clients end the section in
    different ways, so that an end of line is missing is no fault."""
    upload = Upload(server, key, kind)
    body = upload.body()
    reply = upload.send(body[:-cut])
    if cut <= 4:
        assert reply.status in (200, 400), reply
    else:
        assert_refused(server, key, reply, "IncompleteBody", "MalformedTrailerError", "InvalidArgument", "SignatureDoesNotMatch", "InvalidRequest", "BadDigest",
                       status=reply.status)


def test_missing_trailer(server, key, trailer_kind):
    upload = Upload(server, key, trailer_kind)
    assert_refused(server, key, upload.send(upload.body(fields=[])), "MalformedTrailerError")


def test_missing_trailer_signature(server, key):
    upload = Upload(server, key, sigv4.CHUNKED_TRAILER)
    body = upload.body()
    assert_refused(server, key, upload.send(body[:body.index(b"x-amz-trailer-signature")] + b"\r\n"), "MalformedTrailerError")


def test_wrong_trailer_signature(server, key):
    upload = Upload(server, key, sigv4.CHUNKED_TRAILER)
    body = upload.body()
    at = body.index(b"x-amz-trailer-signature:") + 24
    tampered = body[:at] + (b"0" if body[at:at + 1] != b"0" else b"1") + body[at + 1:]
    assert_refused(server, key, upload.send(tampered), "SignatureDoesNotMatch", status=403)


def test_trailer_changed_behind_its_signature(server, key):
    upload = Upload(server, key, sigv4.CHUNKED_TRAILER)
    body = upload.body().replace(crc32(DATA).encode(), crc32(b"other").encode())
    assert_refused(server, key, upload.send(body), "SignatureDoesNotMatch", status=403)


def test_wrong_trailer_checksum(server, key, trailer_kind):
    upload = Upload(server, key, trailer_kind)
    assert_refused(server, key, upload.send(upload.body(fields=[f"x-amz-checksum-crc32:{crc32(b'other')}"])), "BadDigest")


@pytest.mark.parametrize("value", ["", "x", "AAAA", "AAAAAA==-2", "*" * 8, "A" * 5000])
def test_malformed_trailer_checksum(server, key, trailer_kind, value):
    upload = Upload(server, key, trailer_kind)
    assert_refused(server, key, upload.send(upload.body(fields=[f"x-amz-checksum-crc32:{value}"])), "InvalidRequest", "MalformedTrailerError")


@pytest.mark.parametrize("name,fields", [
    ("another-name", ["x-amz-checksum-sha1:AAAA"]),
    ("one-more", ["x-amz-checksum-crc32:{crc}", "x-amz-meta-late:1"]),
    ("twice", ["x-amz-checksum-crc32:{crc}", "x-amz-checksum-crc32:{crc}"]),
    ("no-colon", ["x-amz-checksum-crc32"]),
    ("no-name", [":{crc}"]),
    ("too-many", ["x-amz-checksum-crc32:{crc}"] + [f"x{i}:1" for i in range(50)]),
    ("too-long", ["x-amz-checksum-crc32:" + "A" * 20_000]),
])
def test_trailers_that_were_not_promised(server, key, trailer_kind, name, fields):
    upload = Upload(server, key, trailer_kind)
    fields = [field.format(crc=crc32(DATA)) for field in fields]
    assert_refused(server, key, upload.send(upload.body(fields=fields)), "MalformedTrailerError")


def test_trailers_where_none_are(server, key):
    upload = Upload(server, key, sigv4.CHUNKED)
    body = upload.body() + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert_refused(server, key, upload.send(body), "InvalidArgument", "MalformedTrailerError")


@pytest.mark.parametrize("extra", [b"x", b"5\r\nhello\r\n0\r\n\r\n", b"\0", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"])
def test_extra_data_after_the_end(server, key, kind, extra):
    upload = Upload(server, key, kind)
    assert_refused(server, key, upload.send(upload.body() + extra), "InvalidArgument", "MalformedTrailerError")


def test_content_length_shorter_than_the_body(server, key, kind):
    upload = Upload(server, key, kind)
    body = upload.body()
    assert_refused(server, key, upload.send(body, length=len(body) - 100), "IncompleteBody", "MalformedTrailerError", "SignatureDoesNotMatch", "InvalidRequest",
                   "InvalidArgument", "BadDigest", status=403 if kind == sigv4.CHUNKED_TRAILER and False else 400)


@pytest.mark.parametrize("payload", [sigv4.CHUNKED, sigv4.CHUNKED_TRAILER])
def test_signed_chunks_of_nobody(server, key, payload):
    with raw.Connection(server) as connection:
        connection.send(raw.head("PUT", key, [("Host", connection.host), ("x-amz-content-sha256", payload), ("Content-Length", 5),
                                              ("x-amz-decoded-content-length", 5)]) + b"hello")
        reply = connection.reply()
        assert reply.status in (400, 403) and reply.code in ("InvalidRequest", "AccessDenied"), reply


def test_chunk_signed_with_another_key(server, key, signed_kind):
    upload = Upload(server, key, signed_kind)
    seed, own = upload.signer.seed, upload.signer.key
    upload.signer.key = sigv4.Signer(secret="another secret").key
    body = upload.body()
    upload.signer.key = own
    upload.signer.seed = seed
    assert_refused(server, key, upload.send(body), "SignatureDoesNotMatch", status=403)


def test_ten_thousand_empty_trailing_lines(server, key, kind):
    upload = Upload(server, key, kind)
    reply = upload.send(upload.body() + b"\r\n" * 100_000)
    assert reply.status == 400 and reply.code in ("MalformedTrailerError", "InvalidArgument"), reply


def test_many_tiny_unsigned_chunks(server, key):
    """One byte a chunk, as a careless stream makes them: slow to send, but right."""
    upload = Upload(server, key, sigv4.UNSIGNED_TRAILER, decoded=5000)
    assert upload.send(upload.body([DATA[i:i + 1] for i in range(5000)])).status == 200
    assert raw.request(server, "GET", key).body == DATA[:5000]


def test_failure_in_the_middle_of_a_large_body(server, key, signed_kind):
    """The rest is taken up to a bound and the error delivered, or the connection is closed."""
    piece = os.urandom(65536)
    upload = Upload(server, key, signed_kind, decoded=65536 * 60)
    body = upload.body([piece] * 60)
    tampered = body.replace(b"chunk-signature=", b"chunk-signature=f", 1).replace(b"\r\n", b"", 0)
    at = body.index(b"chunk-signature=") + 16
    tampered = body[:at] + b"f" * 64 + body[at + 64:]
    assert_refused(server, key, upload.send(tampered), "SignatureDoesNotMatch", status=403)
