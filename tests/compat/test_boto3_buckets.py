"""Buckets through boto3, and the sub-resources that Terraform reads of a new bucket."""
import pytest
from botocore.handlers import validate_bucket_name

from conftest import new_name, refused


def test_create_head_list_delete(s3):
    name = new_name("life")
    assert s3.create_bucket(Bucket=name)["Location"] == f"/{name}"
    head = s3.head_bucket(Bucket=name)
    assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"
    buckets = {b["Name"]: b for b in s3.list_buckets()["Buckets"]}
    assert buckets[name]["CreationDate"].year >= 2024
    s3.delete_bucket(Bucket=name)
    with refused("404", 404):
        s3.head_bucket(Bucket=name)
    assert name not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_head_tells_how_much_is_in_a_bucket(s3, bucket):
    def counted():
        headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
        return int(headers["x-lakegate-object-count"]), int(headers["x-lakegate-byte-count"])

    assert counted() == (0, 0)
    s3.put_object(Bucket=bucket, Key="a", Body=b"12345")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x" * 100_000)
    assert counted() == (2, 100_005)
    s3.delete_object(Bucket=bucket, Key="b")
    assert counted() == (1, 5)


def test_own_bucket_again(s3, bucket):
    # Lakegate answers as every region but us-east-1 does
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.create_bucket(Bucket=bucket)


def test_location(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    with refused("NoSuchBucket", 404):
        s3.get_bucket_location(Bucket="no-such-bucket-here")


@pytest.mark.parametrize("name", ["ab", "A-b-c", "-abc", "abc-", "a..b", "1.2.3.4", "a_b_c", "x" * 64, "xn--abc", "abc-s3alias"])
def test_bad_names(s3, name):
    s3.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)  # boto3 would refuse some itself
    with refused("InvalidBucketName", 400):
        s3.create_bucket(Bucket=name)


def test_delete_refuses_what_is_not_empty(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)
    with refused("NoSuchBucket", 404):
        s3.delete_bucket(Bucket=bucket)


def test_an_open_upload_does_not_keep_a_bucket(s3, bucket):
    s3.create_multipart_upload(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)


def test_list_buckets_in_pages(s3):
    prefix = new_name("paged") + "-"
    names = [f"{prefix}{i:02d}" for i in range(7)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 3}))
    assert [len(p["Buckets"]) for p in pages] == [3, 3, 1]
    assert [b["Name"] for p in pages for b in p["Buckets"]] == names


def test_everything_in_a_missing_bucket(s3):
    name = "no-such-bucket-here"
    for call in (
        lambda: s3.put_object(Bucket=name, Key="a", Body=b"x"),
        lambda: s3.get_object(Bucket=name, Key="a"),
        lambda: s3.list_objects_v2(Bucket=name),
        lambda: s3.list_objects(Bucket=name),
        lambda: s3.list_object_versions(Bucket=name),
        lambda: s3.list_multipart_uploads(Bucket=name),
        lambda: s3.create_multipart_upload(Bucket=name, Key="a"),
        lambda: s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a"}]}),
        lambda: s3.delete_object(Bucket=name, Key="a"),
        lambda: s3.get_bucket_policy(Bucket=name),
    ):
        with refused("NoSuchBucket", 404):
            call()


# In the order in which Terraform's aws_s3_bucket reads them. What is absent must have AWS's exact code, or
# Terraform stops.
ABSENT = [
    ("get_bucket_policy", "NoSuchBucketPolicy"),
    ("get_bucket_cors", "NoSuchCORSConfiguration"),
    ("get_bucket_website", "NoSuchWebsiteConfiguration"),
    ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
    ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
    ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError"),
    ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ("get_bucket_tagging", "NoSuchTagSet"),
    ("get_bucket_policy_status", "NoSuchBucketPolicy"),
]


@pytest.mark.parametrize("operation,code", ABSENT)
def test_absent_sub_resource(s3, bucket, operation, code):
    with refused(code, 404):
        getattr(s3, operation)(Bucket=bucket)


@pytest.mark.parametrize("operation", ["website", "lifecycle", "replication", "encryption", "policy", "cors", "tagging"])
def test_what_is_absent_can_be_deleted(s3, bucket, operation):
    assert getattr(s3, f"delete_bucket_{operation}")(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_sub_resources_that_every_bucket_has(s3, bucket):
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert [(g["Permission"], g["Grantee"]["ID"]) for g in acl["Grants"]] == [("FULL_CONTROL", acl["Owner"]["ID"])]
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    notification = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert not set(notification) - {"ResponseMetadata"}


PUTS = [
    ("put_bucket_website", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}}),
    ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
    ("put_bucket_accelerate_configuration", {"AccelerateConfiguration": {"Status": "Enabled"}}),
    ("put_bucket_replication", {"ReplicationConfiguration": {"Role": "arn:aws:iam::1:role/r", "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::b"}}]}}),
]


@pytest.mark.parametrize("operation,arguments", PUTS)
def test_what_is_not_there_says_so(s3, bucket, operation, arguments):
    with refused("NotImplemented", 501):
        getattr(s3, operation)(Bucket=bucket, **arguments)


def test_an_unknown_object_sub_resource_never_overwrites_the_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="kept", Body=b"the data")
    with refused("NotImplemented", 501):
        s3.restore_object(Bucket=bucket, Key="kept", RestoreRequest={"Days": 1})
    with refused("NotImplemented", 501):
        s3.select_object_content(Bucket=bucket, Key="kept", Expression="select * from s3object", ExpressionType="SQL",
                                 InputSerialization={"CSV": {}}, OutputSerialization={"CSV": {}})
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"the data"
