"""The console's files, who may act as its origin, and where it is: what browsers see of both."""
import gzip
import hashlib
import json
import re

import pytest

import raw
import sigv4

CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; frame-src blob:; connect-src 'self'; "
       "base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
HTML = b"<!doctype html><script>alert(document.domain)</script>"


def ask(server, target, *headers, method="GET", host=None):
    """Unsigned, as a browser."""
    with raw.Connection(server) as connection:
        connection.send(raw.head(method, target, [("Host", host or connection.host), *headers, ("Connection", "close")]))
        return connection.reply(method)


@pytest.fixture(scope="module")
def console(server):
    if ask(server, "/-/console/").status == 404:
        pytest.skip("built without the console")
    return server


def assets(reply):
    return sorted(set(re.findall(r'(?:src|href)="\./(assets/[^"]+)"', reply.body.decode())))


def test_its_first_page(console):
    reply = ask(console, "/-/console/")
    assert reply.status == 200 and reply.header("content-type") == "text/html; charset=utf-8"
    assert reply.header("content-security-policy") == CSP
    assert reply.header("x-content-type-options") == "nosniff" and reply.header("referrer-policy") == "no-referrer"
    assert reply.header("cache-control") == "no-cache" and reply.header("content-encoding") is None
    assert len([1 for name, _ in reply.headers if name == "content-security-policy"]) == 1
    assert assets(reply)


def test_what_it_is_made_of_is_cached_for_good(console):
    for name in assets(ask(console, "/-/console/")):
        plain = ask(console, f"/-/console/{name}")
        small = ask(console, f"/-/console/{name}", ("Accept-Encoding", "br, gzip;q=0.8"))
        assert plain.status == small.status == 200
        assert plain.header("cache-control") == "public, max-age=31536000, immutable"
        assert plain.header("etag") == small.header("etag") == f'W/"{hashlib.sha256(plain.body).hexdigest()[:32]}"'
        assert "Accept-Encoding" in plain.header("vary")
        if small.header("content-encoding") == "gzip":
            assert len(small.body) < len(plain.body) and gzip.decompress(small.body) == plain.body


@pytest.mark.parametrize("accepted, coding", [
    ("gzip", "gzip"), ("GZIP", "gzip"), ("deflate, gzip", "gzip"), ("*", "gzip"), ("gzip;q=0.001", "gzip"), ("*;q=0, gzip", "gzip"),
    ("gzip;q=0", None), ("gzip; q=0.000", None), ("gzip;q=0, *", None), ("identity", None), ("br", None), ("", None), ("xgzip", None),
])
def test_compressed_only_for_who_wants_it(console, accepted, coding):
    assert ask(console, "/-/console/", ("Accept-Encoding", accepted)).header("content-encoding") == coding


def test_revalidation(console):
    etag = ask(console, "/-/console/").header("etag")
    for known in (etag, etag[2:], f'"other", {etag}', "*"):
        reply = ask(console, "/-/console/", ("If-None-Match", known))
        assert reply.status == 304 and reply.body == b"" and reply.header("etag") == etag
        assert reply.header("content-length") == ask(console, "/-/console/", method="HEAD").header("content-length")
    assert ask(console, "/-/console/", ("If-None-Match", '"other"')).status == 200


def test_head(console):
    get, head = ask(console, "/-/console/"), ask(console, "/-/console/", method="HEAD")
    assert head.status == 200 and head.header("content-length") == str(len(get.body))


@pytest.mark.parametrize("path", ["none", "assets/", "../console/index.html", "assets/../index.html", "%2e%2e/status", "index.html%00", "//"])
def test_nothing_else_is_there(console, path):
    assert ask(console, f"/-/console/{path}").status in (400, 404)


def test_a_browser_is_sent_there(console):
    html = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    reply = ask(console, "/", html)
    assert reply.status == 302 and reply.header("location") == "/-/console/" and reply.header("vary") == "Accept"
    assert ask(console, "/-/console", html).header("location") == "/-/console/"
    assert ask(console, "/").status == 403 and ask(console, "/", ("Accept", "*/*")).status == 403
    assert raw.request(console, "GET", "/", [html]).status == 200  # who signs wants the buckets
    assert ask(console, "/?Action=ListUsers", html).status == 403


def test_its_settings(console):
    reply = ask(console, "/-/console/config.json")
    config = json.loads(reply.body)
    assert reply.status == 200 and reply.header("cache-control") == "no-store"
    assert config["region"] == "us-east-1" and config["path_prefix"] == "" and config["features"]["zones"] is True
    assert config["public_url"] == f"http://127.0.0.1:{console.port}" and config["time_ms"] > 1_700_000_000_000
    assert re.fullmatch(r"\d+\.\d+\.\d+", config["version"])


def sandboxed(reply):
    return reply.header("content-security-policy") == "sandbox" and reply.header("x-content-type-options") == "nosniff"


def public_page(server, name):
    """A bucket that everybody may read, and a page in it."""
    assert raw.request(server, "PUT", f"/{name}").status == 200
    assert raw.request(server, "DELETE", f"/{name}?publicAccessBlock").status == 204
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}]}).encode()
    assert raw.request(server, "PUT", f"/{name}?policy", body=policy).status == 204
    assert raw.request(server, "PUT", f"/{name}/page.html", [("Content-Type", "text/html")], body=HTML).status == 200
    return f"/{name}/page.html"


def test_stored_pages_are_sandboxed_whoever_asks_and_however(server):
    page = public_page(server, "sandboxed-pages")
    presigned = sigv4.Signer().presigned("GET", page, f"127.0.0.1:{server.port}")
    large = page.replace("page.html", "large.html")
    assert raw.request(server, "PUT", large, [("Content-Type", "text/html")], body=HTML.ljust(600 * 1024)).status == 200
    for target in (page, presigned, large):
        reply = ask(server, target)
        assert reply.status == 200 and reply.header("content-type") == "text/html" and sandboxed(reply)
    assert sandboxed(ask(server, page, method="HEAD"))
    assert sandboxed(ask(server, page, ("If-None-Match", "*")))
    assert sandboxed(ask(server, page, ("Range", "bytes=0-3")))
    assert sandboxed(ask(server, page, ("Range", "bytes=9999999-")))
    assert sandboxed(raw.request(server, "GET", page))


def test_errors_and_listings_are_sandboxed(server, bucket):
    for target in ("/", "/no-such-bucket-here/x", f"/{bucket}/no-such-key", f"/{bucket}", "/-/console/none", "/-/status", "/%zz"):
        reply = ask(server, target)
        assert reply.status >= 400 and sandboxed(reply), (target, reply)
    for target in ("/", f"/{bucket}", f"/{bucket}/no-such-key", "/-/status"):
        assert sandboxed(raw.request(server, "GET", target)), target


def test_off(start):
    server = start("--console", "off")
    for path in ("/-/console/", "/-/console", "/-/console/config.json"):
        assert ask(server, path).status in (403, 404)
    assert ask(server, "/", ("Accept", "text/html")).status == 403
    assert sandboxed(ask(server, "/x/y"))


def test_a_host_of_its_own(start, console):
    server = start("--console-host", "console.lake.test", "--object-sandbox", "off", "--domain", "lake.test")
    port = server.port
    own, other = f"console.lake.test:{port}", f"127.0.0.1:{port}"
    assert ask(server, "/-/console/", host=own).status == 200
    assert ask(server, "/-/console/", host="CONSOLE.lake.test").status == 200
    assert ask(server, "/-/console/", host=other).status in (403, 404)
    assert ask(server, "/-/console/config.json", host=other).status in (403, 404)
    reply = ask(server, "/", ("Accept", "text/html"), host=other)
    assert reply.status == 302 and reply.header("location") == "//console.lake.test/-/console/"
    page = public_page(server, "free-pages")
    reply = ask(server, page)
    assert reply.status == 200 and reply.header("content-security-policy") is None and reply.header("x-content-type-options") == "nosniff"
    reply = ask(server, page, host=own)
    assert reply.status == 200 and sandboxed(reply)
    assert ask(server, "/page.html", host=f"free-pages.lake.test:{port}").body == HTML


def test_the_sandbox_stays_while_pages_share_the_consoles_origin(start):
    with pytest.raises(RuntimeError, match="object_sandbox may be off only with console_host"):
        start("--object-sandbox", "off")
    assert ask(start("--object-sandbox", "off", "--console", "off"), "/x/y").header("content-security-policy") is None
