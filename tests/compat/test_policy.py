"""Bucket policies as people meet them: users, sessions and strangers by boto3, `mc anonymous`, plain HTTP."""
import itertools
import json
import threading
import urllib.error
import urllib.request

import botocore
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

import iam
import lakegated
from conftest import make_mc, new_name, refused


def statement(bucket, **more):
    return {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], **more}


def put_policy(client, bucket, *statements):
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def is_denied(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return True
    return False


@pytest.fixture
def open_bucket(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    return bucket


@pytest.fixture
def nobody(server):
    return lakegated.client(server, signature_version=botocore.UNSIGNED)


# ---- users and the bucket's policy ----


def test_a_policy_that_names_a_user_is_enough(server, s3, bucket):
    ada, bob = iam.make_user(server), iam.make_user(server)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert is_denied(ada.s3.get_object, Bucket=bucket, Key="k")
    put_policy(s3, bucket, statement(bucket, Principal={"AWS": ada.arn}, Action="s3:GetObject", Resource=f"arn:aws:s3:::{bucket}/*"))
    assert ada.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert is_denied(ada.s3.put_object, Bucket=bucket, Key="k")
    assert is_denied(bob.s3.get_object, Bucket=bucket, Key="k")


def test_a_policy_that_names_the_account_only_delegates(server, s3, bucket):
    may, may_not = iam.make_user(server, iam.ALL_OF_S3), iam.make_user(server)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    put_policy(s3, bucket, statement(bucket, Principal={"AWS": iam.ACCOUNT}))
    assert may.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert is_denied(may_not.s3.get_object, Bucket=bucket, Key="k")


def test_a_deny_of_the_bucket_wins(server, s3, bucket):
    ada = iam.make_user(server, iam.ALL_OF_S3)
    ada.s3.put_object(Bucket=bucket, Key="raw/1", Body=b"x")
    put_policy(s3, bucket, statement(bucket, Effect="Deny", Principal="*", Action="s3:DeleteObject", Resource=f"arn:aws:s3:::{bucket}/raw/*"))
    with pytest.raises(ClientError) as caught:
        ada.s3.delete_object(Bucket=bucket, Key="raw/1")
    message = caught.value.response["Error"]["Message"]
    assert message == (f"User: {ada.arn} is not authorized to perform: s3:DeleteObject on resource: \"arn:aws:s3:::{bucket}/raw/1\" "
                       "with an explicit deny in a resource-based policy")
    assert is_denied(s3.delete_object, Bucket=bucket, Key="raw/1")  # root is bound, too
    batch = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "raw/1"}, {"Key": "tmp/1"}]})
    assert [e["Key"] for e in batch["Errors"]] == ["raw/1"] and [d["Key"] for d in batch["Deleted"]] == ["tmp/1"]


def test_variables_give_each_user_a_home(server, s3, bucket):
    ada, bob = iam.make_user(server), iam.make_user(server)
    put_policy(
        s3, bucket,
        statement(bucket, Principal={"AWS": [ada.arn, bob.arn]}, Action=["s3:PutObject", "s3:GetObject"], Resource=f"arn:aws:s3:::{bucket}/home/${{aws:username}}/*"),
        statement(bucket, Principal={"AWS": [ada.arn, bob.arn]}, Action="s3:ListBucket", Resource=f"arn:aws:s3:::{bucket}",
                  Condition={"StringLike": {"s3:prefix": "home/${aws:username}/*"}}))
    ada.s3.put_object(Bucket=bucket, Key=f"home/{ada.name}/k", Body=b"x")
    assert is_denied(bob.s3.get_object, Bucket=bucket, Key=f"home/{ada.name}/k")
    assert is_denied(bob.s3.put_object, Bucket=bucket, Key=f"home/{ada.name}/k")
    assert ada.s3.list_objects_v2(Bucket=bucket, Prefix=f"home/{ada.name}/")["KeyCount"] == 1
    assert is_denied(ada.s3.list_objects_v2, Bucket=bucket, Prefix=f"home/{bob.name}/")
    assert is_denied(ada.s3.list_objects_v2, Bucket=bucket)


def test_a_role_in_a_policy_stays_within_its_session(server, s3, bucket):
    ada, role = iam.make_user(server, iam.policy(("Allow", "sts:AssumeRole", "*"))), iam.make_role(server, allowed=None)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    put_policy(s3, bucket, statement(bucket, Principal={"AWS": role["Arn"]}, Action=["s3:GetObject", "s3:PutObject"], Resource=f"arn:aws:s3:::{bucket}/*"))
    session = iam.assume(ada, role)
    assert session.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    narrow = iam.assume(ada, role, Policy=iam.policy(("Allow", "s3:GetObject", "*")))
    assert narrow.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert is_denied(narrow.s3.put_object, Bucket=bucket, Key="k")
    assert is_denied(ada.s3.get_object, Bucket=bucket, Key="k")


def test_a_deleted_user_stays_a_stranger(server, s3, bucket):
    root = lakegated.connect(server, "iam")
    ada = iam.make_user(server)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement(bucket, Principal={"AWS": ada.arn}, Action="s3:GetObject", Resource=f"arn:aws:s3:::{bucket}/*")]})
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    user_id = root.get_user(UserName=ada.name)["User"]["UserId"]
    root.delete_access_key(UserName=ada.name, AccessKeyId=ada.keys[0])
    root.delete_user(UserName=ada.name)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Principal"] == {"AWS": user_id}
    arn = root.create_user(UserName=ada.name)["User"]["Arn"]
    assert arn == ada.arn
    key = root.create_access_key(UserName=ada.name)["AccessKey"]
    again = iam.Someone(server, ada.name, arn, (key["AccessKeyId"], key["SecretAccessKey"]))
    assert is_denied(again.s3.get_object, Bucket=bucket, Key="k")
    with refused("MalformedPolicy", 400):  # who is gone cannot be named again
        s3.put_bucket_policy(Bucket=bucket, Policy=s3.get_bucket_policy(Bucket=bucket)["Policy"])
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert again.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_renamed_user_stays_who_it_is(server, s3, bucket):
    root = lakegated.connect(server, "iam")
    ada = iam.make_user(server)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    put_policy(s3, bucket, statement(bucket, Principal={"AWS": ada.arn}))
    root.update_user(UserName=ada.name, NewUserName=f"{ada.name}-new")
    assert ada.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Principal"] == {"AWS": f"{ada.arn}-new"}


def test_who_would_lock_itself_out_is_asked(server, s3, bucket):
    ada = iam.make_user(server, iam.ALL_OF_S3)
    deny = statement(bucket, Effect="Deny", Principal={"AWS": ada.arn}, Action="s3:PutBucketPolicy", Resource=f"arn:aws:s3:::{bucket}")
    with pytest.raises(ClientError) as caught:
        put_policy(ada.s3, bucket, deny)
    assert "x-amz-confirm-remove-self-bucket-access" in caught.value.response["Error"]["Message"]
    ada.s3.put_bucket_policy(Bucket=bucket, ConfirmRemoveSelfBucketAccess=True, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    assert is_denied(ada.s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    s3.delete_bucket_policy(Bucket=bucket)  # root can always


# ---- escalation ----


def test_a_copy_does_not_read_what_may_not_be_read(server, s3, bucket):
    other = new_name("secret")
    s3.create_bucket(Bucket=other)
    s3.put_object(Bucket=other, Key="k", Body=b"secret" * 1000)
    ada = iam.make_user(server, iam.policy(("Allow", "s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])))
    assert is_denied(ada.s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{other}/k")
    assert is_denied(ada.s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{other}/no-such-key")
    assert is_denied(ada.s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{other}/k?versionId=null")
    upload = ada.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    assert is_denied(ada.s3.upload_part_copy, Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, CopySource=f"{other}/k")
    ada.s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)


def test_another_keys_upload_is_not_completed(server, s3, bucket):
    """s3:PutObject on one key is not the right to put another through its upload."""
    ada = iam.make_user(server, iam.policy(("Allow", "s3:PutObject", f"arn:aws:s3:::{bucket}/own/*")))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="raw/k")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="raw/k", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert is_denied(ada.s3.complete_multipart_upload, Bucket=bucket, Key="raw/k", UploadId=upload, MultipartUpload=parts)
    with refused("NoSuchUpload", 404):
        ada.s3.complete_multipart_upload(Bucket=bucket, Key="own/k", UploadId=upload, MultipartUpload=parts)
    assert is_denied(ada.s3.abort_multipart_upload, Bucket=bucket, Key="raw/k", UploadId=upload)
    s3.complete_multipart_upload(Bucket=bucket, Key="raw/k", UploadId=upload, MultipartUpload=parts)


def test_who_began_an_upload_aborts_it(server, s3, bucket):
    ada, bob = (iam.make_user(server, iam.policy(("Allow", "s3:PutObject", f"arn:aws:s3:::{bucket}/*"))) for _ in range(2))
    upload = ada.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    assert is_denied(bob.s3.list_parts, Bucket=bucket, Key="k", UploadId=upload)
    assert is_denied(bob.s3.abort_multipart_upload, Bucket=bucket, Key="k", UploadId=upload)
    assert ada.s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)["UploadId"] == upload
    ada.s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)


def test_presigned_urls_end_with_their_key(server, s3, bucket):
    root = lakegated.connect(server, "iam")
    ada = iam.make_user(server, iam.ALL_OF_S3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = ada.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert urllib.request.urlopen(url, timeout=30).read() == b"x"
    root.update_access_key(UserName=ada.name, AccessKeyId=ada.keys[0], Status="Inactive")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=30)
    assert caught.value.code == 403
    root.update_access_key(UserName=ada.name, AccessKeyId=ada.keys[0], Status="Active")
    root.delete_user_policy(UserName=ada.name, PolicyName="allowed")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=30)
    assert caught.value.code == 403


def test_a_user_that_is_deleted_while_its_requests_run(server, s3, bucket):
    """Each answer is the object or a refusal; none comes after the deletion was answered."""
    root = lakegated.connect(server, "iam")
    ada = iam.make_user(server, iam.ALL_OF_S3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100_000)
    ready, gone, outcomes, late = threading.Barrier(9), threading.Event(), [], []

    def work(number):
        client = lakegated.connect(server, "s3", ada.keys)
        ready.wait(30)
        for turn in itertools.count():
            after = gone.is_set()
            try:
                if number % 2:
                    client.put_object(Bucket=bucket, Key=f"{number}/{turn}", Body=b"y" * 50_000)
                else:
                    assert len(client.get_object(Bucket=bucket, Key="k")["Body"].read()) == 100_000
                outcomes.append("done")
                if after:
                    late.append(turn)
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])
                if after or outcomes[-1] == "InvalidAccessKeyId":
                    return

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    ready.wait(30)
    root.delete_user_policy(UserName=ada.name, PolicyName="allowed")
    root.delete_access_key(UserName=ada.name, AccessKeyId=ada.keys[0])
    root.delete_user(UserName=ada.name)
    gone.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not late
    assert set(outcomes) <= {"done", "AccessDenied", "InvalidAccessKeyId"}, set(outcomes)
    assert "InvalidAccessKeyId" in outcomes


# ---- what bad policies are told ----

BAD = {
    "not JSON": b"policy",
    "cut": b'{"Version":"2012-10-17","Statement":[',
    "nested": b'{"Statement":' + b"[" * 100_000,
    "a member twice": b'{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
    "invalid UTF-8": b'{"Version":"2012-10-17","Statement":[{"Sid":"\xff"}]}',
    "UTF-16": '{"Version":"2012-10-17"}'.encode("utf-16"),
    "NUL": b'{"Version":"2012-10-17\0","Statement":[]}',
    "a byte order mark": b'\xef\xbb\xbf{"Version":"2012-10-17","Statement":[]}',
    "21 KiB": b'{"Version":"2012-10-17","Statement":[]}' + b" " * 21 * 1024,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_policies_by_http(server, s3, bucket, name):
    url = server.endpoint + lakegated.presign(server, "PUT", f"/{bucket}", {"policy": ""})
    request = urllib.request.Request(url, data=BAD[name], method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    assert caught.value.code == 400 and b"<Code>MalformedPolicy</Code>" in caught.value.read()
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=bucket)


# ---- conditions that need a connection ----


def test_secure_transport(server, tls_server):
    for where, secure in ((server, False), (tls_server, True)):
        client, name = lakegated.client(where), new_name("tls")
        client.create_bucket(Bucket=name)
        put_policy(client, name, statement(name, Effect="Deny", Principal="*", Action="s3:PutObject", Condition={"Bool": {"aws:SecureTransport": "false"}}),
                   statement(name, Effect="Deny", Principal="*", Action="s3:PutObject", Condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}}))
        assert is_denied(client.put_object, Bucket=name, Key="k") is not secure


def test_source_ip(s3, open_bucket, nobody):
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x")
    for network, inside in (("127.0.0.0/8", True), ("192.0.2.0/24", False)):
        put_policy(s3, open_bucket, statement(open_bucket, Principal="*", Action="s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": network}}))
        assert is_denied(nobody.get_object, Bucket=open_bucket, Key="k") is not inside


def test_a_trusted_proxy_tells_the_source():
    with lakegated.Lakegated(arguments=["--trusted-proxies=127.0.0.0/8", "--new-buckets=open"]) as server:
        s3 = lakegated.client(server)
        s3.create_bucket(Bucket="lake")
        s3.put_object(Bucket="lake", Key="k", Body=b"x")
        put_policy(s3, "lake", statement("lake", Principal="*", Action="s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
        for forwarded, status in (("192.0.2.7", 200), ("192.0.2.7, 203.0.113.1", 403), ("203.0.113.1, 192.0.2.7", 200), ("192.0.2.7, 127.0.0.1", 200), ("x", 403), (None, 403)):
            request = urllib.request.Request(f"{server.endpoint}/lake/k", headers={"X-Forwarded-For": forwarded} if forwarded else {})
            try:
                got = urllib.request.urlopen(request, timeout=30).status
            except urllib.error.HTTPError as error:
                got = error.code
            assert got == status, forwarded


def test_the_location_of_a_bucket_that_is_made(server):
    allowed = iam.policy(("Allow", "s3:CreateBucket", "*", {"StringEquals": {"s3:LocationConstraint": "us-east-1"}}))
    ada = iam.make_user(server, allowed)
    assert is_denied(ada.s3.create_bucket, Bucket=new_name("here"))
    request = {"Bucket": new_name("here"), "CreateBucketConfiguration": {"LocationConstraint": "us-east-1"}}
    assert ada.s3.create_bucket(**request)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_presigned_requests_are_told_apart(s3, open_bucket, nobody):
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": open_bucket, "Key": "k"})
    put_policy(s3, open_bucket, statement(open_bucket, Effect="Deny", Principal="*", Action="s3:GetObject", Condition={"StringNotEquals": {"s3:authType": "REST-HEADER"}}))
    assert s3.get_object(Bucket=open_bucket, Key="k")["Body"].read() == b"x"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url, timeout=30)
    put_policy(s3, open_bucket, statement(open_bucket, Effect="Deny", Principal="*", Action="s3:GetObject", Condition={"NumericGreaterThan": {"s3:signatureAge": "600000"}}))
    assert urllib.request.urlopen(url, timeout=30).read() == b"x"


# ---- the daemon's own pages ----


def test_status_is_the_first_accounts(server):
    def status(keys):
        request = AWSRequest("GET", f"{server.endpoint}/-/status")
        S3SigV4Auth(Credentials(*keys), "s3", lakegated.REGION).add_auth(request)
        try:
            return urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)), timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code

    reader, other = iam.make_user(server, iam.policy(("Allow", "lakegate:GetStatus", "*"))), iam.make_user(server, iam.ALL_OF_S3)
    assert (status((lakegated.ACCESS_KEY, lakegated.SECRET_KEY)), status(reader.keys), status(other.keys)) == (200, 200, 403)


# ---- mc ----


@pytest.fixture(scope="module")
def open_server():
    with lakegated.Lakegated(arguments=["--new-buckets=open"]) as server:
        yield server


@pytest.fixture
def mc(open_server, tmp_path):
    return make_mc(open_server, tmp_path)


@pytest.mark.parametrize("access, reads, writes", [("download", True, False), ("upload", False, True), ("public", True, True), ("private", False, False)])
def test_mc_anonymous_set(mc, open_server, access, reads, writes):
    name = new_name("anonymous")
    nobody = lakegated.client(open_server, signature_version=botocore.UNSIGNED)
    mc.run("mb", f"lake/{name}")
    mc.run("pipe", f"lake/{name}/k", input=b"x")
    mc.run("anonymous", "set", access, f"lake/{name}")
    assert f"is `{access}`" in mc.run("anonymous", "get", f"lake/{name}")
    assert is_denied(nobody.get_object, Bucket=name, Key="k") is not reads
    assert is_denied(nobody.list_objects_v2, Bucket=name) is not reads
    assert is_denied(nobody.put_object, Bucket=name, Key="new") is not writes
    assert is_denied(nobody.delete_object, Bucket=name, Key="none") is not writes
    mc.run("anonymous", "set", "none", f"lake/{name}")
    assert is_denied(nobody.get_object, Bucket=name, Key="k") and is_denied(nobody.put_object, Bucket=name, Key="new")


def test_mc_anonymous_of_a_prefix(mc, open_server, tmp_path):
    name = new_name("anonymous")
    mc.run("mb", f"lake/{name}")
    mc.run("pipe", f"lake/{name}/pub/a", input=b"x")
    mc.run("pipe", f"lake/{name}/other", input=b"y")
    mc.run("anonymous", "set", "download", f"lake/{name}/pub")
    assert f"{name}/pub* => readonly" in mc.run("anonymous", "list", f"lake/{name}")
    links = mc.run("anonymous", "links", "--recursive", f"lake/{name}").split()
    assert links == [f"{open_server.endpoint}/{name}/pub/a"]
    assert urllib.request.urlopen(links[0], timeout=30).read() == b"x"
    nobody = lakegated.client(open_server, signature_version=botocore.UNSIGNED)
    assert is_denied(nobody.get_object, Bucket=name, Key="other")


def test_mc_anonymous_set_json(mc, open_server, tmp_path):
    name = new_name("anonymous")
    nobody = lakegated.client(open_server, signature_version=botocore.UNSIGNED)
    mc.run("mb", f"lake/{name}")
    mc.run("pipe", f"lake/{name}/a/k", input=b"x")
    text = tmp_path / "policy.json"
    text.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement(name, Principal={"AWS": ["*"]}, Action=["s3:GetObject"], Resource=[f"arn:aws:s3:::{name}/a/*"])]}))
    mc.run("anonymous", "set-json", text, f"lake/{name}")
    assert json.loads(mc.run("anonymous", "get-json", f"lake/{name}")) == json.loads(text.read_text())
    assert nobody.get_object(Bucket=name, Key="a/k")["Body"].read() == b"x"
    text.write_text("{}")
    mc.run("anonymous", "set-json", text, f"lake/{name}", code=1)


def test_mc_says_why_where_public_access_is_blocked(server, tmp_path):
    client = make_mc(server, tmp_path)
    name = new_name("blocked")
    client.run("mb", f"lake/{name}")
    client.run("anonymous", "set", "download", f"lake/{name}", code=1)
    assert "BlockPublicPolicy" in client.stderr


# ---- aws-cli ----


def test_aws_cli(aws, any_server):
    name = new_name("cli")
    aws.run("s3", "mb", f"s3://{name}")
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement(name, Principal={"AWS": iam.ACCOUNT})]})
    aws.run("s3api", "put-bucket-policy", "--bucket", name, "--policy", text)
    assert json.loads(json.loads(aws.run("s3api", "get-bucket-policy", "--bucket", name))["Policy"]) == json.loads(text)
    assert json.loads(aws.run("s3api", "get-bucket-policy-status", "--bucket", name)) == {"PolicyStatus": {"IsPublic": False}}
    aws.run("s3api", "put-public-access-block", "--bucket", name, "--public-access-block-configuration", "BlockPublicAcls=true,RestrictPublicBuckets=true")
    shown = json.loads(aws.run("s3api", "get-public-access-block", "--bucket", name))["PublicAccessBlockConfiguration"]
    assert shown == {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}
    aws.run("s3api", "delete-public-access-block", "--bucket", name)
    aws.run("s3api", "delete-bucket-policy", "--bucket", name)
    aws.run("s3api", "get-bucket-policy", "--bucket", name, code=(254, 255))
    assert "NoSuchBucketPolicy" in aws.stderr
