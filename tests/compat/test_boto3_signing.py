"""Every way to sign: headers, presigned URLs, chunks; and what is refused, with its own code."""
import base64
import datetime
import hashlib
import hmac
import json
import re
import socket
import time
import urllib.parse

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import lakegated
from conftest import DOMAIN, content, new_name, refused


@pytest.mark.parametrize("signing", [True, False], ids=["payload-signed", "payload-unsigned"])
@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_old_and_new_clients(any_server, signing, checksums):
    s3 = lakegated.client(
        any_server, request_checksum_calculation=checksums, response_checksum_validation=checksums,
        s3={"addressing_style": "path", "payload_signing_enabled": signing},
    )
    bucket = new_name("clients")
    s3.create_bucket(Bucket=bucket)
    for size in (0, 10, 300_000):
        data = content(size)
        s3.put_object(Bucket=bucket, Key="k", Body=data)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})


def presigner(server, version="s3v4"):
    return lakegated.client(server, signature_version=version, request_checksum_calculation="when_required")


def verify(server):
    return server.tls[2] if server.tls else True


@pytest.mark.parametrize("version", ["s3v4", None], ids=["version-4", "by-default"])
def test_presigned(any_server, version):
    """Left alone, boto3 makes URLs of signature version 2 for us-east-1."""
    s3, bucket = presigner(any_server, version), new_name("presigned")
    s3.create_bucket(Bucket=bucket)
    trust = {"verify": verify(any_server)}
    key, data = "a b/é+%.txt", content(5000)
    put = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key, "ContentType": "text/x"}, ExpiresIn=60)
    assert requests.put(put, data=data, headers={"Content-Type": "text/x"}, **trust).status_code == 200
    assert requests.put(put, data=data, headers={"Content-Type": "text/y"}, **trust).status_code == 403
    got = requests.get(s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}), **trust)
    assert (got.status_code, got.content, got.headers["Content-Type"]) == (200, data, "text/x")
    named = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key, "ResponseContentDisposition": 'attachment; filename="x y"'})
    assert requests.get(named, **trust).headers["Content-Disposition"] == 'attachment; filename="x y"'
    head = requests.head(s3.generate_presigned_url("head_object", {"Bucket": bucket, "Key": key}), **trust)
    assert head.headers["Content-Length"] == "5000"
    listed = requests.get(s3.generate_presigned_url("list_objects_v2", {"Bucket": bucket}), **trust)
    assert "<Key>a b/é+%.txt</Key>" in listed.content.decode() or "<KeyCount>1</KeyCount>" in listed.text
    deleted = requests.delete(s3.generate_presigned_url("delete_object", {"Bucket": bucket, "Key": key}), **trust)
    assert deleted.status_code == 204


def test_presigned_part(s3, bucket, server):
    signer = presigner(server)
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    url = signer.generate_presigned_url("upload_part", {"Bucket": bucket, "Key": "k", "UploadId": upload_id, "PartNumber": 1})
    answer = requests.put(url, data=b"part")
    assert answer.status_code == 200
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": answer.headers["ETag"]}]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"part"


def error_of(answer):
    """Code and message of an error's XML."""
    import xml.etree.ElementTree as tree

    root = tree.fromstring(answer.content)
    return root.findtext("Code"), root.findtext("Message")


def signed_url(server, bucket, when, expires=60, method="GET", access_key=lakegated.ACCESS_KEY, secret=lakegated.SECRET_KEY, region="us-east-1"):
    """A presigned URL of any time, which no SDK would make."""
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    query = urllib.parse.urlencode(sorted({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{access_key}/{scope}", "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": "host",
    }.items()), quote_via=urllib.parse.quote, safe="")
    host = f"127.0.0.1:{server.port}"
    canonical = f"{method}\n/{bucket}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{server.endpoint}/{bucket}?{query}&X-Amz-Signature={signature}"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def test_presigned_in_time(server, bucket):
    assert requests.get(signed_url(server, bucket, now())).status_code == 200
    assert requests.get(signed_url(server, bucket, now() - datetime.timedelta(days=6), 604800)).status_code == 200


def test_presigned_by_version_2_refusals(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = presigner(server, None).generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k", "ResponseContentType": "a/b"})
    assert "X-Amz-Signature" not in url
    got = requests.get(url)
    assert (got.status_code, got.headers["Content-Type"]) == (200, "a/b")
    expired = re.sub(r"Expires=\d+", f"Expires={int(time.time()) - 1}", url)
    for changed in (expired, url.replace("a%2Fb", "a%2Fc"), url.replace("/k?", "/l?"), url + "&x-amz-meta-a=b", url + "&acl", url.replace("Signature=", "Signature=A")):
        answer = requests.get(changed)
        assert (answer.status_code, error_of(answer)[0]) == (403, "SignatureDoesNotMatch"), changed
    assert requests.put(url, data=b"y").status_code == 403
    late = presigner(server, None).generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, ExpiresIn=-1)
    assert error_of(requests.get(late)) == ("AccessDenied", "Request has expired")


@pytest.mark.parametrize("code,message,options", [
    ("AccessDenied", "Request has expired", {"when": -61, "expires": 60}),
    ("AccessDenied", "Request is not valid yet", {"when": 3600}),
    ("AuthorizationQueryParametersError", None, {"expires": 0}),
    ("AuthorizationQueryParametersError", None, {"expires": 604801}),
    ("AuthorizationQueryParametersError", None, {"expires": "soon"}),
    ("AuthorizationQueryParametersError", None, {"region": "mars-north-1"}),
    ("InvalidAccessKeyId", None, {"access_key": "nobody"}),
    ("SignatureDoesNotMatch", None, {"secret": "wrong"}),
    ("SignatureDoesNotMatch", None, {"method": "PUT"}),
], ids=str)
def test_presigned_refusals(server, bucket, code, message, options):
    options = dict(options)
    answer = requests.get(signed_url(server, bucket, now() + datetime.timedelta(seconds=options.pop("when", 0)), **options))
    got = error_of(answer)
    assert got[0] == code, got
    assert answer.status_code == (400 if code == "AuthorizationQueryParametersError" else 403)
    if message:
        assert got[1] == message


def signed_request(server, method, path, body=b"", headers=None, clock=None, secret=lakegated.SECRET_KEY, region="us-east-1"):
    request = AWSRequest(method, f"{server.endpoint}{path}", data=body, headers=headers or {})
    auth = S3SigV4Auth(Credentials(lakegated.ACCESS_KEY, secret), "s3", region)
    auth.add_auth(request)
    return request.prepare()


def send(request, change=None):
    headers = dict(request.headers.items())
    (change or (lambda _: None))(headers)
    return requests.request(request.method, request.url, headers=headers, data=request.body)


def test_header_refusals(server, bucket):
    assert send(signed_request(server, "GET", f"/{bucket}")).status_code == 200

    wrong = send(signed_request(server, "GET", f"/{bucket}", secret="wrong"))
    assert (wrong.status_code, error_of(wrong)[0]) == (403, "SignatureDoesNotMatch")
    # what the server signed, so that a client's author finds the difference
    assert "<CanonicalRequest>" in wrong.text and "<StringToSign>" in wrong.text
    assert lakegated.SECRET_KEY not in wrong.text

    region = send(signed_request(server, "GET", f"/{bucket}", region="eu-central-1"))
    assert (region.status_code, error_of(region)[0]) == (400, "AuthorizationHeaderMalformed")
    assert "<Region>us-east-1</Region>" in region.text

    tampered = send(signed_request(server, "PUT", f"/{bucket}/k", b"data"), lambda h: h.update({"Authorization": h["Authorization"][:-1] + "x"}))
    assert error_of(tampered)[0] in ("SignatureDoesNotMatch", "AuthorizationHeaderMalformed")

    request = signed_request(server, "PUT", f"/{bucket}/k", b"data")
    request.body = b"DATA"
    body = send(request)
    assert (body.status_code, error_of(body)[0]) == (400, "XAmzContentSHA256Mismatch")

    unsigned = send(signed_request(server, "GET", f"/{bucket}"), lambda h: h.update({"x-amz-acl": "private"}))
    assert (unsigned.status_code, error_of(unsigned)[0]) == (403, "AccessDenied")


def test_skewed_clock(server, bucket, monkeypatch):
    import botocore.auth

    # the name of the clock differs between botocore's versions
    if hasattr(botocore.auth, "get_current_datetime"):
        real = botocore.auth.get_current_datetime
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) - datetime.timedelta(hours=1))
    else:
        class Late(datetime.datetime):
            @classmethod
            def utcnow(cls):
                return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(hours=1)

        monkeypatch.setattr(botocore.auth.datetime, "datetime", Late)
    answer = send(signed_request(server, "GET", f"/{bucket}"))
    assert (answer.status_code, error_of(answer)[0]) == (403, "RequestTimeTooSkewed")


def test_heads_of_a_client_for_another_region(server, bucket):
    # An answer to HEAD has no body to name the right region in: boto3 asks HeadBucket for it, and signs again.
    elsewhere = boto3.client("s3", endpoint_url=server.endpoint, region_name="eu-west-3", aws_access_key_id=lakegated.ACCESS_KEY,
                             aws_secret_access_key=lakegated.SECRET_KEY, config=Config(s3={"addressing_style": "path"}))
    elsewhere.put_object(Bucket=bucket, Key="k", Body=b"there")
    assert elsewhere.head_object(Bucket=bucket, Key="k")["ContentLength"] == 5
    elsewhere.head_bucket(Bucket=bucket)
    with refused("404", 404):
        elsewhere.head_object(Bucket=bucket, Key="absent")


def test_anonymous(server, bucket):
    nobody = boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1", config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}))
    for call in (
        lambda: nobody.list_buckets(),
        lambda: nobody.list_objects_v2(Bucket=bucket),
        lambda: nobody.put_object(Bucket=bucket, Key="k", Body=b"x"),
        lambda: nobody.get_object(Bucket=bucket, Key="k"),
        lambda: nobody.delete_object(Bucket=bucket, Key="k"),
        lambda: nobody.create_bucket(Bucket=new_name("anonymous")),
    ):
        with refused("AccessDenied", 403):
            call()


def test_signature_version_2_is_refused(server, bucket):
    old = boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY,
                       region_name="us-east-1", config=Config(signature_version="s3", s3={"addressing_style": "path"}))
    with pytest.raises(Exception, match="InvalidRequest|AWS4-HMAC-SHA256"):
        old.list_objects_v2(Bucket=bucket)


# ---- virtual-host style ----


@pytest.fixture
def names_of_localhost(monkeypatch):
    """*.localhost and the test's domain are this machine, without touching its hosts file."""
    real = socket.getaddrinfo

    def lookup(host, *arguments, **options):
        if isinstance(host, str) and (host.endswith(".localhost") or host.endswith(DOMAIN)):
            host = "127.0.0.1"
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.mark.parametrize("domain", ["localhost", DOMAIN])
def test_virtual_host_style(server, names_of_localhost, domain):
    s3 = boto3.client("s3", endpoint_url=f"http://{domain}:{server.port}", aws_access_key_id=lakegated.ACCESS_KEY,
                      aws_secret_access_key=lakegated.SECRET_KEY, region_name="us-east-1", config=Config(s3={"addressing_style": "virtual"}, retries={"total_max_attempts": 1}))
    bucket = new_name("virtual")
    s3.create_bucket(Bucket=bucket)
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    for key in ("a b/é+", "/leading", bucket + "/k"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        assert requests.get(s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key})).content == key.encode()
    assert len(lakegated.client(server).list_objects_v2(Bucket=bucket)["Contents"]) == 3
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in ("a b/é+", "/leading", bucket + "/k")]})
    s3.delete_bucket(Bucket=bucket)


def test_through_a_forward_proxy(server, bucket):
    """A proxy's clients send the whole URL as the request target."""
    s3 = boto3.client("s3", endpoint_url=f"http://{DOMAIN}", aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY, region_name="us-east-1",
                      config=Config(s3={"addressing_style": "virtual"}, proxies={"http": server.endpoint}, retries={"total_max_attempts": 1}))
    s3.put_object(Bucket=bucket, Key="k v", Body=b"through")
    assert s3.get_object(Bucket=bucket, Key="k v")["Body"].read() == b"through"


# ---- what nobody may see ----


def test_no_secret_in_the_log(server, s3, bucket):
    before = server.log_size()
    url = presigner(server).generate_presigned_url("get_object", {"Bucket": bucket, "Key": "logged"})
    s3.put_object(Bucket=bucket, Key="logged", Body=b"x")
    assert requests.get(url).content == b"x"
    requests.get(url.replace("X-Amz-Signature=", "X-Amz-Signature=0"))
    signature = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["X-Amz-Signature"][0]
    for _ in range(100):
        log = server.log_tail(10_000, before)
        if log.count('"logged"') >= 3:
            break
        time.sleep(0.05)
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("key") == "logged"]
    assert [(line["status"], line["bucket"]) for line in mine] == [(200, bucket), (200, bucket), (403, bucket)]
    for secret in (lakegated.SECRET_KEY, signature, "X-Amz-Signature", base64.b64encode(lakegated.SECRET_KEY.encode()).decode()):
        assert secret not in log
