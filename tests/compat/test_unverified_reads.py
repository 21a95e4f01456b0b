"""verify_reads = off: large bodies go out of their file as they are, by sendfile."""
import os

import lakegated
import pytest
from conftest import content, new_name

SIZE = 9 << 20


@pytest.fixture(scope="module")
def fast():
    with lakegated.Lakegated(arguments=["--verify-reads", "off"]) as server:
        yield server


@pytest.fixture(scope="module")
def stored(fast):
    s3, bucket, body = lakegated.client(fast), new_name("fast"), content(SIZE)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    s3.put_object(Bucket=bucket, Key="packed", Body=body[:900_000])
    s3.put_object(Bucket=bucket, Key="small", Body=body[:100])
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = []
    for number, chunk in enumerate((body[: 5 << 20], body[5 << 20 :]), 1):
        reply = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=chunk)
        parts.append({"PartNumber": number, "ETag": reply["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    return s3, bucket, body


@pytest.mark.parametrize("key, size", [("large", SIZE), ("packed", 900_000), ("small", 100), ("parts", SIZE)])
def test_bytes_and_ranges(stored, key, size):
    s3, bucket, body = stored
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body[:size]
    for first, last in ((0, 0), (1, size - 2), (size // 2, size - 1), (300_001, 300_001 + 600_000), ((5 << 20) - 7, (5 << 20) + 7)):
        if first < size:
            got = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{last}")["Body"].read()
            assert got == body[first : min(last, size - 1) + 1], (first, last)


def test_a_body_stays_whole_while_its_key_goes(stored):
    s3, bucket, body = stored
    s3.put_object(Bucket=bucket, Key="going", Body=body)
    reply = s3.get_object(Bucket=bucket, Key="going")["Body"]
    start = reply.read(1000)
    s3.put_object(Bucket=bucket, Key="going", Body=b"other")
    s3.delete_object(Bucket=bucket, Key="going")
    assert start + reply.read() == body


def test_no_descriptor_is_left(stored, fast):
    s3, bucket, _ = stored
    folder = f"/proc/{fast.process.pid}/fd"
    s3.get_object(Bucket=bucket, Key="large")["Body"].read()
    before = len(os.listdir(folder))
    for _ in range(20):
        s3.get_object(Bucket=bucket, Key="large")["Body"].read()
    assert len(os.listdir(folder)) <= before + 2
