"""Uploads that end too early: nothing may be left of them but what is cleared away soon."""
import os

import pytest

import conftest
import raw
import sigv4

LARGE = 3_000_000  # past what is packed into segments: a file of its own
SIZES = {"empty": 0, "inline": 100, "packed": 60_000, "file": LARGE}


def assert_nothing_left(server, key, files):
    """The key is absent and the data folder has no file that was not there before."""
    assert raw.wait_for(lambda: conftest.open_connections(server) <= 1, 30), "the daemon did not see the end"
    assert raw.wait_for(lambda: conftest.large_files(server) <= files, 30), conftest.large_files(server) - files
    reply = raw.request(server, "GET", key)
    assert (reply.status, reply.code) == (404, "NoSuchKey"), reply


@pytest.fixture
def files(server):
    return conftest.large_files(server)


# Where in the bytes of an upload the client goes away, as a share of the body.
STAGES = {"before-body": 0, "first-byte": 1, "middle": 0.5, "one-byte-missing": -1}


@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("size", ["inline", "packed", "file"])
def test_plain_body_ends_early(server, key, files, size, stage, how):
    body = os.urandom(SIZES[size])
    at = STAGES[stage]
    cut = len(body) + at if at < 0 else int(len(body) * at) if at < 1 else at
    with raw.Connection(server) as connection:
        connection.start("PUT", key, body=body)
        connection.send(body[:cut])
        end(connection, how)
    assert_nothing_left(server, key, files)


def end(connection, how):
    import socket
    import struct
    if how == "reset":
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "half-close":
        connection.socket.shutdown(socket.SHUT_WR)
        try:
            reply = connection.reply()
            assert reply.status >= 400, reply
        except raw.Closed:
            pass


def chunked_stages(signer, connection, key, size, kind):
    """The pieces of a chunked upload of two chunks, between which a client may vanish."""
    half = size // 2
    headers = [("x-amz-decoded-content-length", str(size)), ("Content-Encoding", "aws-chunked")]
    trailing = kind != sigv4.CHUNKED
    data = os.urandom(size)
    if trailing:
        headers.append(("x-amz-trailer", "x-amz-checksum-crc32"))
    connection.start("PUT", key, headers, length=size * 2, payload=kind, signer=signer)
    chunk = signer.chunk if kind != sigv4.UNSIGNED_TRAILER else lambda d: b"%x\r\n%s" % (len(d), d + b"\r\n" if d else b"")
    first, second, last = chunk(data[:half]), chunk(data[half:]), chunk(b"")
    line = first.index(b"\r\n") + 2
    yield "before-body", b""
    yield "mid-chunk-header", first[:line - 3]
    yield "after-chunk-header", first[line - 3:line]
    yield "mid-chunk", first[line:line + half // 2]
    yield "before-chunk-end", first[line + half // 2:-2]
    yield "after-first-chunk", first[-2:]
    yield "mid-second-chunk", second[:-10]
    yield "before-last-chunk", second[-10:]
    yield "before-trailer", last
    yield "mid-trailer", b"x-amz-checksum-crc32:AAAA" if trailing else b"\r"


CHUNK_STAGES = ["before-body", "mid-chunk-header", "after-chunk-header", "mid-chunk", "before-chunk-end", "after-first-chunk",
                "mid-second-chunk", "before-last-chunk", "before-trailer", "mid-trailer"]


@pytest.mark.parametrize("kind", [sigv4.CHUNKED, sigv4.CHUNKED_TRAILER, sigv4.UNSIGNED_TRAILER])
@pytest.mark.parametrize("size", [20_000, LARGE])
def test_chunked_body_ends_early(server, bucket, kind, size, files):
    for number, stage in enumerate(CHUNK_STAGES):
        key = f"/{bucket}/chunked-{kind[10:14]}{len(kind)}-{size}-{number}"
        with raw.Connection(server) as connection:
            for name, piece in chunked_stages(sigv4.Signer(), connection, key, size, kind):
                connection.send(piece)
                if name == stage:
                    break
        reply = raw.request(server, "GET", key)
        assert (reply.status, reply.code) == (404, "NoSuchKey"), (stage, reply)
    assert_nothing_left(server, f"/{bucket}/none", files)


def test_gone_after_the_last_byte(server, key, files):
    """Nobody waits for the answer: the object is there whole, or not at all."""
    body = os.urandom(LARGE)
    with raw.Connection(server) as connection:
        connection.start("PUT", key, body=body)
        connection.send(body)
    raw.wait_for(lambda: raw.request(server, "HEAD", key).status == 200, 10)
    reply = raw.request(server, "GET", key)
    assert (reply.status == 200 and reply.body == body) or reply.code == "NoSuchKey", reply
    assert raw.request(server, "DELETE", key).status == 204
    assert_nothing_left(server, key, files)


def test_part_ends_early(server, key, files):
    upload = raw.request(server, "POST", key + "?uploads").field("UploadId")
    body = os.urandom(LARGE)
    for cut in (0, 1, len(body) // 2, len(body) - 1):
        with raw.Connection(server) as connection:
            connection.start("PUT", f"{key}?partNumber=1&uploadId={upload}", body=body)
            connection.send(body[:cut])
    reply = raw.request(server, "GET", f"{key}?uploadId={upload}")
    assert reply.status == 200 and b"<Part>" not in reply.body, reply
    assert raw.request(server, "DELETE", f"{key}?uploadId={upload}").status == 204
    assert_nothing_left(server, key, files)


def test_aborted_upload_leaves_no_file(server, key, files):
    upload = raw.request(server, "POST", key + "?uploads").field("UploadId")
    for number in (1, 2):
        assert raw.request(server, "PUT", f"{key}?partNumber={number}&uploadId={upload}", body=os.urandom(LARGE)).status == 200
    assert len(conftest.large_files(server) - files) == 2
    assert raw.request(server, "DELETE", f"{key}?uploadId={upload}").status == 204
    assert_nothing_left(server, key, files)


def test_truncated_overwrite_keeps_the_old_object(server, present):
    body = os.urandom(LARGE)
    with raw.Connection(server) as connection:
        connection.start("PUT", present, body=body)
        connection.send(body[:-1])
    assert raw.request(server, "GET", present).body == b"0123456789"


def test_many_uploads_vanish_at_once(server, key, files):
    body = os.urandom(LARGE)
    open_connections = [raw.Connection(server) for _ in range(40)]
    for number, connection in enumerate(open_connections):
        connection.start("PUT", f"{key}-{number}", body=body)
        connection.send_what_goes(body[: number * 70_000])
    for connection in open_connections:
        connection.close()
    for number in range(40):
        assert raw.request(server, "HEAD", f"{key}-{number}").status == 404
    assert_nothing_left(server, key, files)


def test_body_longer_than_declared_is_the_next_request(server, key, present):
    """Content-Length rules: five bytes are the object, what follows is no part of it."""
    with raw.Connection(server) as connection:
        connection.start("PUT", key, body=b"hello")
        connection.send(b"hello world, this is no request\r\n\r\n")
        assert connection.reply().status == 200
        try:
            assert connection.reply().status in (400, 405, 501, 505)
        except raw.Closed:
            pass
    assert raw.request(server, "GET", key).body == b"hello"


def test_xml_body_ends_early(server, bucket, present):
    document = b"<Delete><Object><Key>" + present.rsplit("/", 1)[1].encode() + b"</Key></Object></Delete>"
    for cut in (0, 1, len(document) - 1):
        with raw.Connection(server) as connection:
            connection.start("POST", f"/{bucket}?delete", [("x-amz-checksum-crc32", crc32(document))], document)
            connection.send(document[:cut])
    assert raw.request(server, "GET", present).body == b"0123456789"


def crc32(data):
    import base64
    import zlib
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def test_response_reader_vanishes(server, key):
    """A download that is given up in the middle costs nothing afterwards."""
    content = os.urandom(16_000_000)
    assert raw.request(server, "PUT", key, body=content, payload=sigv4.UNSIGNED).status == 200
    before = conftest.descriptors(server)
    for received in (0, 1, 1000, 1_000_000):
        with raw.Connection(server) as connection:
            connection.start("GET", key)
            if received:
                connection.take(received)
    assert raw.wait_for(lambda: conftest.descriptors(server) <= before, 20)
    assert raw.request(server, "GET", key).body == content
    assert raw.request(server, "DELETE", key).status == 204
