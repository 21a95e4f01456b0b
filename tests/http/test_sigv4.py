"""Every rejection of a signature, each with its own code, for the header and for presigned URLs."""
import pytest

import raw
import sigv4
from sigv4 import Signer


def get(server, target, **options):
    return raw.request(server, "GET", target, **options)


SIGNERS = {
    "unknown-access-key": (Signer(access_key="nobody"), 403, "InvalidAccessKeyId"),
    "access-key-with-slash": (Signer(access_key="no/body"), 403, "InvalidAccessKeyId"),
    "access-key-empty": (Signer(access_key=""), 400, "AuthorizationHeaderMalformed"),
    "access-key-too-long": (Signer(access_key="k" * 129), 400, "AuthorizationHeaderMalformed"),
    "wrong-secret": (Signer(secret="wrong"), 403, "SignatureDoesNotMatch"),
    "wrong-region": (Signer(region="eu-west-1"), 400, "AuthorizationHeaderMalformed"),
    "empty-region": (Signer(region=""), 400, "AuthorizationHeaderMalformed"),
    "wrong-service": (Signer(service="ec2"), 400, "AuthorizationHeaderMalformed"),
    "wrong-terminal": (Signer(terminal="aws5_request"), 400, "AuthorizationHeaderMalformed"),
    "hour-behind": (Signer(skew=-3600), 403, "RequestTimeTooSkewed"),
    "hour-ahead": (Signer(skew=3600), 403, "RequestTimeTooSkewed"),
    "sixteen-minutes-behind": (Signer(skew=-16 * 60), 403, "RequestTimeTooSkewed"),
    "sixteen-minutes-ahead": (Signer(skew=16 * 60), 403, "RequestTimeTooSkewed"),
    "year-behind": (Signer(skew=-365 * 86400), 403, "RequestTimeTooSkewed"),
}


@pytest.mark.parametrize("name", SIGNERS)
def test_header_of_a_wrong_signer(server, present, name):
    signer, status, code = SIGNERS[name]
    reply = get(server, present, signer=signer)
    assert (reply.status, reply.code) == (status, code), reply


def test_wrong_region_names_the_right_one(server, present):
    assert get(server, present, signer=Signer(region="eu-west-1")).field("Region") == "us-east-1"


def test_mismatch_shows_what_was_signed(server, present):
    reply = get(server, present, signer=Signer(secret="wrong"))
    assert reply.field("CanonicalRequest").startswith(f"GET\n{present}\n") and reply.field("StringToSign").startswith("AWS4-HMAC-SHA256\n")
    assert reply.field("AWSAccessKeyId") and reply.field("SignatureProvided")


@pytest.mark.parametrize("skew", [-14 * 60, 14 * 60])
def test_clock_within_fifteen_minutes(server, present, skew):
    assert get(server, present, signer=Signer(skew=skew)).status == 200


def tampered(server, present, change, extra=(), method="GET"):
    """A request that is changed after it was signed."""
    with raw.Connection(server) as connection:
        headers = Signer().headers(method, present, [("Host", connection.host), *extra], sigv4.UNSIGNED)
        method, target, headers = change(method, present, headers)
        connection.send(raw.head(method, target, headers))
        return connection.reply(method)


def replace(headers, name, value):
    return [(field, value if field.lower() == name else old) for field, old in headers]


TAMPERED = {
    "path": lambda m, t, h: (m, t + "x", h),
    "path-case": lambda m, t, h: (m, t.upper(), h),
    "query-added": lambda m, t, h: (m, t + "?versionId=null", h),
    "query-without-meaning-added": lambda m, t, h: (m, t + "?x-id=GetObject", h),
    "method": lambda m, t, h: ("DELETE", t, h),
    "signed-header": lambda m, t, h: (m, t, replace(h, "x-amz-meta-a", "2")),
    "host": lambda m, t, h: (m, t, replace(h, "host", "elsewhere")),
    "date": lambda m, t, h: (m, t, replace(h, "x-amz-date", Signer(skew=1).timestamp)),
    "content-sha256": lambda m, t, h: (m, t, replace(h, "x-amz-content-sha256", sigv4.sha256(b""))),
    "signed-header-removed": lambda m, t, h: (m, t, [pair for pair in h if pair[0] != "x-amz-meta-a"]),
    "signature-digit": lambda m, t, h: (m, t, replace(h, "authorization", h[-1][1][:-1] + ("0" if h[-1][1][-1] != "0" else "1"))),
    "signature-shorter": lambda m, t, h: (m, t, replace(h, "authorization", h[-1][1][:-1])),
    "signature-longer": lambda m, t, h: (m, t, replace(h, "authorization", h[-1][1] + "0")),
    "signature-upper-case": lambda m, t, h: (m, t, replace(h, "authorization", h[-1][1][:-64] + h[-1][1][-64:].upper())),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_after_signing(server, present, name):
    reply = tampered(server, present, TAMPERED[name], [("x-amz-meta-a", "1")])
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch"), reply
    assert get(server, present).status == 200


def test_unsigned_amz_header(server, present):
    reply = tampered(server, present, lambda m, t, h: (m, t, [*h, ("x-amz-acl", "public-read")]))
    assert (reply.status, reply.code) == (403, "AccessDenied"), reply


def test_unsigned_other_header_is_allowed(server, present):
    reply = tampered(server, present, lambda m, t, h: (m, t, [*h, ("Range", "bytes=0-1"), ("X-Forwarded-For", "1.2.3.4")]))
    assert (reply.status, reply.body) == (206, b"01"), reply


def test_host_not_signed(server, present):
    with raw.Connection(server) as connection:
        headers = Signer().headers("GET", present, [("Host", connection.host)], sigv4.UNSIGNED, signed=["x-amz-content-sha256", "x-amz-date"])
        connection.send(raw.head("GET", present, headers))
        reply = connection.reply()
        assert (reply.status, reply.code) == (403, "AccessDenied"), reply


def with_authorization(server, present, change, extra=()):
    with raw.Connection(server) as connection:
        headers = Signer().headers("GET", present, [("Host", connection.host)], sigv4.UNSIGNED)
        headers = [*headers[:-1], ("Authorization", change(headers[-1][1])), *extra]
        connection.send(raw.head("GET", present, headers))
        return connection.reply()


MALFORMED = {
    "scheme-alone": (lambda a: "AWS4-HMAC-SHA256", 400, "AuthorizationHeaderMalformed"),
    "scheme-and-space": (lambda a: "AWS4-HMAC-SHA256 ", 400, "AuthorizationHeaderMalformed"),
    "no-credential": (lambda a: "AWS4-HMAC-SHA256 " + a.split(", ", 1)[1], 400, "AuthorizationHeaderMalformed"),
    "no-signed-headers": (lambda a: ", ".join(p for p in a.split(", ") if "SignedHeaders" not in p), 400, "AuthorizationHeaderMalformed"),
    "no-signature": (lambda a: a[:a.index(", Signature")], 400, "AuthorizationHeaderMalformed"),
    "signature-empty": (lambda a: a[:-64], 400, "AuthorizationHeaderMalformed"),
    "credential-empty": (lambda a: a[:28] + a[a.index(","):], 400, "AuthorizationHeaderMalformed"),
    "credential-one-part": (lambda a: a[:28] + "key" + a[a.index(","):], 400, "AuthorizationHeaderMalformed"),
    "credential-four-parts": (lambda a: a.replace("/aws4_request", ""), 400, "AuthorizationHeaderMalformed"),
    "credential-slashes": (lambda a: a[:28] + "/////" + a[a.index(","):], 400, "AuthorizationHeaderMalformed"),
    "credential-twice": (lambda a: a + ", " + a[17:a.index(",")], 400, "AuthorizationHeaderMalformed"),
    "signature-twice": (lambda a: a + ", Signature=" + "0" * 64, 400, "AuthorizationHeaderMalformed"),
    "date-letters": (lambda a: a.replace(Signer().timestamp[:8], "2020abcd"), 400, "AuthorizationHeaderMalformed"),
    "date-short": (lambda a: a.replace(Signer().timestamp[:8], "202001"), 400, "AuthorizationHeaderMalformed"),
    "date-of-another-day": (lambda a: a.replace(Signer().timestamp[:8], "20200101"), 400, "AuthorizationHeaderMalformed"),
    "unknown-component": (lambda a: a + ", Extra=1", 400, "AuthorizationHeaderMalformed"),
    "component-without-equals": (lambda a: a + ", Extra", 400, "AuthorizationHeaderMalformed"),
    "trailing-comma": (lambda a: a + ",", 400, "AuthorizationHeaderMalformed"),
    "only-commas": (lambda a: "AWS4-HMAC-SHA256 ,,,,", 400, "AuthorizationHeaderMalformed"),
    "signed-headers-semicolons": (lambda a: a.replace("SignedHeaders=host", "SignedHeaders=;;;host"), 403, "SignatureDoesNotMatch"),
    "signed-headers-hundreds": (lambda a: a.replace("SignedHeaders=host", "SignedHeaders=" + ";".join(["a"] * 1000) + ";host"), 400, "AuthorizationHeaderMalformed"),
    "other-algorithm": (lambda a: a.replace("HMAC-SHA256", "HMAC-SHA512"), 400, "InvalidRequest"),
    "sigv4a": (lambda a: a.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), 400, "InvalidRequest"),
    "sigv2": (lambda a: "AWS lakegate-test:frJIUN8DYpKDtOLCwo//yllqDzg=", 400, "InvalidRequest"),
    "basic": (lambda a: "Basic bGFrZWdhdGU6c2VjcmV0", 400, "InvalidArgument"),
    "bearer": (lambda a: "Bearer abc", 400, "InvalidArgument"),
    "empty": (lambda a: "", 400, "InvalidArgument"),
    "no-scheme": (lambda a: a[17:], 400, "InvalidArgument"),
    "binary": (lambda a: "\x80\xff\xfe", 400, "InvalidArgument"),
    "lower-case-scheme": (lambda a: a.replace("AWS4-HMAC-SHA256", "aws4-hmac-sha256"), 400, "InvalidArgument"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_authorization(server, present, name):
    change, status, code = MALFORMED[name]
    reply = with_authorization(server, present, change)
    assert (reply.status, reply.code) == (status, code), reply


def test_authorization_with_odd_spacing_is_read(server, present):
    """What clients in the wild send: no space behind the comma, or several."""
    assert with_authorization(server, present, lambda a: a.replace(", ", ",")).status == 200
    assert with_authorization(server, present, lambda a: a.replace(", ", ",   ")).status == 200


def test_anonymous_is_refused(server, present, bucket):
    """A missing bucket is one for everybody, as on AWS; all else is refused without a word of what exists."""
    refused, missing = (403, "AccessDenied"), (404, "NoSuchBucket")
    for method, target, answer in (("GET", "/", refused), ("GET", f"/{bucket}", refused), ("GET", present, refused), ("PUT", present, refused),
                                   ("DELETE", present, refused), ("GET", f"/{bucket}/no-such-key", refused), ("GET", "/no-such-bucket-here", missing)):
        with raw.Connection(server) as connection:
            connection.send(raw.head(method, target, [("Host", connection.host), ("Content-Length", 0)]))
            reply = connection.reply(method)
            assert (reply.status, reply.code) == answer, (method, target, reply)


@pytest.mark.parametrize("date", ["", "garbage", "2020-01-01T00:00:00Z", "20201399T999999Z", "99999999T999999Z", "20200101T000000", "x" * 3000])
def test_malformed_date(server, present, date):
    reply = tampered(server, present, lambda m, t, h: (m, t, replace(h, "x-amz-date", date)))
    assert (reply.status, reply.code) == (403, "AccessDenied"), reply


def test_no_date_at_all(server, present):
    reply = tampered(server, present, lambda m, t, h: (m, t, [pair for pair in h if pair[0] != "x-amz-date"]))
    assert (reply.status, reply.code) == (403, "AccessDenied"), reply


def test_session_token_of_nobody(server, present):
    reply = raw.request(server, "GET", present, [("x-amz-security-token", "abc")])
    assert (reply.status, reply.code) == (403, "InvalidToken") or reply.code == "InvalidToken", reply


# ---- presigned URLs ----

def fetch(server, target, method="GET", headers=(), host=None, body=b""):
    with raw.Connection(server) as connection:
        fields = [("Host", host or connection.host), *headers]
        if body:
            fields.append(("Content-Length", len(body)))
        connection.send(raw.head(method, target, fields) + body)
        return connection.reply(method)


def host_of(server):
    return f"127.0.0.1:{server.port}"


def test_presigned(server, key):
    target = Signer().presigned("PUT", key, host_of(server))
    assert fetch(server, target, "PUT", body=b"presigned").status == 200
    assert fetch(server, Signer().presigned("GET", key, host_of(server))).body == b"presigned"
    assert fetch(server, Signer().presigned("HEAD", key, host_of(server)), "HEAD").status == 200


PRESIGNED_SIGNERS = {
    "unknown-access-key": (Signer(access_key="nobody"), 403, "InvalidAccessKeyId"),
    "wrong-secret": (Signer(secret="wrong"), 403, "SignatureDoesNotMatch"),
    "wrong-region": (Signer(region="eu-west-1"), 400, "AuthorizationQueryParametersError"),
    "wrong-service": (Signer(service="ec2"), 400, "AuthorizationQueryParametersError"),
    "wrong-terminal": (Signer(terminal="aws5_request"), 400, "AuthorizationQueryParametersError"),
    "future": (Signer(skew=3600), 403, "AccessDenied"),
    "expired": (Signer(skew=-3600), 403, "AccessDenied"),
}


@pytest.mark.parametrize("name", PRESIGNED_SIGNERS)
def test_presigned_by_a_wrong_signer(server, present, name):
    signer, status, code = PRESIGNED_SIGNERS[name]
    reply = fetch(server, signer.presigned("GET", present, host_of(server)))
    assert (reply.status, reply.code) == (status, code), reply


def test_presigned_messages(server, present):
    reply = fetch(server, Signer(skew=-3600).presigned("GET", present, host_of(server)))
    assert reply.field("Message") == "Request has expired"
    reply = fetch(server, Signer(skew=3600).presigned("GET", present, host_of(server)))
    assert "not valid yet" in reply.field("Message") or "not yet valid" in reply.field("Message")


def test_presigned_an_hour_ago_for_two_hours(server, present):
    assert fetch(server, Signer(skew=-3600).presigned("GET", present, host_of(server), expires=7200)).status == 200


EXPIRES = {"1": 200, "604800": 200, "604801": 400, "0": 400, "-1": 400, "abc": 400, "": 400, "1.5": 400, "+5": 400, "99999999999999999999": 400, "%2060": 400}


@pytest.mark.parametrize("expires", EXPIRES)
def test_presigned_expires(server, present, expires):
    reply = fetch(server, Signer().presigned("GET", present, host_of(server), query=f"X-Amz-Expires={expires}"))
    assert reply.status == EXPIRES[expires], reply
    if reply.status == 400:
        assert reply.code == "AuthorizationQueryParametersError", reply


PRESIGNED_MALFORMED = {
    "algorithm": "X-Amz-Algorithm=AWS4-HMAC-SHA512", "algorithm-empty": "X-Amz-Algorithm=", "credential-empty": "X-Amz-Credential=",
    "credential-short": "X-Amz-Credential=a/b/c", "credential-slashes": "X-Amz-Credential=%2F%2F%2F%2F%2F", "date": "X-Amz-Date=20200101",
    "date-letters": "X-Amz-Date=garbage", "date-of-http": "X-Amz-Date=Thu,%2001%20Jan%201970%2000:00:00%20GMT", "date-of-another-day": "X-Amz-Date=20200101T000000Z",
    "signed-headers-empty": "X-Amz-SignedHeaders=", "signed-headers-hundreds": "X-Amz-SignedHeaders=" + "a%3B" * 1000 + "host",
}


@pytest.mark.parametrize("name", PRESIGNED_MALFORMED)
def test_presigned_malformed(server, present, name):
    reply = fetch(server, Signer().presigned("GET", present, host_of(server), query=PRESIGNED_MALFORMED[name]))
    assert (reply.status, reply.code) == (400, "AuthorizationQueryParametersError"), reply


@pytest.mark.parametrize("name", ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"])
def test_presigned_with_a_parameter_missing(server, present, name):
    path, query = Signer().presigned("GET", present, host_of(server)).split("?")
    reply = fetch(server, path + "?" + "&".join(pair for pair in query.split("&") if not pair.startswith(name + "=")))
    assert (reply.status, reply.code) == (400, "AuthorizationQueryParametersError"), reply


PRESIGNED_TAMPERED = {
    "path": lambda t: t.replace("?", "x?"),
    "query-added": lambda t: t + "&versionId=null",
    "expires-longer": lambda t: t.replace("X-Amz-Expires=900", "X-Amz-Expires=901"),
    "signature": lambda t: t[:-1] + ("0" if t[-1] != "0" else "1"),
    "signature-empty-tail": lambda t: t[:-10],
    "override-added": lambda t: t + "&response-content-type=text/html",
}


@pytest.mark.parametrize("name", PRESIGNED_TAMPERED)
def test_presigned_tampered(server, present, name):
    reply = fetch(server, PRESIGNED_TAMPERED[name](Signer().presigned("GET", present, host_of(server))))
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch"), reply


def test_presigned_for_another_method(server, present):
    target = Signer().presigned("GET", present, host_of(server))
    for method in ("DELETE", "PUT", "HEAD"):
        assert fetch(server, target, method).status == 403
    assert fetch(server, target).status == 200


def test_presigned_for_another_host(server, present):
    target = Signer().presigned("GET", present, host_of(server))
    assert fetch(server, target, host="elsewhere:80").code == "SignatureDoesNotMatch"


def test_presigned_without_host_signed(server, present):
    target = Signer().presigned("GET", present, host_of(server), headers=[("range", "bytes=0-1")], signed=("range",))
    assert fetch(server, target, headers=[("Range", "bytes=0-1")]).code == "AccessDenied"


def test_presigned_with_an_unsigned_amz_header(server, present):
    target = Signer().presigned("GET", present, host_of(server))
    assert fetch(server, target, headers=[("x-amz-checksum-mode", "ENABLED")]).code == "AccessDenied"
    assert fetch(server, target, headers=[("Range", "bytes=0-1")]).status == 206


def test_presigned_with_a_signed_header_that_is_not_sent(server, present):
    target = Signer().presigned("GET", present, host_of(server), headers=[("range", "bytes=0-1")], signed=("host", "range"))
    assert fetch(server, target, headers=[("Range", "bytes=0-1")]).status == 206
    assert fetch(server, target).code == "SignatureDoesNotMatch"


def test_presigned_copy_with_its_source_in_the_query_overwrites_nothing(server, bucket, present):
    """SDKs move all x-amz- headers there. Taken for an upload, it would leave an object of no bytes."""
    source = "x-amz-copy-source=" + present.replace("/", "%2F")
    with raw.Connection(server) as connection:
        connection.request("PUT", f"/{bucket}/target", body=b"kept")
        upload = connection.request("POST", f"/{bucket}/parts?uploads").field("UploadId")
        for path in (f"/{bucket}/target?{source}", f"/{bucket}/parts?partNumber=1&uploadId={upload}&{source}"):
            target = Signer().presigned("PUT", path, connection.host)
            connection.send(raw.head("PUT", target, [("Host", connection.host), ("Content-Length", "0")]))
            reply = connection.reply()
            assert (reply.status, reply.code, reply.field("Header")) == (400, "InvalidRequest", "x-amz-copy-source"), reply
        # Where a source counts, a condition on it that would not is refused too.
        target = Signer().presigned("PUT", f"/{bucket}/target?x-amz-copy-source-if-match=other", connection.host, headers=[("x-amz-copy-source", present)],
                                    signed=("host", "x-amz-copy-source"))
        connection.send(raw.head("PUT", target, [("Host", connection.host), ("x-amz-copy-source", present), ("Content-Length", "0")]))
        assert connection.reply().code == "InvalidRequest"
        assert connection.request("GET", f"/{bucket}/target").body == b"kept"
        assert b"<Part>" not in connection.request("GET", f"/{bucket}/parts?uploadId={upload}").body


def test_both_ways_at_once(server, present):
    target = Signer().presigned("GET", present, host_of(server))
    with raw.Connection(server) as connection:
        reply = connection.request("GET", target)
        assert (reply.status, reply.code) == (400, "InvalidArgument"), reply
    reply = fetch(server, target + "&AWSAccessKeyId=a&Signature=b&Expires=1")
    assert (reply.status, reply.code) == (400, "InvalidArgument"), reply


# ---- presigned URLs of version 2 ----

VERSION_2 = {
    "right": (lambda t: sigv4.presigned_version_2("GET", t), 200, None),
    "unknown-access-key": (lambda t: sigv4.presigned_version_2("GET", t, access_key="nobody"), 403, "InvalidAccessKeyId"),
    "wrong-secret": (lambda t: sigv4.presigned_version_2("GET", t, secret="wrong"), 403, "SignatureDoesNotMatch"),
    "expired": (lambda t: sigv4.presigned_version_2("GET", t, expires=1), 403, "AccessDenied"),
    "expires-word": (lambda t: sigv4.presigned_version_2("GET", t, expires="soon"), 403, "AccessDenied"),
    "expires-negative": (lambda t: sigv4.presigned_version_2("GET", t, expires=-1), 403, "AccessDenied"),
    "expires-overflow": (lambda t: sigv4.presigned_version_2("GET", t, expires=2**64 + 2**40), 403, "AccessDenied"),
    "expires-missing": (lambda t: t + "?AWSAccessKeyId=lakegate-test&Signature=abc", 403, "AccessDenied"),
    "expires-changed": (lambda t: sigv4.presigned_version_2("GET", t).replace("Expires=1", "Expires=9"), 403, "SignatureDoesNotMatch"),
    "path-changed": (lambda t: sigv4.presigned_version_2("GET", t).replace("?", "x?", 1), 403, "SignatureDoesNotMatch"),
    "method-changed": (lambda t: sigv4.presigned_version_2("DELETE", t), 403, "SignatureDoesNotMatch"),
    "sub-resource-added": (lambda t: sigv4.presigned_version_2("GET", t) + "&acl", 403, "SignatureDoesNotMatch"),
    **{
        f"{name}-added": (lambda t, name=name: sigv4.presigned_version_2("GET", t) + f"&{name}", 403, "AccessDenied")
        for name in ("attributes", "retention", "legal-hold", "lakegate-lineage")
    },
    "override-added": (lambda t: sigv4.presigned_version_2("GET", t) + "&response-content-type=text/html", 403, "SignatureDoesNotMatch"),
    "signature-empty": (lambda t: t + "?AWSAccessKeyId=lakegate-test&Expires=9999999999&Signature=", 403, None),
    "signature-long": (lambda t: t + "?AWSAccessKeyId=lakegate-test&Expires=9999999999&Signature=" + "A" * 5000, 403, "SignatureDoesNotMatch"),
}


@pytest.mark.parametrize("name", VERSION_2)
def test_presigned_version_2(server, present, name):
    make, status, code = VERSION_2[name]
    reply = fetch(server, make(present))
    assert reply.status == status and code in (None, reply.code), reply


def test_presigned_version_2_with_an_unsigned_amz_header(server, present):
    reply = fetch(server, sigv4.presigned_version_2("GET", present), headers=[("x-amz-checksum-mode", "ENABLED")])
    assert reply.code == "SignatureDoesNotMatch", reply


def test_presigned_version_2_made_another_operation_on_its_bucket(server, bucket):
    """Sub-resources that came after version 2 are not in what it signs."""
    url = lambda method: sigv4.presigned_version_2(method, f"/{bucket}")  # noqa: E731
    assert fetch(server, url("GET")).status == 200
    for method in ("GET", "DELETE"):
        for name in ("publicAccessBlock", "ownershipControls", "policyStatus", "encryption", "lakegate-zones", "lakegate-zone-stats"):
            reply = fetch(server, f"{url(method)}&{name}", method)
            assert (reply.status, reply.code) in ((403, "AccessDenied"), (501, "NotImplemented")), (name, reply)
    assert raw.request(server, "GET", f"/{bucket}?publicAccessBlock").status == 200


@pytest.mark.parametrize("header", ["x-lakegate-source", "X-LAKEGATE-Source"])
def test_source_declared_beside_a_presigned_url(server, key, header):
    """Its signer may read it, who was given the URL perhaps not."""
    field = (header, f"/nobodys{key}")
    for target in (sigv4.presigned_version_2("PUT", key), Signer().presigned("PUT", key, host_of(server))):
        reply = fetch(server, target, "PUT", [field], body=b"hello")
        assert (reply.status, reply.code) == (403, "AccessDenied"), reply
        assert fetch(server, target, "PUT", body=b"hello").status == 200


def test_presigned_version_2_with_a_body_of_version_4(server, key):
    target = sigv4.presigned_version_2("PUT", key)
    for payload in (sigv4.CHUNKED, sigv4.CHUNKED_TRAILER):
        reply = fetch(server, target, "PUT", [("x-amz-content-sha256", payload), ("x-amz-decoded-content-length", "5")], body=b"hello")
        assert reply.status in (400, 403), reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"


def test_presigned_parameters_twice(server, present):
    """The first of a name counts, and the signature covers all of them but itself."""
    target = Signer().presigned("GET", present, host_of(server))
    path, query = target.split("?")
    for name in ("X-Amz-Expires=604800", "X-Amz-Date=20200101T000000Z", "X-Amz-SignedHeaders=host"):
        assert fetch(server, f"{target}&{name}").status in (400, 403)
        assert fetch(server, f"{path}?{name}&{query}").status in (400, 403)
    assert fetch(server, f"{path}?X-Amz-Signature={'0' * 64}&{query}").code == "SignatureDoesNotMatch"


def test_every_query_encoding_of_a_signed_request(server, bucket):
    """The signature is over what the query means; the ways to write it are many."""
    for query in ("list-type=2&prefix=a%20b", "list-type=2&prefix=a+b", "prefix=%61%2Fb&list-type=2", "list-type=2&prefix=a/b", "list-type=2&prefix",
                  "list-type=2&prefix=", "&&list-type=2&&", "list-type=2&x=1&x=2", "list-type=2&prefix=%C3%BC", "list-type=2&prefix=~%7E", "prefix=a=b&list-type=2"):
        reply = raw.request(server, "GET", f"/{bucket}?{query}")
        assert reply.status == 200, (query, reply)


def test_every_path_encoding_of_a_signed_request(server, bucket):
    for path in ("a%20b", "%61b", "a%2Bb", "a+b", "a%2fb", "~", "%7E", "a:b@c", "a;b=c,d", "(a)", "!*'", "%C3%BC", "a%25b"):
        assert raw.request(server, "PUT", f"/{bucket}/enc/{path}", body=b"x").status == 200, path
        assert raw.request(server, "GET", f"/{bucket}/enc/{path}").status == 200, path
