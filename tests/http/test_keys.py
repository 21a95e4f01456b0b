"""What a key may be: any UTF-8 to 1024 bytes, kept byte for byte."""
from urllib.parse import quote

import pytest

import raw


def listed(server, bucket, prefix):
    reply = raw.request(server, "GET", f"/{bucket}?list-type=2&encoding-type=url&prefix={quote(prefix, safe='')}")
    return reply.body


LITERAL = {
    "dot": ".",
    "two-dots": "..",
    "dot-segments": "a/./b/../c",
    "leading-dots": "../../../etc/passwd",
    "slash": "/",
    "slashes": "//",
    "double-slash": "a//b",
    "leading-slash": "/a",
    "trailing-slash": "a/",
    "backslash": "a\\..\\b",
    "plus": "a+b",
    "space": "a b ",
    "percent": "100%25",
    "encoded-slash-text": "a%2Fb",
    "question-mark": "a?b=c",
    "hash": "a#b",
    "ampersand": "a&b;c=d",
    "quotes": "'\"`",
    "angle": "<Key>&amp;</Key>",
    "umlaut": "größe",
    "emoji": "🌊/🪣",
    "surrogate-order": "\uffff\U00010000",
    "control": "a\x01b\x1fc\x7f",
    "tab-and-line-feed": "a\tb\nc\r",
    "combining": "e\u0301 \u00e9",
    "right-to-left": "\u202egnp.exe",
    "minio-system": ".minio.sys/config",
    "favicon": "favicon.ico",
}


@pytest.mark.parametrize("name", LITERAL)
def test_key_is_kept_literally(server, bucket, name):
    text = f"literal-{name}{LITERAL[name]}" if name not in ("dot", "two-dots", "leading-dots", "slash", "slashes", "leading-slash") else LITERAL[name]
    target = f"/{bucket}/{quote(text, safe='/')}"
    assert raw.request(server, "PUT", target, body=name.encode()).status == 200
    assert raw.request(server, "GET", target).body == name.encode()
    assert f"<Key>{quote(text, safe='/-_.~*')}</Key>".lower() in listed(server, bucket, text).decode().replace("+", "%20").lower()
    assert raw.request(server, "DELETE", target).status == 204
    reply = raw.request(server, "GET", target)
    assert (reply.status, reply.code) == (404, "NoSuchKey"), reply


def test_neighbours_are_different_keys(server, bucket):
    keys = ["n", "n/", "n//", "n/.", "n/..", "n/../n", "n/./n", "N", "n ", "n%20"]
    for number, key in enumerate(keys):
        assert raw.request(server, "PUT", f"/{bucket}/{quote(key, safe='/')}", body=b"%d" % number).status == 200
    for number, key in enumerate(keys):
        assert raw.request(server, "GET", f"/{bucket}/{quote(key, safe='/')}").body == b"%d" % number, key


@pytest.mark.parametrize("piece", ["a", "/", "ä", "🌊", "%"])
def test_1024_bytes_and_1025(server, bucket, piece):
    size = len(piece.encode())
    longest = "k" * (1024 - 1024 // size * size) + piece * (1024 // size)
    assert len(longest.encode()) == 1024
    target = f"/{bucket}/{quote(longest, safe='/')}"
    assert raw.request(server, "PUT", target, body=b"longest").status == 200
    assert raw.request(server, "GET", target).body == b"longest"
    assert raw.request(server, "DELETE", target).status == 204
    for method in ("PUT", "GET", "DELETE"):
        reply = raw.request(server, method, target + "k")
        assert (reply.status, reply.code) == (400, "KeyTooLongError"), (method, reply)
    assert raw.request(server, "HEAD", target + "k").status == 400


BROKEN = {
    "percent-at-end": "a%",
    "percent-one-digit": "a%4",
    "percent-no-hex": "a%zz",
    "percent-space": "a% 1".replace(" ", "+"),
    "percent-minus": "a%-1",
    "percent-unicode": "a%u0041",
    "nul": "a%00b",
    "nul-alone": "%00",
    "utf8-lone-continuation": "a%80",
    "utf8-truncated": "a%e2%82",
    "utf8-overlong-slash": "a%c0%af",
    "utf8-overlong-nul": "a%c0%80",
    "utf8-overlong-three": "a%e0%80%af",
    "utf8-surrogate": "a%ed%a0%80",
    "utf8-past-the-end": "a%f4%90%80%80",
    "utf8-five-bytes": "a%f8%88%80%80%80",
    "utf8-ff": "a%ff",
    "latin-1": "gr%fc%dfe",
    "raw-high-bytes": "a\xff\xfe",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_broken_encoding_of_a_key(server, bucket, method, name):
    with raw.Connection(server) as connection:
        connection.send(raw.head(method, f"/{bucket}/{BROKEN[name]}", [("Host", connection.host), ("Content-Length", 0), ("Connection", "close")]))
        reply = connection.reply()
        assert (reply.status, reply.code) == (400, "InvalidURI"), reply


@pytest.mark.parametrize("query", ["prefix=%", "prefix=%zz", "%ff=1", "prefix=%ff", "prefix=%c0%af", "a=%e2%82"])
def test_broken_encoding_of_a_query(server, bucket, query):
    with raw.Connection(server) as connection:
        connection.send(raw.head("GET", f"/{bucket}?{query}", [("Host", connection.host), ("Connection", "close")]))
        reply = connection.reply()
        assert (reply.status, reply.code) == (400, "InvalidURI"), reply


@pytest.mark.parametrize("query", ["list-type=2&prefix=%00", "list-type=2&delimiter=%00", "list-type=2&start-after=%00", "marker=%00",
                                   "versions&key-marker=%00", "uploads&key-marker=%00&upload-id-marker=%00"])
def test_nul_in_listing_parameters(server, bucket, query):
    reply = raw.request(server, "GET", f"/{bucket}?{query}")
    assert reply.status in (200, 400), reply
    assert reply.status == 200 or reply.code in ("InvalidArgument", "InvalidURI"), reply


@pytest.mark.parametrize("query", ["list-type=2&max-keys=-1", "list-type=2&max-keys=abc", "list-type=2&max-keys=99999999999999999999",
                                   "list-type=2&continuation-token=", "list-type=2&continuation-token=%21%21", "list-type=2&encoding-type=xml",
                                   "list-type=2&continuation-token=AAAA", "list-type=2&max-keys=", "uploads&max-uploads=-1",
                                   "list-type=2&prefix=" + "p" * 1025, "list-type=2&delimiter=" + "d" * 2000,
                                   "list-type=2&start-after=" + "s" * 5000, "versions&version-id-marker=x", "versions&key-marker=k&version-id-marker=%21"])
def test_malformed_listing_parameters(server, bucket, query):
    reply = raw.request(server, "GET", f"/{bucket}?{query}")
    assert reply.status in (200, 400) and (reply.status == 200 or reply.code in ("InvalidArgument", "KeyTooLongError")), reply


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Upper", "under_score", "-dash", "dash-", ".dot", "dot.", "two..dots", "192.168.0.1",
                                  "xn--idn", "name-s3alias", "sthree-x", "amzn-s3-demo-x", "spa%20ce", "sl%5cash", "%c3%a4%c3%a4%c3%a4", "..", "..%2f.."])
def test_bucket_names_that_are_none(server, name):
    reply = raw.request(server, "PUT", "/" + name)
    if "%2f" in name:
        assert reply.status in (400, 404), reply
    else:
        assert (reply.status, reply.code) == (400, "InvalidBucketName"), reply
    reply = raw.request(server, "GET", "/" + name)
    assert reply.status in (400, 404) and reply.code in ("NoSuchBucket", "InvalidBucketName"), reply


def test_128_query_parameters_and_more(server, bucket):
    reply = raw.request(server, "GET", f"/{bucket}?list-type=2&" + "&".join(f"x{i}=1" for i in range(127)))
    assert reply.status == 200, reply
    reply = raw.request(server, "GET", f"/{bucket}?list-type=2&" + "&".join(f"x{i}=1" for i in range(128)))
    assert (reply.status, reply.code) == (400, "InvalidURI"), reply


@pytest.mark.parametrize("source", ["", "/", "//", "bucket", "/bucket/", "%zz/%zz", "b/%00", "b/%ff", "b/" + "k" * 1025, "b/k?versionId=",
                                    "b/k?versionId=" + "v" * 5000, "b/k?other=1", "arn:aws:s3:::b/k", "../../etc/passwd", "b/\xff"])
def test_malformed_copy_sources(server, key, source):
    reply = raw.request(server, "PUT", key, [("x-amz-copy-source", source)])
    assert reply.status in (400, 404), reply
    assert reply.code in ("InvalidArgument", "InvalidURI", "NoSuchBucket", "NoSuchKey", "KeyTooLongError", "NoSuchVersion", "InvalidBucketName"), reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"
