"""Pipeline 3: a lake of zones in one bucket that anybody reads and writes over plain HTTP, as its policy says and no more."""
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore
import pytest
from botocore.exceptions import ClientError

import lakegated

BUCKET = "zoned-lake"

# As people paste it.
POLICY = """{"Version": "2012-10-17", "Statement": [
  {"Sid": "AllowAllLambdaPutObject", "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::YOUR_BUCKET_NAME/*"},
  {"Sid": "AllowDeleteObjects", "Effect": "Allow", "Principal": "*", "Action": ["s3:DeleteObject", "s3:AbortMultipartUpload"], "Resource": "arn:aws:s3:::YOUR_BUCKET_NAME/*"},
  {"Sid": "AllowPublicRead", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::YOUR_BUCKET_NAME/*"},
  {"Sid": "AllowListBucket", "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::YOUR_BUCKET_NAME"}]}
""".replace("YOUR_BUCKET_NAME", BUCKET)


def anonymous(server):
    return lakegated.client(server, signature_version=botocore.UNSIGNED)


def http(server, method, path, body=None, headers=None):
    """Status, error code, body; without any client library."""
    request = urllib.request.Request(server.endpoint + path, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, None, reply.read()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, text.partition("<Code>")[2].partition("<")[0], text.encode()


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def unblock(s3):
    """What "Block all public access", unchecked, sends."""
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={
        "BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False})


@pytest.fixture
def lake(s3):
    s3.create_bucket(Bucket=BUCKET)
    unblock(s3)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=POLICY)
    return s3


def test_the_policy_is_refused_while_public_access_is_blocked(server, s3):
    s3.create_bucket(Bucket=BUCKET)
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_policy(Bucket=BUCKET, Policy=POLICY)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDenied"
    assert "BlockPublicPolicy" in error["Message"] and "put-public-access-block" in error["Message"] or "delete-public-access-block" in error["Message"]
    assert code_of(s3.get_bucket_policy, Bucket=BUCKET) == ("NoSuchBucketPolicy", 404)
    unblock(s3)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=POLICY)
    assert s3.get_bucket_policy(Bucket=BUCKET)["Policy"] == POLICY
    assert s3.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"]["IsPublic"] is True


def test_anybody_writes_reads_lists_and_deletes(server, lake):
    client = anonymous(server)
    client.put_object(Bucket=BUCKET, Key="raw/sales.csv", Body=b"id,price\n1,2\n")
    assert client.get_object(Bucket=BUCKET, Key="raw/sales.csv")["Body"].read() == b"id,price\n1,2\n"
    assert client.head_object(Bucket=BUCKET, Key="raw/sales.csv")["ContentLength"] == 13
    assert [o["Key"] for o in client.list_objects_v2(Bucket=BUCKET, Prefix="raw/")["Contents"]] == ["raw/sales.csv"]
    assert client.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert code_of(client.get_object, Bucket=BUCKET, Key="raw/none") == ("NoSuchKey", 404)  # who may list is told
    deleted = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "raw/sales.csv"}, {"Key": "raw/none"}]})
    assert {d["Key"] for d in deleted["Deleted"]} == {"raw/sales.csv", "raw/none"} and "Errors" not in deleted
    client.put_object(Bucket=BUCKET, Key="raw/again.csv", Body=b"x")
    client.delete_object(Bucket=BUCKET, Key="raw/again.csv")
    assert "Contents" not in client.list_objects_v2(Bucket=BUCKET)


def test_plain_http(server, lake):
    path = f"/{BUCKET}/trusted/a%20b.json"
    assert http(server, "PUT", path, b"{}")[0] == 200
    assert http(server, "GET", path)[::2] == (200, b"{}")
    status, _, listing = http(server, "GET", f"/{BUCKET}?list-type=2&prefix=trusted/")
    assert status == 200 and b"<Key>trusted/a b.json</Key>" in listing
    assert http(server, "DELETE", path)[0] == 204
    assert http(server, "GET", path)[:2] == (404, "NoSuchKey")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(server, lake, tmp_path):
    source, path = tmp_path / "rows.parquet", f"{server.endpoint}/{BUCKET}/refined/rows.parquet"
    source.write_bytes(b"PAR1" * 100_000)

    def curl(*arguments):
        done = subprocess.run(["curl", "-sS", "-o", str(tmp_path / "out"), "-w", "%{http_code}", *arguments], capture_output=True, timeout=60, check=True)
        return int(done.stdout)

    assert curl("-T", str(source), path) == 200
    assert curl(path) == 200 and (tmp_path / "out").read_bytes() == source.read_bytes()
    assert curl("-X", "DELETE", path) == 204
    assert curl(f"{server.endpoint}/{BUCKET}?policy") == 403


def test_multipart_uploads_are_for_the_signed_and_anybody_aborts(server, lake):
    client = anonymous(server)
    with pytest.raises(ClientError) as caught:
        client.create_multipart_upload(Bucket=BUCKET, Key="raw/big")
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDenied" and error["Message"].startswith("Anonymous users cannot initiate multipart uploads.")
    upload = lake.create_multipart_upload(Bucket=BUCKET, Key="raw/big")["UploadId"]
    part = lake.upload_part(Bucket=BUCKET, Key="raw/big", UploadId=upload, PartNumber=1, Body=b"part")
    # s3:PutObject is not the right to go on with another's upload.
    assert code_of(client.upload_part, Bucket=BUCKET, Key="raw/big", UploadId=upload, PartNumber=2, Body=b"x") == ("AccessDenied", 403)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert code_of(client.complete_multipart_upload, Bucket=BUCKET, Key="raw/big", UploadId=upload, MultipartUpload=parts) == ("AccessDenied", 403)
    assert code_of(client.list_parts, Bucket=BUCKET, Key="raw/big", UploadId=upload) == ("AccessDenied", 403)
    client.abort_multipart_upload(Bucket=BUCKET, Key="raw/big", UploadId=upload)
    assert code_of(lake.list_parts, Bucket=BUCKET, Key="raw/big", UploadId=upload) == ("NoSuchUpload", 404)


def test_nothing_more(server, lake):
    client = anonymous(server)
    lake.put_object(Bucket=BUCKET, Key="raw/a", Body=b"a")
    version = {"Bucket": BUCKET, "Key": "raw/a", "VersionId": "null"}
    denied = ("AccessDenied", 403)
    assert code_of(client.copy_object, Bucket=BUCKET, Key="raw/b", CopySource=f"{BUCKET}/raw/a") == denied
    assert code_of(client.get_object, **version) == denied
    assert code_of(client.delete_object, **version) == denied
    assert code_of(client.get_object_acl, Bucket=BUCKET, Key="raw/a") == denied
    assert code_of(client.get_object_tagging, Bucket=BUCKET, Key="raw/a") == denied
    assert code_of(client.get_object_attributes, Bucket=BUCKET, Key="raw/a", ObjectAttributes=["ETag"]) == denied
    assert code_of(client.put_object, Bucket=BUCKET, Key="raw/c", ACL="bucket-owner-full-control") == denied
    assert code_of(client.put_object, Bucket=BUCKET, Key="raw/c", Tagging="a=b") == denied
    assert code_of(client.list_object_versions, Bucket=BUCKET) == denied
    assert code_of(client.list_multipart_uploads, Bucket=BUCKET) == denied
    for read in (client.get_bucket_policy, client.get_bucket_policy_status, client.get_public_access_block, client.get_bucket_acl,
                 client.get_bucket_versioning, client.get_bucket_location, client.get_bucket_cors, client.get_bucket_tagging,
                 client.get_bucket_lifecycle_configuration, client.get_bucket_notification_configuration):
        assert code_of(read, Bucket=BUCKET) == denied, read
    for change in (client.delete_bucket, client.delete_bucket_policy, client.delete_public_access_block):
        assert code_of(change, Bucket=BUCKET) == denied, change
    assert code_of(client.put_bucket_policy, Bucket=BUCKET, Policy=POLICY) == denied
    assert code_of(client.create_bucket, Bucket="another-lake") == denied
    assert code_of(client.list_buckets) == denied
    # Each key of a batch has an answer of its own.
    deleted = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "raw/none"}, {"Key": "raw/a", "VersionId": "null"}]})
    assert [d["Key"] for d in deleted["Deleted"]] == ["raw/none"]
    assert [(e["Key"], e["Code"]) for e in deleted["Errors"]] == [("raw/a", "AccessDenied")]
    assert lake.get_object(Bucket=BUCKET, Key="raw/a")["Body"].read() == b"a"


def test_another_bucket_stays_closed(server, lake):
    lake.create_bucket(Bucket="private")
    lake.put_object(Bucket="private", Key="k", Body=b"secret")
    client = anonymous(server)
    assert code_of(client.get_object, Bucket="private", Key="k") == ("AccessDenied", 403)
    assert code_of(client.get_object, Bucket="private", Key="none") == ("AccessDenied", 403)  # not told what is there
    assert code_of(client.list_objects_v2, Bucket="private") == ("AccessDenied", 403)
    assert code_of(client.get_object, Bucket="no-such-bucket", Key="k") == ("NoSuchBucket", 404)  # told to all, as on AWS


def test_restricting_shuts_the_door_again(server, lake):
    """RestrictPublicBuckets acts at once, and the owner's account goes on."""
    client = anonymous(server)
    client.put_object(Bucket=BUCKET, Key="raw/a", Body=b"a")
    lake.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert code_of(client.get_object, Bucket=BUCKET, Key="raw/a") == ("AccessDenied", 403)
    assert code_of(client.put_object, Bucket=BUCKET, Key="raw/b", Body=b"b") == ("AccessDenied", 403)
    assert lake.get_object(Bucket=BUCKET, Key="raw/a")["Body"].read() == b"a"
    lake.delete_public_access_block(Bucket=BUCKET)
    assert client.get_object(Bucket=BUCKET, Key="raw/a")["Body"].read() == b"a"
    lake.delete_bucket_policy(Bucket=BUCKET)
    assert code_of(client.get_object, Bucket=BUCKET, Key="raw/a") == ("AccessDenied", 403)


def test_the_account_blocks_all_its_buckets(server, lake):
    control = boto3.client(
        "s3control", endpoint_url=server.endpoint, aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY,
        region_name=lakegated.REGION, config=botocore.config.Config(retries={"max_attempts": 0}))
    # The account is put before the host's name, which an address has none of.
    control.meta.events.register("before-sign.s3-control", lambda request, **_: setattr(request, "url", re.sub(r"//\d{12}\.", "//", request.url)))
    account, client = "000000000001", anonymous(server)
    client.put_object(Bucket=BUCKET, Key="raw/a", Body=b"a")
    assert code_of(control.get_public_access_block, AccountId=account) == ("NoSuchPublicAccessBlockConfiguration", 404)
    control.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration={
        "BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})
    assert control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"] is True
    assert code_of(client.get_object, Bucket=BUCKET, Key="raw/a") == ("AccessDenied", 403)
    with pytest.raises(ClientError) as caught:
        lake.put_bucket_policy(Bucket=BUCKET, Policy=POLICY)
    assert "account 000000000001" in caught.value.response["Error"]["Message"]
    server.stop()
    server.start()
    assert code_of(client.get_object, Bucket=BUCKET, Key="raw/a") == ("AccessDenied", 403)  # kept
    assert code_of(control.get_public_access_block, AccountId="000000000002") == ("AccessDenied", 403)
    control.delete_public_access_block(AccountId=account)
    assert client.get_object(Bucket=BUCKET, Key="raw/a")["Body"].read() == b"a"


@pytest.mark.settings("--new-buckets=open")
def test_open_installations_take_the_policy_at_once(server, s3):
    s3.create_bucket(Bucket=BUCKET)
    assert code_of(s3.get_public_access_block, Bucket=BUCKET) == ("NoSuchPublicAccessBlockConfiguration", 404)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=POLICY)
    assert http(server, "PUT", f"/{BUCKET}/raw/x", b"x")[0] == 200


def test_the_policy_is_the_last_word_after_a_restart(server, lake):
    server.stop()
    server.start()
    assert http(server, "PUT", f"/{BUCKET}/raw/x", b"x")[0] == 200
    assert json.loads(lake.get_bucket_policy(Bucket=BUCKET)["Policy"]) == json.loads(POLICY)
