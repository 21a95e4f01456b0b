"""Writers that a zone must not break: what Spark, Hive, Delta Lake and their committers do to an object store, in a
zone with the defaults of the template raw (write once, duplicates rejected)."""
import concurrent.futures
import json
import subprocess

import pytest
from botocore.exceptions import ClientError

import lakegated

DOCUMENT = {"Version": "2026-11-01", "Zones": [{"Name": "raw", "Prefix": "raw/", "WriteOnce": True, "Duplicates": "reject"}]}
LAKE = "lake"


@pytest.fixture
def lake(server, s3):
    s3.create_bucket(Bucket=LAKE)
    lakegated_zones(server, DOCUMENT)
    return s3


def lakegated_zones(server, document):
    """The document, put by the command."""
    done = subprocess.run(
        [lakegated.program("lakegate"), "zones", "set", f"s3://{LAKE}", "-", "--endpoint-url", server.endpoint],
        input=json.dumps(document).encode(), capture_output=True, timeout=60,
        env={"LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY, "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY})
    assert done.returncode == 0, done.stderr


def put(s3, key, body=b""):
    return s3.put_object(Bucket=LAKE, Key=key, Body=body)


def rename(s3, source, target):
    """As S3A does: a copy, then the source goes."""
    s3.copy_object(Bucket=LAKE, Key=target, CopySource={"Bucket": LAKE, "Key": source})
    s3.delete_objects(Bucket=LAKE, Delete={"Objects": [{"Key": source}], "Quiet": True})


def keys(s3, prefix):
    return [entry["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=LAKE, Prefix=prefix) for entry in page.get("Contents", [])]


def refusal(call, *arguments, **named):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    return caught.value.response["Error"]["Code"]


def spark_append(s3, table, job, parts):
    """FileOutputCommitter, algorithm 1: task attempt, task, table; folder markers on the way; _SUCCESS."""
    temporary = f"{table}_temporary/0/"
    for folder in (table, f"{table}_temporary/", temporary):
        put(s3, folder)
    for number, body in enumerate(parts):
        name = f"part-{number:05}-{job}.snappy.parquet"
        attempt = f"{temporary}_temporary/attempt_{job}_{number}/"
        put(s3, attempt)
        put(s3, attempt + name, body)
        put(s3, attempt + f".{name}.crc", b"crc")
        rename(s3, attempt + name, f"{temporary}task_{job}_{number}/{name}")
    for number in range(len(parts)):
        name = f"part-{number:05}-{job}.snappy.parquet"
        rename(s3, f"{temporary}task_{job}_{number}/{name}", table + name)
    s3.delete_objects(Bucket=LAKE, Delete={"Objects": [{"Key": key} for key in keys(s3, f"{table}_temporary/")], "Quiet": True})
    put(s3, f"{table}_SUCCESS")


def test_spark_append(lake):
    for job in ("a", "b", "c"):
        spark_append(lake, "raw/events/day=1/", job, [f"{job}-{number}".encode() * 500 for number in range(3)])
    assert sum(key.endswith(".parquet") for key in keys(lake, "raw/events/")) == 9
    assert not keys(lake, "raw/events/day=1/_temporary")


def test_spark_does_not_write_over_a_file(lake):
    spark_append(lake, "raw/events/", "a", [b"one" * 500])
    assert refusal(put, lake, "raw/events/part-00000-a.snappy.parquet", b"two" * 500) == "ObjectAlreadyExists"
    # The same rows under another name: the job's last rename is refused.
    assert refusal(spark_append, lake, "raw/events/", "b", [b"one" * 500]) == "DuplicateObject"


def test_the_magic_committer(lake):
    """Tasks leave open uploads and a note of them below __magic; the job completes them."""
    magic = "raw/t/__magic_job-1/tasks/attempt_1/__base/"
    upload = lake.create_multipart_upload(Bucket=LAKE, Key="raw/t/part-0.parquet")["UploadId"]
    part = lake.upload_part(Bucket=LAKE, Key="raw/t/part-0.parquet", UploadId=upload, PartNumber=1, Body=b"rows" * 1000)
    put(lake, magic + "part-0.parquet")
    put(lake, magic + "part-0.parquet.pending", b"{}")
    put(lake, magic + "part-0.parquet.pending", b'{"version": 2}')
    put(lake, "raw/t/__magic_job-1/attempt_1.pendingset", b"{}")
    lake.complete_multipart_upload(Bucket=LAKE, Key="raw/t/part-0.parquet", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    put(lake, "raw/t/_SUCCESS", b'{"committer": "magic"}')
    put(lake, "raw/t/_SUCCESS", b'{"committer": "magic", "job": 2}')


def test_hive_insert(lake):
    for job in range(3):
        staging = f"raw/h/.hive-staging_hive_2026-11-21_{job}/"
        put(lake, staging)
        put(lake, f"{staging}-ext-10000/000000_0", b"row\n" * (job + 1))
        rename(lake, f"{staging}-ext-10000/000000_0", "raw/h/000000_0" if job == 0 else f"raw/h/000000_0_copy_{job}")
    assert keys(lake, "raw/h/000000_0") == ["raw/h/000000_0", "raw/h/000000_0_copy_1", "raw/h/000000_0_copy_2"]
    put(lake, "raw/h/.hive-staging_x/-ext-10000/000000_0", b"other")
    assert refusal(rename, lake, "raw/h/.hive-staging_x/-ext-10000/000000_0", "raw/h/000000_0") == "ObjectAlreadyExists"


def test_folder_markers(lake):
    for _ in range(2):
        for key in ("raw/", "raw/2026/", "raw/2026/11/", "raw/2026_$folder$"):
            put(lake, key)


def test_overwriting_deletes_first_and_retention_forbids_it(server, lake):
    """What an overwrite mode does: delete, then append. Write-once does not forbid deleting, retention does."""
    spark_append(lake, "raw/o/", "a", [b"one" * 500])
    lake.delete_objects(Bucket=LAKE, Delete={"Objects": [{"Key": key} for key in keys(lake, "raw/o/")]})
    spark_append(lake, "raw/o/", "b", [b"two" * 500])
    lakegated_zones(server, {**DOCUMENT, "Zones": [{**DOCUMENT["Zones"][0], "RetentionDays": 1}]})
    answer = lake.delete_objects(Bucket=LAKE, Delete={"Objects": [{"Key": key} for key in keys(lake, "raw/o/")]})
    assert [error["Key"] for error in answer["Errors"]] == ["raw/o/part-00000-b.snappy.parquet"]
    assert answer["Errors"][0]["Code"] == "AccessDenied"


# ---- Delta Lake ----


def delta(server):
    deltalake = pytest.importorskip("deltalake")
    arro3 = pytest.importorskip("arro3.core")
    options = {
        "AWS_ENDPOINT_URL": server.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": lakegated.REGION,
        "AWS_ACCESS_KEY_ID": lakegated.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": lakegated.SECRET_KEY}
    return deltalake, arro3, options


def rows(arro3, first, count=100):
    array = arro3.Array(list(range(first, first + count)), type=arro3.DataType.int64())
    return arro3.Table.from_pydict({"id": array})


def count_rows(table):
    return sum(table.get_add_actions()["num_records"].to_pylist())


def test_delta_append(server, lake):
    deltalake, arro3, options = delta(server)
    table = f"s3://{LAKE}/raw/delta"
    for turn in range(3):
        deltalake.write_deltalake(table, rows(arro3, turn * 100), mode="append", storage_options=options)
    read = deltalake.DeltaTable(table, storage_options=options)
    assert read.version() == 2 and count_rows(read) == 300
    read.create_checkpoint()
    deltalake.write_deltalake(table, rows(arro3, 1000), mode="append", storage_options=options)
    deltalake.DeltaTable(table, storage_options=options).create_checkpoint()
    # The same rows again are the same file: the zone says no, and the log is as before.
    with pytest.raises(Exception, match="DuplicateObject|409"):
        deltalake.write_deltalake(table, rows(arro3, 0), mode="append", storage_options=options)
    assert deltalake.DeltaTable(table, storage_options=options).version() == 3


def test_delta_appends_at_once_lose_no_commit(server, lake):
    deltalake, arro3, options = delta(server)
    table = f"s3://{LAKE}/raw/busy"
    deltalake.write_deltalake(table, rows(arro3, 0), mode="append", storage_options=options)

    def append(number):
        deltalake.write_deltalake(table, rows(arro3, number * 100), mode="append", storage_options=options)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(1, 13)))
    read = deltalake.DeltaTable(table, storage_options=options)
    assert read.version() == 12 and count_rows(read) == 1300
