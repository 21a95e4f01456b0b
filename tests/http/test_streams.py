"""Answers that are made while they are sent, on the wire: a ZIP in chunks, to the end of the connection, left halfway.
tests/unit/daemon/test_streams.c has those that wait."""
import io
import zipfile

import pytest

import conftest
import raw


@pytest.fixture(scope="module")
def folder(server, bucket):
    """The target of a ZIP of some MiB, and what is in it."""
    bodies = {f"zip/{n}": bytes([n]) * (n * 100_000) for n in range(12)}
    for key, body in bodies.items():
        assert raw.request(server, "PUT", f"/{bucket}/{key}", body=body).status == 200
    return f"/{bucket}?lakegate-zip&prefix=zip%2F", {key[4:]: body for key, body in bodies.items()}


def assert_whole(data, bodies):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == bodies


def test_in_chunks_and_the_connection_lives_on(server, folder):
    target, bodies = folder
    with raw.Connection(server) as connection:
        for _ in range(2):
            reply = connection.request("GET", target)
            assert reply.status == 200 and reply.header("transfer-encoding") == "chunked" and reply.header("content-length") is None
            assert_whole(reply.body, bodies)
        assert connection.request("GET", "/").status == 200


def test_to_the_end_of_an_old_connection(server, folder):
    target, bodies = folder
    with raw.Connection(server) as connection:
        signed = raw.sigv4.Signer().headers("GET", target, [("Host", connection.host)], raw.sigv4.sha256(b""))
        connection.send(raw.head("GET", target, signed, version="HTTP/1.0"))
        reply = connection.reply()
        assert reply.status == 200 and reply.header("transfer-encoding") is None
        assert_whole(reply.body, bodies)


def test_whoever_leaves_halfway_leaves_nothing(server, folder):
    target, _ = folder
    before = conftest.descriptors(server)
    for received in (1, 1000, 100_000, 1_000_000) * 5:
        with raw.Connection(server, receive_buffer=4096) as connection:
            connection.start("GET", target)
            connection.take(received)
    conftest.back_to(server, before, conftest.descriptors)
    assert raw.wait_for(lambda: b"\nlakegate_streams 0\n" in raw.request(server, "GET", "/-/metrics").body)


def test_too_many_at_once_are_told_to_come_again(start):
    server = start(environment={"LAKEGATE_STREAMS": "2"})
    assert raw.request(server, "PUT", "/zips").status == 200
    assert raw.request(server, "PUT", "/zips/large", body=bytes(30_000_000)).status == 200
    held = [raw.Connection(server, receive_buffer=4096) for _ in range(2)]
    for connection in held:
        connection.start("GET", "/zips?lakegate-zip")
        connection.take_until(b"\r\n\r\n")
    refused = raw.request(server, "GET", "/zips?lakegate-zip")
    assert refused.status == 503 and refused.code == "SlowDown" and refused.header("retry-after") == "1"
    assert raw.request(server, "GET", "/zips/large", [("Range", "bytes=0-0")]).status == 206
    for connection in held:
        connection.close()
    assert raw.wait_for(lambda: raw.request(server, "GET", "/zips?lakegate-zip&prefix=none").status == 200)


def test_stopping_waits_for_a_zip_under_way(start):
    server = start()
    assert raw.request(server, "PUT", "/zips").status == 200
    assert raw.request(server, "PUT", "/zips/large", body=bytes(30_000_000)).status == 200
    with raw.Connection(server, receive_buffer=4096) as connection:
        connection.start("GET", "/zips?lakegate-zip")
        head = connection.take_until(b"\r\n\r\n")
        server.process.terminate()
        assert raw.wait_for(lambda: "stopping" in server.log_tail())
        connection.input = bytearray(head) + connection.input
        assert_whole(connection.reply().body, {"large": bytes(30_000_000)})
    assert server.process.wait(30) == 0
