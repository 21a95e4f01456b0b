"""Clients that stop in the middle: at each place of a request, by silence, by closing their half, or by a reset.
Whatever it was, nothing is answered that was not asked, nothing is stored, and what it took is given back."""
import os
import socket
import struct
import threading

import pytest

import conftest
import lakegated
import raw
import sigv4

SETTINGS = {"LAKEGATE_HEADER_TIMEOUT": "2", "LAKEGATE_IDLE_TIMEOUT": "4", "LAKEGATE_MIN_RATE": "4K"}
PATIENCE_S = 40  # the rate is taken over 30 s
LARGE = 1_500_000


def signed(server, method, target, headers, length, payload=sigv4.UNSIGNED):
    headers = [("Host", f"127.0.0.1:{server.port}"), *headers]
    if length is not None:
        headers.append(("Content-Length", length))
    return raw.head(method, target, sigv4.Signer().headers(method, target, headers, payload))


def put(server, size=1000):
    return signed(server, "PUT", "/stops/k", [], size) + os.urandom(size)


def aws_chunked(server):
    body = b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    headers = [("x-amz-decoded-content-length", "1000"), ("Content-Encoding", "aws-chunked"), ("x-amz-trailer", "x-amz-checksum-crc32")]
    return signed(server, "PUT", "/stops/k", headers, len(body), sigv4.UNSIGNED_TRAILER) + body


def http_chunked(server):
    headers = [("Transfer-Encoding", "chunked"), ("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==")]
    return signed(server, "POST", "/stops?delete", headers, None) + b"10\r\n<Delete><Object>\r\n0\r\nX: a\r\n\r\n"


def form(server):
    body = (b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
            + b"x" * 500 + b"\r\n--b--\r\n")
    return raw.head("POST", "/stops", [("Host", "h"), ("Content-Type", "multipart/form-data; boundary=b"), ("Content-Length", len(body))]) + body


def query(server):
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    return raw.head("POST", "/", [("Host", "h"), ("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", len(body))]) + body


def refused(server):
    return signed(server, "PUT", "/no-such-bucket-here/k", [], 1000) + b"x" * 1000


# What is sent, and how much of it: as a mark that comes just before the stop, or in parts of the whole.
PLACES = {
    "method": (put, b"PU"), "behind-method": (put, b"PUT "), "target": (put, b"/sto"), "behind-target": (put, b"/stops/k "),
    "version": (put, b"HTTP/1."), "line-cr": (put, b"HTTP/1.1\r"), "line-end": (put, b"HTTP/1.1\r\n"), "name": (put, b"\r\nHos"),
    "colon": (put, b"\r\nHost:"), "value": (put, b"Host: 127."), "value-cr": (put, b"Content-Length: 1000\r"), "value-end": (put, b"Content-Length: 1000\r\n"),
    "head-cr": (put, b"\r\n\r"), "head-end": (put, b"\r\n\r\n"), "body-first": (put, 0.9), "body-last": (put, -1),
    "chunk-size": (aws_chunked, b"\r\n\r\n3e"), "chunk-size-cr": (aws_chunked, b"3e8\r"), "chunk-begin": (aws_chunked, b"3e8\r\n"), "chunk-data": (aws_chunked, b"x" * 500),
    "chunk-end": (aws_chunked, b"x" * 1000), "chunk-end-cr": (aws_chunked, b"x" * 1000 + b"\r"), "last-chunk": (aws_chunked, b"\r\n0\r\n"),
    "trailer-name": (aws_chunked, b"0\r\nx-amz-che"), "trailer-value": (aws_chunked, b"crc32:AAAA"), "trailer-end": (aws_chunked, -2),
    "http-chunk-size": (http_chunked, b"\r\n\r\n1"), "http-chunk-begin": (http_chunked, b"10\r\n"), "http-chunk-data": (http_chunked, b"<Delete>"),
    "http-last-chunk": (http_chunked, b"0\r\n"), "http-trailer": (http_chunked, b"X: a"), "http-trailer-end": (http_chunked, b"X: a\r\n"),
    "form-head": (form, b"--b\r\nContent-Dis"), "form-key": (form, b"\r\n\r\nk"), "form-file": (form, b'filename="f"\r\n\r\nxxx'), "form-last": (form, -1),
    "query-begin": (query, b"\r\n\r\nAct"), "query-last": (query, -1), "refused-begin": (refused, b"\r\n\r\nx"), "refused-last": (refused, -1),
    "large-first-buffer": (lambda server: put(server, LARGE), 0.1), "large-second-buffer": (lambda server: put(server, LARGE), 0.3),
    "large-last": (lambda server: put(server, LARGE), -1),
}


def up_to(data, place):
    if isinstance(place, bytes):
        return data[:data.index(place) + len(place)]
    return data[:place] if place < 0 else data[:int(len(data) * place)]


def stop(server, name, how):
    """What comes back until the end of the connection; None when there is none."""
    make, place = PLACES[name]
    with raw.Connection(server, timeout=PATIENCE_S) as connection:
        connection.send(up_to(make(server), place))
        if how == "reset":
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return b""
        if how == "half":
            connection.socket.shutdown(1)
        try:
            while connection.receive():
                pass
        except TimeoutError:
            return None
        return bytes(connection.input)


@pytest.fixture(scope="module")
def outcomes():
    """Every place in every way, all at once."""
    found = {}
    with lakegated.Lakegated(environment=SETTINGS) as server:
        assert raw.request(server, "PUT", "/stops").status == 200
        before = conftest.descriptors(server), conftest.large_files(server)

        def run(name, how):
            try:
                found[name, how] = stop(server, name, how)
            except Exception as error:  # told by its test
                found[name, how] = error

        clients = [threading.Thread(target=run, args=(name, how)) for name in PLACES for how in ("silent", "half", "reset")]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        conftest.back_to(server, 1, conftest.open_connections)
        conftest.back_to(server, before[0], conftest.descriptors)
        assert raw.wait_for(lambda: conftest.large_files(server) == before[1], 30)
        assert raw.request(server, "GET", "/stops/k").code == "NoSuchKey"
        assert server.stop() == 0
        conftest.assert_clean(server)
    return found


@pytest.mark.parametrize("how", ["silent", "half", "reset"])
@pytest.mark.parametrize("name", PLACES)
def test_stop(outcomes, name, how):
    answered = outcomes[name, how]
    assert not isinstance(answered, Exception), answered
    assert answered is not None, "it is waited for for ever"
    assert answered == b"" or answered.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 ")), answered
