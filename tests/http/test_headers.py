"""Too many headers, too long ones, and ones that contradict each other."""
import pytest

import raw
import sigv4


def with_headers(server, target, headers, method="GET"):
    with raw.Connection(server) as connection:
        own = sigv4.Signer().headers(method, target, [("Host", connection.host)], sigv4.UNSIGNED)
        connection.send_what_goes(raw.head(method, target, [*own, *headers, ("Connection", "close")]))
        return connection.reply(method)


def test_200_headers_are_served(server, present):
    assert with_headers(server, present, [(f"X-H{i}", "v") for i in range(200)]).status == 200


@pytest.mark.parametrize("count", [257, 400, 1000, 5000, 50000])
def test_too_many_headers(server, present, count):
    try:
        reply = with_headers(server, present, [(f"X-H{i}", "v") for i in range(count)])
        assert reply.status in (400, 413, 431), reply
    except raw.Closed:
        assert count >= 1000


def test_too_many_headers_have_the_s3_error(server, present):
    reply = with_headers(server, present, [(f"X-H{i}", "v") for i in range(300)])
    assert (reply.status, reply.code) == (400, "RequestHeaderSectionTooLarge"), reply


@pytest.mark.parametrize("size", [1000, 8000, 16000])
def test_large_header_is_served(server, present, size):
    assert with_headers(server, present, [("X-Large", "v" * size)]).status == 200


@pytest.mark.parametrize("size", [65_000, 70_000, 200_000, 5_000_000])
def test_too_large_header(server, present, size):
    try:
        reply = with_headers(server, present, [("X-Large", "v" * size)])
        assert reply.status in (400, 413, 431), reply
    except raw.Closed:
        pass


@pytest.mark.parametrize("size", [65_000, 200_000])
def test_too_large_header_name(server, present, size):
    try:
        reply = with_headers(server, present, [("X" * size, "v")])
        assert reply.status in (400, 413, 431), reply
    except raw.Closed:
        pass


def test_endless_headers_are_cut_off(server):
    """A head that never ends costs no more memory than one that does."""
    with raw.Connection(server) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: h\r\n")
        sent = connection.send_what_goes(b"X-A: b\r\n" * 500_000)
        assert sent < 4_000_000
        try:
            assert connection.reply().status in (400, 413, 431)
        except raw.Closed:
            pass


def signed_twice(server, method, target, field, values, body=b""):
    """A signed request in which a header stands twice, the signature over both."""
    headers = [(field, value) for value in values]
    return raw.request(server, method, target, headers, body)


CONFLICTS = {
    "content-md5": ("Content-MD5", ["XUFAKrxLKna5cZ2REBfFkg==", "1B2M2Y8AsgTpgAmY7PhCfg=="], (400,)),
    "content-type": ("Content-Type", ["text/plain", "text/html"], (400,)),
    "if-match": ("If-Match", ['"a"', '"b"'], (400,)),
    "if-none-match": ("If-None-Match", ["*", '"b"'], (400,)),
    "x-amz-copy-source": ("x-amz-copy-source", ["a/b", "c/d"], (400,)),
    "x-amz-storage-class": ("x-amz-storage-class", ["STANDARD", "STANDARD_IA"], (400,)),
    "x-amz-decoded-content-length": ("x-amz-decoded-content-length", ["5", "6"], (400,)),
    "x-amz-checksum-crc32": ("x-amz-checksum-crc32", ["NhCmhg==", "AAAAAA=="], (400,)),
    "expect": ("Expect", ["100-continue", "200-maybe"], (400, 417)),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicting_headers_decide_nothing(server, key, name):
    field, values, statuses = CONFLICTS[name]
    reply = signed_twice(server, "PUT", key, field, values, b"hello")
    assert reply.status in statuses, reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"


def test_a_list_of_attributes_may_come_in_several_headers(server, present):
    """As the SDK for Go sends it."""
    headers = [("x-amz-object-attributes", name) for name in ("ETag", "Checksum", "ObjectSize")]
    reply = raw.request(server, "GET", present + "?attributes", headers)
    assert reply.status == 200 and reply.field("ObjectSize") == "10" and reply.field("ETag") and reply.field("ChecksumType"), reply
    listing = raw.request(server, "GET", present.rsplit("/", 1)[0], [("x-amz-optional-object-attributes", name) for name in ("RestoreStatus", "Other")])
    assert listing.status == 200, listing


@pytest.mark.parametrize("field,second", [
    ("x-amz-date", "20200101T000000Z"),
    ("x-amz-content-sha256", sigv4.sha256(b"other")),
    ("x-amz-content-sha256", sigv4.UNSIGNED),
    ("Authorization", "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" + "0" * 64),
])
@pytest.mark.parametrize("order", ["behind", "before"])
def test_conflicting_signing_headers(server, key, field, second, order):
    with raw.Connection(server) as connection:
        headers = [("Host", connection.host), ("Content-Length", "5")]
        if order == "before":
            headers.append((field, second))
        headers = sigv4.Signer().headers("PUT", key, headers, sigv4.sha256(b"hello"))
        if order == "behind":
            headers.append((field, second))
        connection.send_what_goes(raw.head("PUT", key, headers) + b"hello")
        reply = connection.reply()
        assert reply.status in (400, 403), reply
        assert reply.code in ("BadRequest", "InvalidArgument", "AccessDenied"), reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"


def test_two_ranges_in_two_headers(server, present):
    """Never decide on a header that came twice with different values: the whole object, or 400."""
    reply = with_headers(server, present, [("Range", "bytes=0-1"), ("Range", "bytes=2-3")])
    assert reply.status == 400 or (reply.status == 200 and reply.body == b"0123456789"), reply


def test_metadata_comes_back_as_sent(server, key):
    fields = [("x-amz-meta-Mixed-Case", "Value with  two spaces"), ("x-amz-meta-utf8", "gr\xc3\xbc\xc3\x9fe"),
              ("x-amz-meta-empty", "")]
    assert raw.request(server, "PUT", key, fields, b"x").status == 200
    reply = raw.request(server, "HEAD", key)
    assert reply.header("x-amz-meta-mixed-case") == "Value with  two spaces"
    assert reply.header("x-amz-meta-utf8") == "gr\xc3\xbc\xc3\x9fe"


def test_metadata_too_large(server, key):
    assert raw.request(server, "PUT", key, [("x-amz-meta-large", "v" * 2030)], b"x").status == 200
    reply = raw.request(server, "PUT", key, [("x-amz-meta-large", "v" * 2049)], b"x")
    assert (reply.status, reply.code) == (400, "MetadataTooLarge"), reply


@pytest.mark.parametrize("name", ["Content-Type", "Content-Disposition", "Cache-Control", "Content-Language", "Expires"])
def test_stored_headers_cannot_split_a_response(server, key, name):
    """A header value cannot carry CR or LF in; a query parameter can, and must not come out as a line."""
    assert raw.request(server, "PUT", key, body=b"x").status == 200
    reply = raw.request(server, "GET", f"{key}?response-{name.lower()}=a%0d%0aX-Injected:%20yes%0d%0a%0d%0ahidden")
    assert reply.header("x-injected") is None and reply.body != b"hidden", reply
    assert reply.status in (200, 400), reply
