"""Objects through boto3: put, get, head, copy, delete, attributes, ranges, metadata, conditions."""
import datetime
import hashlib

import botocore.exceptions
import pytest

from conftest import content, new_name, refused


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4096, 65536, 262143, 262144, 262145, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_what_was_put_comes_back(any_server, size):
    import lakegated

    s3 = lakegated.client(any_server)
    bucket = new_name("sizes")
    s3.create_bucket(Bucket=bucket)
    data = content(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ETag"] == put["ETag"]
    assert got["ContentLength"] == size
    assert got["AcceptRanges"] == "bytes"
    assert got["ContentType"] == "binary/octet-stream"
    assert got["Body"].read() == data
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"]) == (size, put["ETag"])
    assert abs(head["LastModified"] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=5)


def test_missing_key(s3, bucket):
    with refused("NoSuchKey", 404) as found:
        s3.get_object(Bucket=bucket, Key="not/here")
    assert found.response["Error"]["Key"] == "not/here"
    assert found.response["ResponseMetadata"]["RequestId"]
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="not/here")


def test_system_and_user_metadata(s3, bucket):
    expires = datetime.datetime(2031, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
    sent = {
        "CacheControl": "max-age=60, private",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de, en",
        "ContentType": "text/plain; charset=utf-8",
    }
    metadata = {"simple": "value", "empty": "", "case-kept": "MiXeD", "with-dash": "a  b", "mtime": "1700000000.123456789"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=expires, Metadata=metadata, StorageClass="STANDARD_IA", **sent)
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert {name: answer[name] for name in sent} == sent
        assert answer["Metadata"] == metadata
        assert answer["ExpiresString"] == "Tue, 06 May 2031 07:08:09 GMT"
        assert answer["StorageClass"] == "STANDARD_IA"
    entry = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert entry["StorageClass"] == "STANDARD_IA"


def test_too_much_metadata(s3, bucket):
    with refused("MetadataTooLarge", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "v" * 2049})


def test_bad_storage_class(s3, bucket):
    with refused("InvalidStorageClass", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="BEST")


def test_response_overrides(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket, Key="k", ResponseCacheControl="no-store", ResponseContentDisposition="inline",
        ResponseContentEncoding="identity", ResponseContentLanguage="fr", ResponseContentType="image/png",
    )
    assert [got[n] for n in ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")] == [
        "no-store", "inline", "identity", "fr", "image/png"]


RANGES = [
    ("bytes=0-0", 0, 1), ("bytes=0-9", 0, 10), ("bytes=5-", 5, None), ("bytes=-7", -7, None),
    ("bytes=262140-262150", 262140, 262151), ("bytes=299999-", 299999, None), ("bytes=0-99999999", 0, None), ("bytes=-999999999", 0, None),
]


@pytest.fixture(scope="module")
def ranged(server):
    import lakegated

    s3, bucket, data = lakegated.client(server), new_name("ranged"), content(300_000)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    return bucket, data


@pytest.mark.parametrize("text,first,end", RANGES)
def test_range(s3, ranged, text, first, end):
    bucket, data = ranged
    got = s3.get_object(Bucket=bucket, Key="k", Range=text)
    expected = data[first:end]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == expected
    start = first if first >= 0 else len(data) + first
    assert got["ContentRange"] == f"bytes {start}-{start + len(expected) - 1}/{len(data)}"
    head = s3.head_object(Bucket=bucket, Key="k", Range=text)
    assert head["ContentLength"] == len(expected)


@pytest.mark.parametrize("text", ["bytes=300000-", "bytes=300000-300001", "bytes=-0"])
def test_range_past_the_end(s3, ranged, text):
    with refused("InvalidRange", 416) as found:
        s3.get_object(Bucket=ranged[0], Key="k", Range=text)
    assert found.response["Error"]["ActualObjectSize"] == "300000"


@pytest.mark.parametrize("text", ["bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=", "bytes=0-1,5-6"])
def test_range_that_is_ignored(s3, ranged, text):
    bucket, data = ranged
    got = s3.get_object(Bucket=bucket, Key="k", Range=text)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == data


def test_range_of_an_empty_object(s3, ranged):
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=ranged[0], Key="empty", Range="bytes=0-")


# ---- conditions ----

OLD = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture
def conditional(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    return bucket, etag, modified


def test_read_conditions(s3, conditional):
    bucket, etag, modified = conditional
    other = '"00000000000000000000000000000000"'
    for call in (s3.get_object, s3.head_object):
        head = call == s3.head_object
        call(Bucket=bucket, Key="k", IfMatch=etag)
        call(Bucket=bucket, Key="k", IfMatch="*")
        call(Bucket=bucket, Key="k", IfMatch=f"{other}, {etag}")
        call(Bucket=bucket, Key="k", IfNoneMatch=other)
        call(Bucket=bucket, Key="k", IfModifiedSince=OLD)
        call(Bucket=bucket, Key="k", IfUnmodifiedSince=modified)
        # If-Match decides over If-Unmodified-Since, If-None-Match over If-Modified-Since
        call(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=OLD)
        call(Bucket=bucket, Key="k", IfNoneMatch=other, IfModifiedSince=modified)
        with refused("412" if head else "PreconditionFailed", 412):
            call(Bucket=bucket, Key="k", IfMatch=other)
        with refused("412" if head else "PreconditionFailed", 412):
            call(Bucket=bucket, Key="k", IfUnmodifiedSince=OLD)
        for not_modified in ({"IfNoneMatch": etag}, {"IfNoneMatch": "*"}, {"IfModifiedSince": modified}):
            with refused("304", 304) as found:
                call(Bucket=bucket, Key="k", **not_modified)
            assert found.response["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag


def test_put_conditions(s3, conditional):
    bucket, etag, _ = conditional
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch='"00000000000000000000000000000000"')
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=bucket, Key="missing", Body=b"two", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch=etag)["ETag"]
    s3.put_object(Bucket=bucket, Key="new", Body=b"x", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"three", IfMatch=etag)
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == second


def test_delete_conditions(s3, conditional):
    bucket, etag, _ = conditional
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"00000000000000000000000000000000"')
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_one_of_many_writers_wins(server, bucket):
    """Conditional writes are decided at commit, not when the request begins."""
    import concurrent.futures

    import lakegated

    s3 = lakegated.client(server)

    def write(number):
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=b"%d" % number, IfNoneMatch="*")
            return number
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return None

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        winners = [n for n in pool.map(write, range(64)) if n is not None]
    assert len(winners) == 1
    assert s3.get_object(Bucket=bucket, Key="lock")["Body"].read() == b"%d" % winners[0]


# ---- copies ----


def test_copy_keeps_metadata(s3, bucket):
    data = content(100_000)
    s3.put_object(Bucket=bucket, Key="from/é +%", Body=data, ContentType="text/x", Metadata={"a": "b"})
    answer = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from/é +%"})
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == data
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/x", {"a": "b"}, answer["CopyObjectResult"]["ETag"])


@pytest.mark.parametrize("form", ["{b}/{k}", "/{b}/{k}"])
def test_copy_source_forms(s3, bucket, form):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="to", CopySource=form.format(b=bucket, k="a b"))
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"x"


def test_copy_replaces_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/x", Metadata={"a": "b"})
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k"})
    s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k"}, MetadataDirective="REPLACE", Metadata={"c": "d"})
    got = s3.head_object(Bucket=bucket, Key="k")
    assert (got["Metadata"], got["ContentType"]) == ({"c": "d"}, "binary/octet-stream")


def test_copy_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="1", CopySource=source, CopySourceIfMatch=etag)
    s3.copy_object(Bucket=bucket, Key="2", CopySource=source, CopySourceIfModifiedSince=OLD)
    s3.copy_object(Bucket=bucket, Key="3", CopySource=source, CopySourceIfMatch=etag, CopySourceIfUnmodifiedSince=OLD)
    for bad in ({"CopySourceIfNoneMatch": etag}, {"CopySourceIfUnmodifiedSince": OLD}, {"CopySourceIfMatch": '"x"'}):
        with refused("PreconditionFailed", 412):
            s3.copy_object(Bucket=bucket, Key="4", CopySource=source, **bad)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="4")


def test_copy_of_what_is_missing(s3, bucket):
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "no"})
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": "no-such-bucket-here", "Key": "no"})


def test_a_copy_outlives_its_source(s3, bucket):
    data = content(2 << 20)
    s3.put_object(Bucket=bucket, Key="from", Body=data)
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    s3.delete_object(Bucket=bucket, Key="from")
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == data


# ---- deletes ----


def test_delete(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_delete_objects(s3, bucket):
    keys = [f"k/{i:04d} é&<" for i in range(1000)]
    for key in keys[:20]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys]})
    assert [d["Key"] for d in answer["Deleted"]] == keys
    assert "Errors" not in answer
    s3.put_object(Bucket=bucket, Key="quiet", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "quiet"}], "Quiet": True})
    assert "Deleted" not in answer and "Errors" not in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with refused("MalformedXML", 400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(1001)]})


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"])
def test_delete_objects_with_each_checksum(s3, bucket, algorithm):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]}, ChecksumAlgorithm=algorithm)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


# ---- the rest ----


def test_attributes(s3, bucket):
    data = content(5000)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm="SHA256")["ETag"]
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"])
    assert got["ETag"] == etag.strip('"')
    assert (got["ObjectSize"], got["StorageClass"]) == (5000, "STANDARD")
    assert got["Checksum"]["ChecksumSHA256"] and got["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert "ObjectParts" not in got
    only = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert "ETag" not in only and "Checksum" not in only


def test_tags_acl_of_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    acl = s3.get_object_acl(Bucket=bucket, Key="k")
    assert [(g["Permission"], g["Grantee"]["ID"]) for g in acl["Grants"]] == [("FULL_CONTROL", acl["Owner"]["ID"])]
    with refused("NoSuchKey", 404):
        s3.get_object_tagging(Bucket=bucket, Key="missing")


def test_waiters(s3):
    bucket = new_name("waited")
    s3.create_bucket(Bucket=bucket)
    s3.get_waiter("bucket_exists").wait(Bucket=bucket, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key="k", WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    s3.delete_object(Bucket=bucket, Key="k")
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="k", WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    s3.delete_bucket(Bucket=bucket)
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
