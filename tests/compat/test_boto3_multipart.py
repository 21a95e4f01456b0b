"""Multipart uploads through boto3, and the transfer manager both ways."""
import hashlib

import boto3.s3.transfer
import pytest

import lakegated
from conftest import content, refused

MIB = 1 << 20
PART = 5 * MIB


def upload(s3, bucket, key, parts, **create):
    """Uploads parts; the upload's id and what Complete is to be told."""
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, **create)["UploadId"]
    chosen = []
    for number, data in parts.items():
        etag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=data)["ETag"]
        assert etag == f'"{hashlib.md5(data).hexdigest()}"'
        chosen.append({"PartNumber": number, "ETag": etag})
    return upload_id, chosen


def composite_etag(parts):
    joined = b"".join(hashlib.md5(data).digest() for data in parts)
    return f'"{hashlib.md5(joined).hexdigest()}-{len(parts)}"'


def test_upload_of_unequal_parts(s3, bucket):
    parts = {1: content(PART, 1), 2: content(PART + 12345, 2), 3: content(10, 3)}
    upload_id, chosen = upload(s3, bucket, "k", parts, ContentType="x/y", Metadata={"a": "b"})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen})
    assert done["ETag"] == composite_etag(list(parts.values()))
    assert (done["Bucket"], done["Key"]) == (bucket, "k")
    whole = b"".join(parts.values())
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == whole
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("x/y", {"a": "b"}, done["ETag"])
    for number, data in enumerate(parts.values(), 1):
        part = s3.get_object(Bucket=bucket, Key="k", PartNumber=number)
        assert part["PartsCount"] == 3
        assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert part["Body"].read() == data
        head = s3.head_object(Bucket=bucket, Key="k", PartNumber=number)
        assert (head["ContentLength"], head["PartsCount"]) == (len(data), 3)
    with refused("InvalidPartNumber", 416):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=4)
    across = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={PART - 3}-{PART + 2}")
    assert across["Body"].read() == whole[PART - 3 : PART + 3]
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3
    assert attributes["ObjectSize"] == len(whole)
    # again: answered as before, by what it became
    again = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen})
    assert again["ETag"] == done["ETag"]


def test_part_number_of_a_plain_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"abc")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert got["Body"].read() == b"abc"
    with refused("InvalidPartNumber", 416):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=2)


def test_part_numbers_with_gaps(s3, bucket):
    parts = {2: content(PART, 1), 40: content(PART, 2), 10000: b"end"}
    upload_id, chosen = upload(s3, bucket, "k", parts)
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(parts.values())


def test_a_part_is_overwritten(s3, bucket):
    upload_id, _ = upload(s3, bucket, "k", {1: content(PART, 1)})
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=1, Body=b"new")["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_parts_not_named_are_dropped(s3, bucket):
    upload_id, chosen = upload(s3, bucket, "k", {1: content(PART, 1), 2: content(PART, 2), 3: b"end"})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": [chosen[0], chosen[2]]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == content(PART, 1) + b"end"


def test_bad_completes(s3, bucket):
    upload_id, chosen = upload(s3, bucket, "k", {1: b"too small", 2: content(PART, 2), 3: b"end"})

    def complete(parts, key="k", id=upload_id):
        return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=id, MultipartUpload={"Parts": parts})

    with refused("InvalidPartOrder", 400):
        complete([chosen[1], chosen[0]])
    with refused("InvalidPartOrder", 400):
        complete([chosen[1], chosen[1]])
    with refused("InvalidPart", 400):
        complete([chosen[1], {"PartNumber": 9, "ETag": chosen[2]["ETag"]}])
    with refused("InvalidPart", 400):
        complete([{"PartNumber": 2, "ETag": chosen[2]["ETag"]}])
    with refused("EntityTooSmall", 400):
        complete(chosen)
    with refused("MalformedXML", 400):
        complete([])
    with refused("NoSuchUpload", 404):
        complete(chosen, key="other")
    with refused("NoSuchUpload", 404):
        complete(chosen, id="no upload of ours")
    complete(chosen[1:])


def test_conditional_complete(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    upload_id, chosen = upload(s3, bucket, "k", {1: b"x"})
    parts = {"Parts": chosen}
    with refused("PreconditionFailed", 412):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload=parts, IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload=parts, IfMatch='"00000000000000000000000000000000"')
    s3.delete_object(Bucket=bucket, Key="k")
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload=parts, IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_abort(s3, bucket):
    upload_id, chosen = upload(s3, bucket, "k", {1: b"x"})
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id)
    for call in (
        lambda: s3.list_parts(Bucket=bucket, Key="k", UploadId=upload_id),
        lambda: s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=1, Body=b"x"),
        lambda: s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen}),
        lambda: s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id),
    ):
        with refused("NoSuchUpload", 404):
            call()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("number", [0, 10001, -1])
def test_bad_part_number(s3, bucket, number):
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    with refused("InvalidArgument", 400):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number, Body=b"x")


def test_list_parts_in_pages(s3, bucket):
    upload_id, chosen = upload(s3, bucket, "k", {n: b"part %d" % n for n in (1, 2, 5, 9, 10000)}, StorageClass="STANDARD_IA")
    pages = list(s3.get_paginator("list_parts").paginate(Bucket=bucket, Key="k", UploadId=upload_id, PaginationConfig={"PageSize": 2}))
    assert [len(p["Parts"]) for p in pages] == [2, 2, 1]
    listed = [p for page in pages for p in page["Parts"]]
    assert [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in listed] == chosen
    assert listed[0]["Size"] == len(b"part 1")
    assert pages[0]["StorageClass"] == "STANDARD_IA"


def test_list_uploads(s3, bucket):
    keys = ["a", "a", "a/1", "a/2", "b é", "c+c"]
    ids = {s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]: key for key in keys}
    pages = list(s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}))
    found = [(u["Key"], u["UploadId"]) for p in pages for u in p["Uploads"]]
    assert [k for k, _ in found] == keys
    assert {i: k for k, i in found} == ids
    grouped = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [g["Prefix"] for g in grouped["CommonPrefixes"]] == ["a/"]
    assert [u["Key"] for u in grouped["Uploads"]] == ["a", "a", "b é", "c+c"]
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")["Uploads"]] == ["a/1", "a/2"]


def test_upload_part_copy(s3, bucket):
    data = content(3 * PART)
    source_etag = s3.put_object(Bucket=bucket, Key="from", Body=data)["ETag"]
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    chosen = []
    for number, (first, end) in enumerate([(100, 100 + PART), (0, PART), (2 * PART, 2 * PART + 7)], 1):
        answer = s3.upload_part_copy(Bucket=bucket, Key="to", UploadId=upload_id, PartNumber=number, CopySourceIfMatch=source_etag,
                                     CopySource={"Bucket": bucket, "Key": "from"}, CopySourceRange=f"bytes={first}-{end - 1}")
        assert answer["CopyPartResult"]["ETag"] == f'"{hashlib.md5(data[first:end]).hexdigest()}"'
        chosen.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="to", UploadId=upload_id, MultipartUpload={"Parts": chosen})
    s3.delete_object(Bucket=bucket, Key="from")
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == data[100 : 100 + PART] + data[:PART] + data[2 * PART : 2 * PART + 7]


def test_bad_upload_part_copy(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"0123456789")
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    base = {"Bucket": bucket, "Key": "to", "UploadId": upload_id, "PartNumber": 1, "CopySource": {"Bucket": bucket, "Key": "from"}}
    for text in ("bytes=5-10", "bytes=0-", "bytes=-5", "0-5", "bytes=7-3"):
        with refused("InvalidArgument", 400):
            s3.upload_part_copy(**base, CopySourceRange=text)
    with refused("PreconditionFailed", 412):
        s3.upload_part_copy(**base, CopySourceIfMatch='"00000000000000000000000000000000"')
    with refused("NoSuchKey", 404):
        s3.upload_part_copy(**{**base, "CopySource": {"Bucket": bucket, "Key": "no"}})


def test_copy_of_a_multipart_object_keeps_its_etag(s3, bucket):
    parts = {1: content(PART, 1), 2: b"end"}
    upload_id, chosen = upload(s3, bucket, "from", parts)
    etag = s3.complete_multipart_upload(Bucket=bucket, Key="from", UploadId=upload_id, MultipartUpload={"Parts": chosen})["ETag"]
    assert s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})["CopyObjectResult"]["ETag"] == etag
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"".join(parts.values())


# ---- the transfer manager ----


@pytest.fixture(scope="module")
def big_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("big") / "100MB"
    path.write_bytes(content(100 * 1000 * 1000))
    yield path
    path.unlink()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.md5(file.read()).hexdigest()


def test_transfer_manager_both_ways(any_server, big_file, tmp_path):
    from conftest import new_name

    s3, bucket = lakegated.client(any_server), new_name("transfer")
    s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(big_file), bucket, "big", ExtraArgs={"Metadata": {"a": "b"}})
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ContentLength"] == 100_000_000
    assert head["ETag"].endswith('-12"')  # parts of 8 MiB
    back = tmp_path / "back"
    s3.download_file(bucket, "big", str(back))
    assert digest(back) == digest(big_file)
    # a managed copy goes by parts when it is over the threshold, reading the source's tags first
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=32 * MIB)
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=config)
    s3.download_file(bucket, "copy", str(back))
    assert digest(back) == digest(big_file)
    back.unlink()


def test_transfer_of_one_big_part(s3, bucket, big_file, tmp_path):
    one = boto3.s3.transfer.TransferConfig(multipart_threshold=1 << 30)
    s3.upload_file(str(big_file), bucket, "big", Config=one)
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"] == f'"{digest(big_file)}"'
    back = tmp_path / "back"
    s3.download_file(bucket, "big", str(back), Config=one)
    assert digest(back) == digest(big_file)
    back.unlink()


@pytest.mark.parametrize("chunk", [16 * MIB, 32 * MIB])
def test_transfer_with_other_parts(s3, bucket, big_file, tmp_path, chunk):
    config = boto3.s3.transfer.TransferConfig(multipart_chunksize=chunk, max_concurrency=16)
    s3.upload_file(str(big_file), bucket, "big", Config=config)
    back = tmp_path / "back"
    s3.download_file(bucket, "big", str(back), Config=config)
    assert digest(back) == digest(big_file)
    back.unlink()
