"""What Rust's object_store (delta-rs, Polars, DataFusion), S3A and DuckDB send, in boto3's words."""
import concurrent.futures

import botocore.exceptions

from conftest import content, refused

PART = 5 << 20


def test_commit_log_by_conditional_puts(s3, bucket):
    """Delta's log: writers race for the next number with If-None-Match: *; each number goes to one."""

    def append(writer):
        won = 0
        for version in range(20):
            try:
                s3.put_object(Bucket=bucket, Key=f"_delta_log/{version:020d}.json", Body=b"%d" % writer, IfNoneMatch="*")
                won += 1
            except botocore.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "PreconditionFailed"
        return won

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(append, range(8))) == 20
    assert s3.list_objects_v2(Bucket=bucket, Prefix="_delta_log/", StartAfter=f"_delta_log/{9:020d}.json")["KeyCount"] == 10


def test_compare_and_swap(s3, bucket):
    """An Iceberg catalog's pointer: read, change, write back if it is still what was read."""
    s3.put_object(Bucket=bucket, Key="pointer", Body=b"0")

    def increment(_):
        for _ in range(1000):
            got = s3.get_object(Bucket=bucket, Key="pointer")
            try:
                s3.put_object(Bucket=bucket, Key="pointer", Body=b"%d" % (int(got["Body"].read()) + 1), IfMatch=got["ETag"])
                return
            except botocore.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "PreconditionFailed"
        raise AssertionError("never got through")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(40)))
    assert s3.get_object(Bucket=bucket, Key="pointer")["Body"].read() == b"40"


def test_copy_if_absent_by_parts(s3, bucket):
    data = content(PART + 10)
    s3.put_object(Bucket=bucket, Key="from", Body=data)

    def copy_if_absent():
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
        etag = s3.upload_part_copy(Bucket=bucket, Key="to", UploadId=upload_id, PartNumber=1, CopySource=f"{bucket}/from")["CopyPartResult"]["ETag"]
        s3.complete_multipart_upload(Bucket=bucket, Key="to", UploadId=upload_id, IfNoneMatch="*", MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})

    copy_if_absent()
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == data
    with refused("PreconditionFailed", 412):
        copy_if_absent()


def test_bulk_delete_with_sha256(s3, bucket):
    for i in range(250):
        s3.put_object(Bucket=bucket, Key=f"data/{i}.parquet", Body=b"")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"data/{i}.parquet"} for i in range(250)], "Quiet": True}, ChecksumAlgorithm="SHA256")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_directory_markers_and_double_slashes(s3, bucket):
    """S3A makes zero-byte "folder/" objects; keys with // are keys of their own."""
    for key in ("folder/", "folder/file", "folder//file", "folder/sub/"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    page = s3.list_objects_v2(Bucket=bucket, Prefix="folder/", Delimiter="/", MaxKeys=5000)
    assert [o["Key"] for o in page["Contents"]] == ["folder/", "folder/file"]
    assert [g["Prefix"] for g in page["CommonPrefixes"]] == ["folder//", "folder/sub/"]


def test_listing_xml_by_literal_strings(s3, bucket):
    """DuckDB looks for <Key>, <NextContinuationToken> and <CommonPrefixes> as they stand here."""
    import requests

    for key in ("a&b", "c/d", "e"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    text = requests.get(s3.generate_presigned_url("list_objects_v2", {"Bucket": bucket, "Delimiter": "/", "MaxKeys": 2, "EncodingType": "url"})).text
    assert "<Key>a%26b</Key>" in text, text
    assert "<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>" in text
    assert "<NextContinuationToken>" in text and "<IsTruncated>true</IsTruncated>" in text


def test_metadata_comes_back_exactly(s3, bucket):
    metadata = {"kept": "  inner  spaces kept, outer not  ".strip(), "symbols": "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "utf": "=?UTF-8?B?w6k=?="}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata)
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == metadata


def test_read_after_write_and_listing_order(s3, bucket):
    """restic relies on both."""
    for i in range(50):
        key = f"data/{i * 7919 % 50:02d}"
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        listed = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]]
        assert key in listed and listed == sorted(listed)
        s3.put_object(Bucket=bucket, Key=key, Body=b"second")
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"second"
