"""Linked buckets: objects copied out of them."""
import json

import pytest
from botocore.exceptions import ClientError

import iam
import lakegated
from conftest import content, refused
from linking import bucket, gateway, linked, lying, odd, s3, silent_port, source  # noqa: F401
from linking import BUCKET, KEYS, OTHERS, answer, link, listed, object_is, run_aws


def test_copy_object(s3, linked, bucket, source):
    for key, data in {**KEYS, **OTHERS}.items():
        there = s3.head_object(Bucket=linked, Key=key)
        copied = s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": linked, "Key": key})
        assert copied["CopyObjectResult"]["ETag"] == there["ETag"]
        got = s3.get_object(Bucket=bucket, Key=key)
        assert got["Body"].read() == data
        assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == (
            "text/x-test", "max-age=7", {"origin": "there"})
    s3.copy_object(Bucket=bucket, Key="replaced", CopySource=f"{linked}/empty", MetadataDirective="REPLACE",
                   ContentType="text/plain", Metadata={"mine": "1"}, ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket=bucket, Key="replaced", ChecksumMode="ENABLED")
    assert (head["ContentType"], head["Metadata"]) == ("text/plain", {"mine": "1"}) and head["ChecksumSHA256"]
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="x", CopySource=f"{linked}/nothing")


def test_tags_pass_through_and_come_along(s3, gateway, source, linked, bucket):
    """To who reads as the owner does; the anonymous link is told of none."""
    there, anonymous = lakegated.client(source), linked
    linked = link(gateway, source.endpoint, access_key=lakegated.ACCESS_KEY, secret_key=lakegated.SECRET_KEY)
    there.put_object(Bucket=BUCKET, Key="tagged", Body=b"tagged", Tagging="a=1&b=%2B")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "+"}]
    try:
        assert s3.head_object(Bucket=linked, Key="tagged")["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "2"
        assert s3.get_object(Bucket=linked, Key="tagged")["TagCount"] == 2
        assert s3.get_object_tagging(Bucket=linked, Key="tagged")["TagSet"] == tags
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{linked}/tagged")
        assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == tags
        s3.copy_object(Bucket=bucket, Key="bare", CopySource=f"{anonymous}/tagged")
        assert s3.get_object_tagging(Bucket=bucket, Key="bare")["TagSet"] == []
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{linked}/tagged", TaggingDirective="REPLACE", Tagging="c=3")
        assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "c", "Value": "3"}]
        with refused("MethodNotAllowed", 405):
            s3.put_object_tagging(Bucket=linked, Key="tagged", Tagging={"TagSet": tags})
        user = iam.make_user(gateway, iam.policy(("Allow", ["s3:GetObject", "s3:PutObject"], "*")))
        with refused("AccessDenied", 403):
            user.s3.copy_object(Bucket=bucket, Key="theirs", CopySource=f"{linked}/tagged")
        assert "TagCount" not in user.s3.get_object(Bucket=linked, Key="tagged")
    finally:
        there.delete_object(Bucket=BUCKET, Key="tagged")


@pytest.mark.parametrize("tags, expected", [
    (b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>", [{"Key": "a", "Value": "1"}]),
    (b"<Tagging><TagSet>" + b"<Tag><Key>a</Key><Value>1</Value></Tag>" * 11 + b"</TagSet></Tagging>", None),
    (b"<Tagging><TagSet><Tag><Key>aws:a</Key><Value>1</Value></Tag></TagSet></Tagging>", None),
    (b"<Tagging>", None),
    (b"x" * 70_000, None),
])
def test_tags_from_elsewhere_are_checked(s3, odd, lying, bucket, tags, expected):
    object_is(odd, lambda handler: answer(handler, b"hello", x_amz_tagging_count="1"))
    odd.paths = {"/odd-bucket/k?tagging": lambda handler: answer(handler, tags), **odd.paths}
    if expected is None:
        with refused("ServiceUnavailable", 503):
            s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    else:
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
        assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == expected


def test_copy_conditions(s3, linked, bucket):
    etag = s3.head_object(Bucket=linked, Key="empty")["ETag"]
    copy = lambda **more: s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{linked}/empty", **more)  # noqa: E731
    copy(CopySourceIfMatch=etag)
    with refused("PreconditionFailed", 412):
        copy(CopySourceIfMatch='"0123456789abcdef0123456789abcdef"')
    with refused("PreconditionFailed", 412):
        copy(CopySourceIfNoneMatch=etag)
    with refused("PreconditionFailed", 412):  # the target is there
        copy(IfNoneMatch="*")


def test_copy_by_parts(s3, linked, bucket, source):
    key = "trips/2024-07.parquet"
    data = KEYS[key]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = lambda number, **more: s3.upload_part_copy(  # noqa: E731
        Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, CopySource=f"{linked}/{key}", **more)
    with refused("InvalidArgument", 400):
        part(1, CopySourceRange="bytes=1000-1007")
    with refused("InvalidArgument", 400):
        part(1, CopySourceRange="bytes=7")
    got = part(1, CopySourceRange="bytes=500-1006")["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": got}]})
    assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == data[500:]


def test_zone_rules_hold_for_what_is_copied(s3, gateway, linked, bucket):
    """Duplicates in a raw zone are refused, wherever they come from."""
    document = {"Version": "2026-11-01", "Zones": [{"Name": "raw", "Prefix": "raw/", "Duplicates": "reject"}]}
    assert iam.send(gateway, "PUT", f"/{bucket}?lakegate-zones", body=json.dumps(document).encode())[0] == 204
    s3.copy_object(Bucket=bucket, Key="raw/one", CopySource=f"{linked}/zones/lookup.csv")
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="raw/two", CopySource=f"{linked}/zones/lookup.csv")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_compressing_zones_compress_what_is_copied(s3, gateway, source, linked, bucket):
    text = b"the same line again\n" * 50_000
    lakegated.client(source).put_object(Bucket=BUCKET, Key="text.csv", Body=text, ContentType="text/csv")
    document = {"Version": "2026-11-01", "Zones": [{"Name": "raw", "Prefix": "raw/", "Compress": True}]}
    assert iam.send(gateway, "PUT", f"/{bucket}?lakegate-zones", body=json.dumps(document).encode())[0] == 204
    stored = lambda: sum(  # noqa: E731
        json.loads(iam.send(gateway, "GET", "/-/status")[1])["store"][name] for name in ("segment_live_bytes", "file_bytes"))
    before = stored()
    s3.copy_object(Bucket=bucket, Key="raw/text.csv", CopySource=f"{linked}/text.csv")
    assert stored() - before < len(text) // 10
    assert s3.get_object(Bucket=bucket, Key="raw/text.csv")["Body"].read() == text
    lakegated.client(source).delete_object(Bucket=BUCKET, Key="text.csv")


def test_lineage_tells_where_it_came_from(s3, gateway, source, linked, bucket):
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{linked}/zones/lookup.csv")
    _, text = iam.send(gateway, "GET", f"/{bucket}/k?lakegate-lineage")
    assert f"{source.endpoint}/{BUCKET}/zones/lookup.csv" in text.decode()


def test_a_copy_job_does_not_take_a_link_for_an_empty_bucket(gateway, linked, bucket):
    job = {"source": {"endpoint": "local", "bucket": linked}, "destination": {"bucket": bucket}}
    status, text = iam.send(gateway, "POST", "/-/copies", body=json.dumps(job).encode())
    assert status == 400 and b"is a link" in text


def test_aws_s3_cp_from_public_data(s3, gateway, linked, bucket):
    run_aws(gateway, "s3", "cp", f"s3://{linked}/trips/", f"s3://{bucket}/data/raw/green/", "--recursive")
    keys, _ = listed([s3.list_objects_v2(Bucket=bucket, Prefix="data/raw/green/2024")])
    assert keys == sorted("data/raw/green/" + key.removeprefix("trips/") for key in KEYS)
    assert "2024-01.parquet" in run_aws(gateway, "s3", "ls", f"s3://{linked}/trips/")
    run_aws(gateway, "s3", "sync", f"s3://{linked}/trips/", f"s3://{bucket}/data/raw/green/")


def test_aws_s3_cp_of_a_large_object(s3, gateway, source, linked, bucket):
    """Over 8 MB it goes by parts."""
    data = content(20 << 20)
    lakegated.client(source).put_object(Bucket=BUCKET, Key="big", Body=data)
    run_aws(gateway, "s3", "cp", f"s3://{linked}/big", f"s3://{bucket}/big")
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == data and got["ETag"].endswith('-3"')
    lakegated.client(source).delete_object(Bucket=BUCKET, Key="big")
