"""Cross-origin requests: what a browser sees on responses and errors, and preflights without credentials."""
import itertools

import pytest

import raw

CONFIGURATION = (b"<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
                 b"<AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader></CORSRule>"
                 b"<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod></CORSRule></CORSConfiguration>")
ORIGIN = ("Origin", "https://app.example.com")
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


_names = itertools.count()


def anonymous(server, method, target, headers=()):
    return raw.exchange(server, raw.head(method, target, [("Host", "h"), ("Connection", "close"), *headers]), method)


@pytest.fixture
def shared(server, bucket):
    name = f"{bucket}-cors-{next(_names)}"
    assert raw.request(server, "PUT", f"/{name}").status == 200
    assert raw.request(server, "PUT", f"/{name}?cors", body=CONFIGURATION).status == 200
    return name


def test_responses_and_errors_carry_the_headers(server, shared):
    with raw.Connection(server) as connection:
        put = connection.request("PUT", f"/{shared}/a", [ORIGIN], b"hello")
        get = connection.request("GET", f"/{shared}/a", [ORIGIN])
        missing = connection.request("GET", f"/{shared}/missing", [ORIGIN])
        denied = anonymous(server, "GET", f"/{shared}/a", [ORIGIN])
        not_modified = connection.request("GET", f"/{shared}/a", [ORIGIN, ("If-None-Match", get.header("etag"))])
    assert [reply.status for reply in (put, get, missing, denied, not_modified)] == [200, 200, 404, 403, 304]
    for reply in (put, get, missing, denied, not_modified):
        assert reply.header("access-control-allow-origin") == ORIGIN[1], reply
        assert reply.header("access-control-allow-methods") == "GET, PUT"
        assert reply.header("access-control-expose-headers") == "ETag"
        assert reply.header("access-control-allow-credentials") == "true"
        assert reply.header("vary") == VARY


def test_any_origin_gets_no_credentials(server, shared):
    with raw.Connection(server) as connection:
        reply = connection.request("HEAD", f"/{shared}", [("Origin", "http://elsewhere")])
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("access-control-allow-credentials") is None


@pytest.mark.parametrize("headers", [[], [("Origin", "https://example.com")], [("Origin", "")]])
def test_others_get_none(server, shared, headers):
    with raw.Connection(server) as connection:
        reply = connection.request("GET", f"/{shared}", headers)
    assert reply.status == 200
    assert not [name for name, _ in reply.headers if name.startswith("access-control-")]


def test_preflight_needs_no_credentials(server, shared):
    asks = [ORIGIN, ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "Content-Type,X-Amz-Date")]
    for target in (f"/{shared}/a", f"/{shared}", f"/{shared}/a?uploadId=x&partNumber=1",
                   f"/{shared}/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=nobody&X-Amz-Signature=00"):
        reply = anonymous(server, "OPTIONS", target, asks)
        assert reply.status == 200, reply
        assert reply.header("access-control-allow-headers") == "content-type,x-amz-date"
        assert reply.header("vary") == VARY
    refused = anonymous(server, "OPTIONS", f"/{shared}/a", [ORIGIN, ("Access-Control-Request-Method", "DELETE")])
    assert (refused.status, refused.code) == (403, "AccessForbidden")
    assert refused.header("access-control-allow-origin") is None
    assert anonymous(server, "OPTIONS", "/", asks).status == 405


def test_an_origin_splits_no_header(server, shared):
    with raw.Connection(server) as connection:
        reply = connection.request("GET", f"/{shared}", [("Origin", "https://a\tb.example.com")])
    assert reply.status == 200 and reply.header("access-control-allow-origin") == "https://a\tb.example.com"
