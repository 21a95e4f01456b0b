"""Tags of objects, as the clients that people use put, read and copy them."""
import io
import json

import boto3.s3.transfer
import botocore.config
import pytest
import requests

import lakegated
from conftest import Client, content, find_program, make_mc, new_name, refused
from iam import make_user, policy

MIB = 1 << 20
TAGS = [{"Key": "project", "Value": "lake"}, {"Key": "team name", "Value": "+ = é / @"}]
ENCODED = "team+name=%2B+%3D+%C3%A9+%2F+%40&project=lake"


def tags_of(s3, bucket, key, **more):
    return s3.get_object_tagging(Bucket=bucket, Key=key, **more)["TagSet"]


# ---- boto3 ----


def test_boto3(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "b"})
    before = s3.head_object(Bucket=bucket, Key="k")
    assert "TagCount" not in s3.get_object(Bucket=bucket, Key="k")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": list(reversed(TAGS))})
    assert tags_of(s3, bucket, "k") == TAGS
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    after = s3.head_object(Bucket=bucket, Key="k")
    assert (after["ETag"], after["LastModified"], after["Metadata"]) == (put["ETag"], before["LastModified"], {"a": "b"})
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert tags_of(s3, bucket, "k") == []
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "aws:a", "Value": "1"}]})
    with refused("BadRequest", 400):
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": str(i), "Value": ""} for i in range(11)]})
    with refused("NoSuchKey", 404):
        s3.put_object_tagging(Bucket=bucket, Key="missing", Tagging={"TagSet": TAGS})
    for algorithm in "CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME":
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "by", "Value": algorithm}]}, ChecksumAlgorithm=algorithm)
        assert tags_of(s3, bucket, "k") == [{"Key": "by", "Value": algorithm}]


def test_boto3_writes_and_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging=ENCODED)
    assert tags_of(s3, bucket, "k") == TAGS
    s3.upload_fileobj(io.BytesIO(content(9 * MIB)), bucket, "big", ExtraArgs={"Tagging": ENCODED},
                      Config=boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB))
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-2"') and tags_of(s3, bucket, "big") == TAGS
    for key in "k", "big":
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/{key}")
        assert tags_of(s3, bucket, "copy") == TAGS
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/{key}", TaggingDirective="REPLACE", Tagging="a=1")
        assert tags_of(s3, bucket, "copy") == [{"Key": "a", "Value": "1"}]


def test_boto3_presigned(s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k", "Tagging": ENCODED})
    headers = {} if "tagging=" in url.lower() else {"x-amz-tagging": ENCODED}
    assert requests.put(url, data=b"x", headers=headers).status_code == 200
    assert tags_of(s3, bucket, "k") == TAGS
    for version in "s3", "s3v4":
        client = boto3.client("s3", endpoint_url=s3.meta.endpoint_url, aws_access_key_id=lakegated.ACCESS_KEY, region_name=lakegated.REGION,
                              aws_secret_access_key=lakegated.SECRET_KEY, config=botocore.config.Config(signature_version=version))
        assert b"project" in requests.get(client.generate_presigned_url("get_object_tagging", {"Bucket": bucket, "Key": "k"})).content


def test_boto3_forms(s3, bucket):
    document = "<Tagging><TagSet><Tag><Key>project</Key><Value>lake</Value></Tag></TagSet></Tagging>"
    post = s3.generate_presigned_post(bucket, "k", Fields={"tagging": document}, Conditions=[{"tagging": document}])
    assert requests.post(post["url"], data=post["fields"], files={"file": b"x"}).status_code == 204
    assert tags_of(s3, bucket, "k") == TAGS[:1]


def test_policies(server, s3, bucket):
    """The examples of Amazon's user guide, "Tagging and access control policies"."""
    objects = f"arn:aws:s3:::{bucket}/*"
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", Tagging="security=public")
    s3.put_object(Bucket=bucket, Key="closed", Body=b"x", Tagging="security=private")
    reader = make_user(server, policy(("Allow", "s3:GetObject", objects, {"StringEquals": {"s3:ExistingObjectTag/security": "public"}})))
    assert reader.s3.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    with refused("AccessDenied", 403):
        reader.s3.get_object(Bucket=bucket, Key="closed")
    s3.put_object_tagging(Bucket=bucket, Key="closed", Tagging={"TagSet": [{"Key": "security", "Value": "public"}]})
    assert reader.s3.get_object(Bucket=bucket, Key="closed")["Body"].read() == b"x"
    tagger = make_user(server, policy(("Allow", "s3:PutObjectTagging", objects, {
        "ForAllValues:StringLike": {"s3:RequestObjectTagKeys": ["Owner", "CreationDate"]}, "StringEquals": {"s3:RequestObjectTag/Owner": "me"}})))
    owner, other = {"Key": "Owner", "Value": "me"}, {"Key": "Other", "Value": "x"}
    tagger.s3.put_object_tagging(Bucket=bucket, Key="open", Tagging={"TagSet": [owner]})
    for tags in [owner, other], [{"Key": "Owner", "Value": "you"}], []:
        with refused("AccessDenied", 403):
            tagger.s3.put_object_tagging(Bucket=bucket, Key="open", Tagging={"TagSet": tags})
    assert tags_of(s3, bucket, "open") == [owner]
    writer = make_user(server, policy(("Allow", ["s3:PutObject", "s3:PutObjectTagging"], objects, {"StringEquals": {"s3:RequestObjectTag/Owner": "me"}})))
    writer.s3.put_object(Bucket=bucket, Key="new", Body=b"x", Tagging="Owner=me")
    for more in {}, {"Tagging": "Owner=you"}:
        with refused("AccessDenied", 403):
            writer.s3.put_object(Bucket=bucket, Key="new", Body=b"x", **more)
    # The simulator knows these keys, too.
    said = lakegated.connect(server, "iam")
    for value, decision in ("public", "allowed"), ("private", "implicitDeny"):
        answer = said.simulate_principal_policy(PolicySourceArn=reader.arn, ActionNames=["s3:GetObject"], ResourceArns=[f"arn:aws:s3:::{bucket}/k"], ContextEntries=[
            {"ContextKeyName": "s3:ExistingObjectTag/security", "ContextKeyValues": [value], "ContextKeyType": "string"}])
        assert answer["EvaluationResults"][0]["EvalDecision"] == decision


# ---- aws-cli ----


def test_aws_cli(aws, tmp_path):
    name = new_name("tags")
    aws.run("s3", "mb", f"s3://{name}")
    source = tmp_path / "source"
    source.write_bytes(content(9 * MIB))
    aws.run("s3", "cp", source, f"s3://{name}/big", "--only-show-errors")
    where = ["--bucket", name, "--key", "big"]
    aws.run("s3api", "put-object-tagging", *where, "--tagging", json.dumps({"TagSet": TAGS}))
    assert json.loads(aws.run("s3api", "get-object-tagging", *where))["TagSet"] == TAGS
    assert json.loads(aws.run("s3api", "get-object", *where, tmp_path / "back"))["TagCount"] == 2
    aws.run("s3api", "put-object-tagging", *where, "--tagging", "TagSet=[{Key=a,Value=1}]")
    aws.run("s3api", "copy-object", "--bucket", name, "--key", "copy", "--copy-source", f"{name}/big")
    assert json.loads(aws.run("s3api", "get-object-tagging", "--bucket", name, "--key", "copy"))["TagSet"] == [{"Key": "a", "Value": "1"}]
    aws.run("s3api", "delete-object-tagging", *where)
    assert json.loads(aws.run("s3api", "get-object-tagging", *where))["TagSet"] == []
    source.write_bytes(b"small")
    aws.run("s3api", "put-object", "--bucket", name, "--key", "k", "--body", source, "--tagging", ENCODED)
    aws.run("s3", "cp", f"s3://{name}/k", f"s3://{name}/moved", "--only-show-errors")
    aws.run("s3", "mv", f"s3://{name}/moved", f"s3://{name}/copy", "--only-show-errors")
    assert json.loads(aws.run("s3api", "get-object-tagging", "--bucket", name, "--key", "copy"))["TagSet"] == TAGS


def test_copies_by_parts_that_carry_tags(s3, bucket):
    """As `aws s3 cp` of version 2 goes about it (--copy-props default): it reads the source's tags where HeadObject or
    GetObjectTagging tells of some, and hands them to CreateMultipartUpload, or to PutObjectTagging when they are long."""
    s3.upload_fileobj(io.BytesIO(content(11 * MIB)), bucket, "big", ExtraArgs={"Tagging": ENCODED})
    begun = s3.create_multipart_upload(Bucket=bucket, Key="copy", Tagging=ENCODED)["UploadId"]
    copied = [s3.upload_part_copy(Bucket=bucket, Key="copy", UploadId=begun, PartNumber=number, CopySource=f"{bucket}/big",
                                  CopySourceRange=span)["CopyPartResult"]["ETag"]
              for number, span in ((1, f"bytes=0-{8 * MIB - 1}"), (2, f"bytes={8 * MIB}-{11 * MIB - 1}"))]
    s3.complete_multipart_upload(Bucket=bucket, Key="copy", UploadId=begun, MultipartUpload={
        "Parts": [{"PartNumber": number + 1, "ETag": etag} for number, etag in enumerate(copied)]})
    assert tags_of(s3, bucket, "copy") == TAGS
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == content(11 * MIB)


# ---- mc ----


@pytest.fixture
def mc(server, tmp_path):
    return make_mc(server, tmp_path)


def test_mc(mc, s3):
    name = new_name("tags")
    mc.run("mb", f"lake/{name}")
    mc.run("pipe", f"lake/{name}/k", input=b"x")
    assert "No tags found" in mc.run("tag", "list", f"lake/{name}/k")
    mc.run("tag", "set", f"lake/{name}/k", "project=lake&team=a b")
    assert tags_of(s3, name, "k") == [{"Key": "project", "Value": "lake"}, {"Key": "team", "Value": "a b"}]
    listed = json.loads(mc.run("--json", "tag", "list", f"lake/{name}/k"))
    assert listed["tagset"] == {"project": "lake", "team": "a b"}
    mc.run("cp", f"lake/{name}/k", f"lake/{name}/copy")
    assert tags_of(s3, name, "copy") == tags_of(s3, name, "k")
    assert json.loads(mc.run("--json", "stat", f"lake/{name}/k"))["status"] == "success"
    mc.run("tag", "remove", f"lake/{name}/k")
    assert tags_of(s3, name, "k") == []
    mc.run("tag", "set", f"lake/{name}/none", "a=1", code=1)
    mc.run("pipe", "--tags", "a=1&b=2", f"lake/{name}/piped", input=b"x")
    assert tags_of(s3, name, "piped") == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    mc.run("tag", "set", f"lake/{name}", "of=bucket")
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "of", "Value": "bucket"}]


# ---- rclone ----


def test_rclone(server, s3, bucket, tmp_path):
    config = tmp_path / "rclone.conf"
    config.write_text(
        f"[lake]\ntype = s3\nprovider = Other\naccess_key_id = {lakegated.ACCESS_KEY}\nsecret_access_key = {lakegated.SECRET_KEY}\n"
        f"endpoint = {server.endpoint}\nregion = us-east-1\nforce_path_style = true\n")
    rclone = Client(find_program("rclone"), {"HOME": str(tmp_path)}, ["--config", str(config), "--retries", "1"])
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "big").write_bytes(content(11 * MIB))
    for key in "small", "big":
        rclone.run("copyto", tmp_path / key, f"lake:{bucket}/{key}", "--header-upload", f"x-amz-tagging: {ENCODED}",
                   "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M")
        assert tags_of(s3, bucket, key) == TAGS, key
        rclone.run("copyto", f"lake:{bucket}/{key}", f"lake:{bucket}/{key}-copy")
        assert tags_of(s3, bucket, f"{key}-copy") == TAGS
