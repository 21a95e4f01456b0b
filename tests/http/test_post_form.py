"""POST of forms: what browsers send, what a policy allows, and what somebody sends who wants more than that."""
import base64
import datetime
import hashlib
import hmac
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

import lakegated
import raw
import sigv4

BOUNDARY = "----WebKitFormBoundaryaT3x"


def part(name, value, filename=None):
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    value = value if isinstance(value, bytes) else str(value).encode()
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + value + b"\r\n"


def form(fields, file=b"hello", filename="f.txt", end=f"--{BOUNDARY}--\r\n"):
    """The body of a form. fields: pairs; file None: none."""
    body = b"".join(part(name, value) for name, value in fields)
    return body + (part("file", file, filename) if file is not None else b"") + end.encode()


def post(server, bucket, body, headers=(), length=None):
    fields = [("Host", f"127.0.0.1:{server.port}"), ("Connection", "close"), ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"),
              ("Content-Length", len(body) if length is None else length), *headers]
    return raw.exchange(server, raw.head("POST", f"/{bucket}", fields) + body)


def expiration(seconds=600):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def encoded(document):
    return base64.b64encode(document if isinstance(document, bytes) else json.dumps(document).encode()).decode()


def signed(policy, access_key=lakegated.ACCESS_KEY, secret=lakegated.SECRET_KEY, **scope):
    """The fields that sign this base64 policy."""
    signer = sigv4.Signer(access_key, secret, **scope)
    signature = hmac.new(signer.key, policy.encode(), hashlib.sha256).hexdigest()
    return [("policy", policy), *credentials(signer), ("x-amz-signature", signature)]


def credentials(signer=None):
    signer = signer or sigv4.Signer()
    return [("x-amz-algorithm", "AWS4-HMAC-SHA256"), ("x-amz-credential", f"{signer.access_key}/{signer.scope}"), ("x-amz-date", signer.timestamp)]


def covered(bucket, conditions):
    """A policy that names what every signed form has, and these."""
    return {"expiration": expiration(), "conditions": [{"bucket": bucket}, ["starts-with", "$key", ""], ["starts-with", "$x-amz-algorithm", ""],
                                                       ["starts-with", "$x-amz-credential", ""], ["starts-with", "$x-amz-date", ""], *conditions]}


def upload(server, bucket, fields, conditions, **options):
    return post(server, bucket, form([*fields, *signed(encoded(covered(bucket, conditions)))], **options))


def get(server, bucket, key):
    return raw.request(server, "GET", f"/{bucket}/{key}")


def test_a_form_is_an_object(server, bucket):
    fields = [("key", "form/a b"), ("Content-Type", "text/x-form"), ("x-amz-meta-Colour", "r\u00f6t"), ("Cache-Control", "no-cache"), ("x-ignore-this", "x"),
              ("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-storage-class", "STANDARD_IA")]
    names = [["starts-with", f"${name}", ""] for name in ("Content-Type", "X-Amz-Meta-colour", "cache-control", "x-amz-checksum-crc32", "x-amz-storage-class")]
    reply = upload(server, bucket, fields, names)
    assert reply.status == 204 and not reply.body, reply
    assert reply.header("etag") == '"5d41402abc4b2a76b9719d911017c592"'
    assert reply.header("location") == f"http://127.0.0.1:{server.port}/{bucket}/form/a%20b"
    found = get(server, bucket, "form/a%20b")
    assert found.body == b"hello"
    assert found.header("content-type") == "text/x-form"
    assert found.header("x-amz-meta-colour").encode("latin-1").decode() == "r\u00f6t"
    assert found.header("cache-control") == "no-cache"
    assert found.header("x-amz-storage-class") == "STANDARD_IA"


@pytest.mark.parametrize("size", [0, 1, 65535, 262144, 262145, 1048576, 3_000_001])
def test_files_of_all_sizes(server, bucket, size):
    content = bytes(range(256)) * (size // 256) + b"\r" * (size % 256)
    reply = upload(server, bucket, [("key", f"size-{size}")], [], file=content)
    assert reply.status == 204, reply
    found = get(server, bucket, f"size-{size}")
    assert found.body == content and found.header("etag") == f'"{hashlib.md5(content).hexdigest()}"'


def test_a_file_full_of_what_looks_like_boundaries(server, bucket):
    content = (f"\r\n--{BOUNDARY[:-1]}" * 5000 + f"--{BOUNDARY}\r\n\r\r\n\n--").encode()
    assert upload(server, bucket, [("key", "looks-like")], [], file=content).status == 204
    assert get(server, bucket, "looks-like").body == content


def test_a_form_that_comes_byte_by_byte(server, bucket):
    body = form([("key", "slow"), *signed(encoded(covered(bucket, [])))])
    with raw.Connection(server) as connection:
        connection.send(raw.head("POST", f"/{bucket}", [("Host", "h"), ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"),
                                                        ("Content-Length", len(body))]))
        for i in range(len(body)):
            connection.send(body[i:i + 1])
        assert connection.reply().status == 204
        assert connection.request("GET", f"/{bucket}/slow").body == b"hello"


@pytest.mark.parametrize("key, filename, expected", [
    ("${filename}", "name.txt", "name.txt"), ("a/${filename}/b-${filename}", "n", "a/n/b-n"), ("x${filename}", "", "x"),
    ("p/${filename}", "C:\\Program Files\\directory1\\file.txt", "p/file.txt"), ("p/${filename}", "../../etc/passwd", "p/passwd"), ("q${Filename}", "n", "q${Filename}"),
])
def test_filename(server, bucket, key, filename, expected):
    assert upload(server, bucket, [("key", key)], [["eq", "$key", expected]], filename=filename).status == 204
    assert get(server, bucket, sigv4.quote(expected)).body == b"hello"


def test_success_actions(server, bucket):
    def answer(key, *fields):
        return upload(server, bucket, [("key", key), *fields], [["starts-with", f"${name}", ""] for name, _ in fields])
    created = answer("su<cc", ("success_action_status", "201"))
    assert created.status == 201 and created.header("content-type") == "application/xml"
    root = ElementTree.fromstring(created.body)
    assert root.tag == "PostResponse"
    assert [(e.tag, e.text) for e in root] == [("Location", f"http://127.0.0.1:{server.port}/{bucket}/su%3Ccc"), ("Bucket", bucket), ("Key", "su<cc"),
                                               ("ETag", '"5d41402abc4b2a76b9719d911017c592"')]
    assert answer("a", ("success_action_status", "200")).status == 200
    assert answer("a", ("success_action_status", "404")).status == 204
    etag = "%225d41402abc4b2a76b9719d911017c592%22"
    for name, url, location in [
        ("success_action_redirect", "http://site.example/done", f"http://site.example/done?bucket={bucket}&key=a%2Fb&etag={etag}"),
        ("success_action_redirect", "https://site.example/?x=1#top", f"https://site.example/?x=1&bucket={bucket}&key=a%2Fb&etag={etag}#top"),
        ("redirect", "http://old.example", f"http://old.example?bucket={bucket}&key=a%2Fb&etag={etag}"),
    ]:
        reply = answer("a/b", (name, url), ("success_action_status", "201"))
        assert (reply.status, reply.header("location")) == (303, location), reply
    for url in ("javascript:alert(1)", "//evil.example", "http://a\r\nSet-Cookie: b", ""):
        reply = answer("a", ("success_action_redirect", url))
        assert reply.status == 204 and reply.header("set-cookie") is None


@pytest.mark.parametrize("field, text, tags", [
    ("tagging", "<Tagging>\r\n  <TagSet>\r\n<Tag><Key>a b</Key>\n<Value>1</Value></Tag>\n</TagSet></Tagging>\r\n", [(b"a b", b"1")]),
    ("tagging", "b=2&a=1", [(b"a", b"1"), (b"b", b"2")]),
    ("x-amz-tagging", "a+b=%2B", [(b"a b", b"+")]),
    ("tagging", "<Tagging><TagSet/></Tagging>", []),
])
def test_a_form_brings_tags(server, bucket, field, text, tags):
    reply = upload(server, bucket, [("key", "tagged"), (field, text)], [["starts-with", f"${field}", ""]])
    assert reply.status == 204, reply
    assert get(server, bucket, "tagged").header("x-amz-tagging-count") == (str(len(tags)) if tags else None)
    shown = raw.request(server, "GET", f"/{bucket}/tagged?tagging").body
    assert re.findall(rb"<Key>(.*?)</Key><Value>(.*?)</Value>", shown) == tags


def test_fields_behind_the_file_are_ignored(server, bucket):
    behind = form([("acl", "public-read"), ("policy", "x"), ("key", "other"), ("submit", "Upload")], file=None)
    reply = upload(server, bucket, [("key", "behind")], [], end=behind.decode())
    assert reply.status == 204, reply
    assert get(server, bucket, "behind").body == b"hello"


@pytest.mark.parametrize("fields, conditions, status, code, message", [
    ([], [["eq", "$key", "other"]], 403, "AccessDenied", 'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "other"]'),
    ([], [["starts-with", "$key", "user/"]], 403, "AccessDenied", 'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "user/"]'),
    ([], [{"acl": "private"}], 403, "AccessDenied", 'Policy Condition failed: ["eq", "$acl", "private"]'),
    ([], [{"bucket": "another"}], 403, "AccessDenied", 'Policy Condition failed: ["eq", "$bucket", "another"]'),
    ([("bucket", "another")], [{"bucket": "another"}], 403, "AccessDenied", 'Policy Condition failed: ["eq", "$bucket", "another"]'),
    ([("x-amz-meta-extra", "x")], [], 403, "AccessDenied", "Invalid according to Policy: Extra input fields: x-amz-meta-extra"),
    ([("Content-Type", "text/plain,image/png")], [["starts-with", "$Content-Type", "image/"]], 403, "AccessDenied", "Policy Condition failed"),
    ([], [["content-length-range", 6, 10]], 400, "EntityTooSmall", "smaller"),
    ([], [["content-length-range", 0, 4]], 400, "EntityTooLarge", "exceeds"),
    ([], [["content-length-range", 0, 10], ["content-length-range", 0, 4]], 400, "EntityTooLarge", "exceeds"),
    ([("tagging", "<Tagging/>")], [["starts-with", "$tagging", ""]], 400, "MalformedXML", ""),
    ([("tagging", "<Tagging>\r\n<TagSet><Tag><Key>a</Key><Value>\r\n</Value></Tag></TagSet></Tagging>")], [["starts-with", "$tagging", ""]], 400, "InvalidTag", ""),
    ([("tagging", "a=1&a=2")], [["starts-with", "$tagging", ""]], 400, "InvalidArgument", ""),
    ([("tagging", "a=1"), ("x-amz-tagging", "a=2")], [["starts-with", "$tagging", ""], ["starts-with", "$x-amz-tagging", ""]], 400, "InvalidArgument", ""),
    ([("tagging", "a=1")], [], 403, "AccessDenied", "Extra input fields: tagging"),
    ([("x-amz-tagging", "a=1\r\nX-Injected: y")], [["starts-with", "$x-amz-tagging", ""]], 400, "InvalidArgument", "no header can have"),
    ([("acl", "nonsense")], [["starts-with", "$acl", ""]], 400, "InvalidArgument", ""),
    ([("x-amz-meta-a: b", "x")], [["starts-with", "$x-amz-meta-a: b", ""]], 400, "InvalidArgument", "no header can have"),
    ([("x-amz-meta-a\r\nX-Injected", "x")], [], 400, "MalformedPOSTRequest", ""),
    ([("x-amz-meta-a", "x\r\nX-Injected: y")], [["starts-with", "$x-amz-meta-a", ""]], 400, "InvalidArgument", ""),
    ([("x-amz-meta-a", "1"), ("X-Amz-Meta-A", "2")], [["eq", "$x-amz-meta-a", "1"]], 400, "InvalidArgument", "only once"),
    ([("key", "user/a"), ], [], 400, "InvalidArgument", "only once"),
    ([("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")], [["starts-with", "$content-md5", ""]], 400, "BadDigest", ""),
    ([("x-amz-checksum-crc32", "AAAAAA==")], [["starts-with", "$x-amz-checksum-crc32", ""]], 400, "BadDigest", ""),
])
def test_what_a_policy_does_not_allow(server, bucket, fields, conditions, status, code, message):
    reply = upload(server, bucket, [("key", "refused"), *fields], conditions)
    assert (reply.status, reply.code) == (status, code), reply
    assert message in reply.field("Message").replace("&quot;", '"')
    assert get(server, bucket, "refused").status == 404


@pytest.mark.parametrize("document, detail", [
    (b"no json", "JSON"), (b"[]", "JSON"), (b'{"conditions": []}', "expiration"), ({"expiration": "tomorrow", "conditions": []}, "expiration"),
    ({"expiration": "2999-01-01T00:00:00Z"}, "conditions"), ({"EXPIRATION": "2999-01-01T00:00:00Z", "conditions": []}, ""),
    ({"expiration": "2999-01-01T00:00:00Z", "conditions": [{}]}, "empty"), ({"expiration": "2999-01-01T00:00:00Z", "conditions": [["ends-with", "$key", "a"]]}, "operation"),
    ({"expiration": "2999-01-01T00:00:00Z", "conditions": [["content-length-range", 0]]}, "content-length-range"),
    ({"expiration": "2999-01-01T00:00:00Z", "conditions": [["content-length-range", -1, 0]]}, "content-length-range"),
    ({"expiration": "2999-01-01T00:00:00Z", "conditions": [["eq", "key", "a"]]}, "$"), ({"expiration": "2999-01-01T00:00:00Z", "conditions": ["key"]}, ""),
    (b'{"expiration": "2999-01-01T00:00:00Z", "conditions": [], "conditions": []}', "JSON"), (b"\xff\xfe", "JSON"), (b"[" * 5000, "JSON"),
    (b'{"expiration": "2999-01-01T00:00:00Z", "conditions": [' + b'{"a": "b"},' * 5000 + b'{"a": "b"}]}', ""),
])
def test_policies_that_are_none(server, bucket, document, detail):
    reply = post(server, bucket, form([("key", "bad"), *signed(encoded(document))]))
    assert (reply.status, reply.code) == (400, "InvalidPolicyDocument"), reply
    assert detail in reply.field("Message"), reply


def test_expired(server, bucket):
    policy = {**covered(bucket, []), "expiration": expiration(-1)}
    reply = post(server, bucket, form([("key", "late"), *signed(encoded(policy))]))
    assert (reply.status, reply.code, reply.field("Message")) == (403, "AccessDenied", "Invalid according to Policy: Policy expired.")


def test_signatures(server, bucket):
    policy = encoded(covered(bucket, []))
    good = signed(policy)

    def code(fields):
        reply = post(server, bucket, form([("key", "signed"), *fields]))
        return reply.status, reply.code

    def altered(name, value):
        return [(field, value if field == name else old) for field, old in good]
    assert code(good) == (204, None)
    assert code(altered("x-amz-signature", "0" * 64)) == (403, "SignatureDoesNotMatch")
    assert code(altered("policy", encoded(covered(bucket, [{"acl": "x"}])))) == (403, "SignatureDoesNotMatch")
    assert code(signed(policy, secret="wrong")) == (403, "SignatureDoesNotMatch")
    assert code(signed(policy, access_key="nobody")) == (403, "InvalidAccessKeyId")
    assert code(signed(policy, region="eu-west-1")) == (400, "AuthorizationHeaderMalformed")
    assert code(signed(policy, service="iam")) == (400, "AuthorizationHeaderMalformed")
    assert code(altered("x-amz-credential", "nonsense")) == (400, "AuthorizationHeaderMalformed")
    assert code(altered("x-amz-algorithm", "AWS4-HMAC-SHA1")) == (400, "InvalidArgument")
    assert code(altered("x-amz-date", "yesterday")) == (400, "InvalidArgument")
    assert code([*good, ("x-amz-security-token", "x")])[0] in (400, 403)
    for missing in ("policy", "x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm"):
        assert code([field for field in good if field[0] != missing]) == (400, "InvalidArgument"), missing
    assert code([("policy", policy)]) == (400, "InvalidArgument")


def test_signature_version_2(server, bucket):
    policy = encoded({"expiration": expiration(), "conditions": [{"bucket": bucket}, ["starts-with", "$key", "v2"]]})
    signature = base64.b64encode(hmac.new(lakegated.SECRET_KEY.encode(), policy.encode(), hashlib.sha1).digest()).decode()
    fields = [("key", "v2"), ("AWSAccessKeyId", lakegated.ACCESS_KEY), ("policy", policy)]
    assert post(server, bucket, form([*fields, ("signature", signature)])).status == 204
    assert post(server, bucket, form([*fields, ("signature", signature[:-4] + "AAA=")])).code == "SignatureDoesNotMatch"
    assert post(server, bucket, form(fields)).code == "InvalidArgument"


def test_without_a_signature_nobody_asks(server, bucket):
    reply = post(server, bucket, form([("key", "anonymous")]))
    assert (reply.status, reply.code) == (403, "AccessDenied")
    reply = post(server, "no-such-bucket-at-all", form([("key", "anonymous")]))
    assert (reply.status, reply.code) == (404, "NoSuchBucket")


@pytest.mark.parametrize("body, status, code", [
    (form([("key", "a")], file=None), 400, "IncorrectNumberOfFilesInPostRequest"),
    (form([]), 400, "InvalidArgument"),
    (form([("key", "")]), 400, "UserKeyMustBeSpecified"),
    (form([("key", b"\xff\xfe")]), 400, "InvalidArgument"),
    (form([("key", b"a\0b")]), 400, "InvalidArgument"),
    (form([("key", "k" * 1025)]), 400, "KeyTooLongError"),
    (form([("key", "a"), ("policy", "p" * 270_000)]), 400, "MaxPostPreDataLengthExceeded"),
    (form([("key", "a")] + [("x-ignore-a", "b")] * 300), 400, "MaxPostPreDataLengthExceeded"),
    (b"", 400, "MalformedPOSTRequest"), (b"nothing", 400, "MalformedPOSTRequest"),
    (form([("key", "a")])[:-36], 403, "AccessDenied"),
])
def test_forms_that_are_none(server, bucket, body, status, code):
    reply = post(server, bucket, body)
    assert (reply.status, reply.code) == (status, code), reply


def test_a_file_that_is_cut_off(server, bucket):
    body = form([("key", "cut"), *signed(encoded(covered(bucket, [])))])
    for end in (len(body) - 12, len(body) - len(BOUNDARY) - 6):
        reply = post(server, bucket, body[:end])
        assert (reply.status, reply.code) == (400, "MalformedPOSTRequest"), reply
    assert get(server, bucket, "cut").status == 404


def test_other_bodies(server, bucket):
    for content_type in ("text/plain", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 71, ""):
        reply = raw.exchange(server, raw.head("POST", f"/{bucket}", [("Host", "h"), ("Connection", "close"), ("Content-Type", content_type), ("Content-Length", 3)]) + b"abc")
        assert (reply.status, reply.code) == (412, "PreconditionFailed"), reply
    reply = raw.exchange(server, raw.head("POST", f"/{bucket}", [("Host", "h"), ("Connection", "close"), ("Transfer-Encoding", "chunked"),
                                                                 ("Content-Type", "multipart/form-data; boundary=x")]) + b"3\r\nabc\r\n0\r\n\r\n")
    assert (reply.status, reply.code) == (411, "MissingContentLength"), reply
