"""x-amz-tagging as no SDK sends it: twice, raw bytes, long, in the query of a presigned URL. What is refused is not written."""
import re

import pytest

import raw
import sigv4


def tags(server, key):
    return re.findall(rb"<Key>(.*?)</Key><Value>(.*?)</Value>", raw.request(server, "GET", key + "?tagging").body)


@pytest.mark.parametrize("values, code", [
    (["a=1", "b=1"], "InvalidArgument"),
    (["a=1", "a=2"], "InvalidArgument"),
    (["a=%ff"], "InvalidArgument"),
    (["caf\u00e9=1"], "InvalidArgument"),  # as latin-1
    (["a=%0d%0ax-amz-acl:public-read"], "InvalidTag"),
    (["a=1&" * 2000], "BadRequest"),
    (["&".join(f"k{i}=" for i in range(11))], "BadRequest"),
    (["=" * 8000], "InvalidTag"),
    (["%" * 8000], "InvalidArgument"),
    (["a=" + "v" * 257], "InvalidTag"),
    (["a=" + "%c3%bc" * 257], "InvalidTag"),
])
def test_what_is_refused_is_not_written(server, key, values, code):
    headers = [("x-amz-tagging", value) for value in values]
    reply = raw.request(server, "PUT", key, headers, b"hello")
    assert (reply.status, reply.code) == (400, code), reply
    assert raw.request(server, "GET", key).status == 404


@pytest.mark.parametrize("value, expected", [
    ("a=1&b", [(b"a", b"1"), (b"b", b"")]),
    ("caf%C3%A9=%c3%bc", [("caf\u00e9".encode(), "\u00fc".encode())]),
    ("  a=1  ", [(b"a", b"1")]),
    ("k" * 128 + "=" + "v" * 256, [(b"k" * 128, b"v" * 256)]),
    ("", []),
])
def test_what_is_taken(server, key, value, expected):
    reply = raw.request(server, "PUT", key, [("x-amz-tagging", value)], b"hello")
    assert reply.status == 200, reply
    assert tags(server, key) == expected
    count = raw.request(server, "HEAD", key).header("x-amz-tagging-count")
    assert count == (str(len(expected)) if expected else None)


def test_a_presigned_url_brings_them_in_its_query(server, key):
    with raw.Connection(server) as connection:
        target = sigv4.Signer().presigned("PUT", key + "?x-amz-tagging=a%3D1%26b%2Bc%3D%252B", connection.host)
        connection.send(raw.head("PUT", target, [("Host", connection.host), ("Content-Length", "5")]) + b"hello")
        reply = connection.reply()
        assert reply.status == 200, reply
    assert tags(server, key) == [(b"a", b"1"), (b"b c", b"+")]
    with raw.Connection(server) as connection:  # what was not signed is not taken
        target = sigv4.Signer().presigned("PUT", key, connection.host)
        connection.send(raw.head("PUT", target, [("Host", connection.host), ("Content-Length", "5"), ("x-amz-tagging", "d=1")]) + b"again")
        reply = connection.reply()
        assert (reply.status, reply.code) == (403, "AccessDenied"), reply
    assert tags(server, key) == [(b"a", b"1"), (b"b c", b"+")]
