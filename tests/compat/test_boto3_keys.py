"""Keys that other servers trip over: every one is a plain string of up to 1024 bytes."""
import pytest

from conftest import content, refused

KEYS = [
    "plain", "with space", " leading and trailing ", "a+b", "a%b", "a%2Fb", "%", "100%25", "a//b", "//", "/leading", "trailing/",
    "/", "a/./b", "a/../b", ".", "..", "./", "../", "../../etc/passwd", "a/b/c/d/e/f", "grüße/日本語/🎉", "e\u0301", "\u00e9",
    "?query=1", "a?b", "#fragment", "a#b", "a&b=c", "'quoted'", '"double"', "<tag>", "a\\b", "semi;colon", "comma,", "~tilde", "a*b", "a:b",
    "[brackets]", "{braces}", "|pipe", "^caret", "`tick", "a=b", "a@b", "$dollar", "!", "(parens)", "x" * 255, "x" * 256, "x" * 480,
    "x" * 481, "ü" * 512, "k" * 1024, "y" * 479 + "/" + "z" * 500, "uploads", "policy", "-/metrics", "minio/health/live",
]


@pytest.mark.parametrize("key", KEYS, ids=[repr(k)[:24] for k in KEYS])
def test_key(s3, bucket, key):
    data = key.encode() + content(100)
    s3.put_object(Bucket=bucket, Key=key, Body=data)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == data
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(data)
    for listing in (s3.list_objects_v2(Bucket=bucket), s3.list_objects(Bucket=bucket)):
        assert [o["Key"] for o in listing["Contents"]] == [key]
    assert [v["Key"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]] == [key]
    assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 1
    s3.copy_object(Bucket=bucket, Key="copy of it", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy of it")["Body"].read() == data
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": "copy of it"}]})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_all_of_them_beside_each_other(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    expected = sorted(KEYS, key=lambda k: k.encode())
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == expected
    paged = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7}) for o in page["Contents"]]
    assert paged == expected
    for key in KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()


def test_a_beside_a_slash_b(s3, bucket):
    for key in ("a", "a/b", "a/", "a/b/c"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.delete_object(Bucket=bucket, Key="a")
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/", "a/b", "a/b/c"]
    assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"a/b"


@pytest.mark.parametrize("code", [1, 8, 9, 10, 13, 31, 127])
def test_control_characters(s3, bucket, code):
    key = f"a{chr(code)}b"
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    # boto3 asks for encoding-type=url by itself
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("key", ["k" * 1025, "ü" * 513])
def test_too_long(s3, bucket, key):
    for call in (
        lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"x"),
        lambda: s3.create_multipart_upload(Bucket=bucket, Key=key),
        lambda: s3.get_object(Bucket=bucket, Key=key),
    ):
        with refused("KeyTooLongError", 400):
            call()
