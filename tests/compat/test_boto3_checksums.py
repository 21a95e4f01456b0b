"""The five checksums, in headers and in trailers, of whole objects and of parts."""
import base64
import hashlib
import io
import zlib

import awscrt.checksums
import pytest

import lakegated
from conftest import content, new_name, refused

PART = 5 << 20


def crc_bytes(value, size):
    return value.to_bytes(size, "big")


ALGORITHMS = {
    "CRC32": lambda data: crc_bytes(zlib.crc32(data), 4),
    "CRC32C": lambda data: crc_bytes(awscrt.checksums.crc32c(data), 4),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "CRC64NVME": lambda data: crc_bytes(awscrt.checksums.crc64nvme(data), 8),
}
WRONG = {"CRC32": 4, "CRC32C": 4, "SHA1": 20, "SHA256": 32, "CRC64NVME": 8}


def b64(data):
    return base64.b64encode(data).decode()


def of(algorithm, data):
    return b64(ALGORITHMS[algorithm](data))


def stored(s3, bucket, key="k"):
    """Every checksum that HEAD gives, by name, and the type."""
    head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    return {a: head[f"Checksum{a}"] for a in ALGORITHMS if f"Checksum{a}" in head}, head.get("ChecksumType")


class OnlyOnce(io.RawIOBase):
    """A body that cannot be rewound or measured by seeking, so that the checksum must be a trailer."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def readable(self):
        return True

    def read(self, size=-1):
        end = len(self.data) if size is None or size < 0 else min(self.at + size, len(self.data))
        piece, self.at = self.data[self.at : end], end
        return piece

    def __len__(self):
        return len(self.data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [0, 1, 65536, 300_000])
def test_computed_by_the_client(any_server, algorithm, size):
    """In the clear boto3 sends signed chunks or headers, over TLS unsigned chunks with a trailer."""
    s3, bucket = lakegated.client(any_server), new_name("sums")
    s3.create_bucket(Bucket=bucket)
    data = content(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(data), ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == of(algorithm, data)
    assert put["ChecksumType"] == "FULL_OBJECT"
    assert stored(s3, bucket) == ({algorithm: of(algorithm, data)}, "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data  # boto3 checks it too
    assert got[f"Checksum{algorithm}"] == of(algorithm, data)
    assert f"Checksum{algorithm}" not in lakegated.client(
        any_server, response_checksum_validation="when_required").head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_given_in_a_header(s3, bucket, algorithm):
    data = content(5000)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **{f"Checksum{algorithm}": of(algorithm, data)})
    assert stored(s3, bucket) == ({algorithm: of(algorithm, data)}, "FULL_OBJECT")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_wrong_or_malformed_in_a_header(s3, bucket, algorithm):
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"abc", **{f"Checksum{algorithm}": b64(b"\1" * WRONG[algorithm])})
    for bad in ("AAA", "not base64!", b64(b"\1" * (WRONG[algorithm] + 1))):
        with refused("InvalidRequest", 400):
            s3.put_object(Bucket=bucket, Key="k", Body=b"abc", **{f"Checksum{algorithm}": bad})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_none_sent_gives_crc64nvme(server, bucket):
    old = lakegated.client(server, request_checksum_calculation="when_required", response_checksum_validation="when_required")
    data = content(70_000)
    old.put_object(Bucket=bucket, Key="k", Body=data)
    assert stored(old, bucket) == ({"CRC64NVME": of("CRC64NVME", data)}, "FULL_OBJECT")


def test_content_md5(server, bucket):
    old = lakegated.client(server, request_checksum_calculation="when_required")
    data = content(1000)
    old.put_object(Bucket=bucket, Key="k", Body=data, ContentMD5=b64(hashlib.md5(data).digest()))
    with refused("BadDigest", 400):
        old.put_object(Bucket=bucket, Key="k", Body=data, ContentMD5=b64(b"\1" * 16))
    with refused("InvalidDigest", 400):
        old.put_object(Bucket=bucket, Key="k", Body=data, ContentMD5="no digest")


COMPOSITES = ["CRC32", "CRC32C", "SHA1", "SHA256"]
FULL = ["CRC32", "CRC32C", "CRC64NVME"]


def multipart(s3, bucket, algorithm, kind, parts):
    created = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert (created["ChecksumAlgorithm"], created["ChecksumType"]) == (algorithm, kind)
    upload_id, chosen = created["UploadId"], []
    for number, data in enumerate(parts, 1):
        answer = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number, Body=data, ChecksumAlgorithm=algorithm)
        assert answer[f"Checksum{algorithm}"] == of(algorithm, data)
        chosen.append({"PartNumber": number, "ETag": answer["ETag"], f"Checksum{algorithm}": answer[f"Checksum{algorithm}"]})
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload_id)
    assert [p[f"Checksum{algorithm}"] for p in listed["Parts"]] == [of(algorithm, data) for data in parts]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, kind)
    return upload_id, chosen


@pytest.mark.parametrize("algorithm", COMPOSITES)
def test_composite(any_server, algorithm):
    s3, bucket = lakegated.client(any_server), new_name("composite")
    s3.create_bucket(Bucket=bucket)
    parts = [content(PART, 1), content(PART, 2), content(1000, 3)]
    upload_id, chosen = multipart(s3, bucket, algorithm, "COMPOSITE", parts)
    want = b64(ALGORITHMS[algorithm](b"".join(ALGORITHMS[algorithm](p) for p in parts))) + "-3"
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen}, ChecksumType="COMPOSITE")
    assert (done[f"Checksum{algorithm}"], done["ChecksumType"]) == (want, "COMPOSITE")
    assert stored(s3, bucket) == ({algorithm: want}, "COMPOSITE")
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectParts"])
    assert attributes["Checksum"]["ChecksumType"] == "COMPOSITE"
    assert [(p["Size"], p[f"Checksum{algorithm}"]) for p in attributes["ObjectParts"]["Parts"]] == [(len(p), of(algorithm, p)) for p in parts]
    page = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"], MaxParts=1, PartNumberMarker=1)
    assert [p["PartNumber"] for p in page["ObjectParts"]["Parts"]] == [2]
    assert (page["ObjectParts"]["IsTruncated"], page["ObjectParts"]["NextPartNumberMarker"]) == (True, 2)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(parts)


@pytest.mark.parametrize("algorithm", FULL)
def test_full_object(any_server, algorithm):
    s3, bucket = lakegated.client(any_server), new_name("full")
    s3.create_bucket(Bucket=bucket)
    parts = [content(PART, 1), content(PART + 77, 2), content(1000, 3)]
    upload_id, chosen = multipart(s3, bucket, algorithm, "FULL_OBJECT", parts)
    want = of(algorithm, b"".join(parts))
    with refused("BadDigest", 400):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen},
                                     ChecksumType="FULL_OBJECT", **{f"Checksum{algorithm}": b64(b"\1" * WRONG[algorithm])})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen},
                                        ChecksumType="FULL_OBJECT", **{f"Checksum{algorithm}": want})
    assert (done[f"Checksum{algorithm}"], done["ChecksumType"]) == (want, "FULL_OBJECT")
    assert stored(s3, bucket) == ({algorithm: want}, "FULL_OBJECT")


@pytest.mark.parametrize("algorithm,kind", [("CRC64NVME", "COMPOSITE"), ("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT")])
def test_pairs_that_do_not_go_together(s3, bucket, algorithm, kind):
    with refused("InvalidRequest", 400):
        s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)


def test_complete_with_a_wrong_part_checksum(s3, bucket):
    upload_id, chosen = multipart(s3, bucket, "SHA256", "COMPOSITE", [content(PART, 1), b"end"])
    chosen[0]["ChecksumSHA256"] = b64(b"\1" * 32)
    with refused("InvalidPart", 400):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen})


def test_multipart_without_a_word_about_checksums(server, bucket):
    """As aws-cli 1 and older SDKs do: the object gets a CRC64NVME of the whole."""
    old = lakegated.client(server, request_checksum_calculation="when_required", response_checksum_validation="when_required")
    parts = [content(PART, 1), content(1000, 2)]
    upload_id = old.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    chosen = [{"PartNumber": n, "ETag": old.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=n, Body=p)["ETag"]} for n, p in enumerate(parts, 1)]
    old.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": chosen})
    assert stored(old, bucket) == ({"CRC64NVME": of("CRC64NVME", b"".join(parts))}, "FULL_OBJECT")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_body_that_can_be_read_only_once(tls_server, algorithm):
    s3, bucket = lakegated.client(tls_server), new_name("once")
    s3.create_bucket(Bucket=bucket)
    data = content(700_000)
    s3.put_object(Bucket=bucket, Key="k", Body=OnlyOnce(data), ContentLength=len(data), ChecksumAlgorithm=algorithm)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    assert stored(s3, bucket)[0] == {algorithm: of(algorithm, data)}


def test_chunk_framing_is_not_content(tls_server):
    """Content-Encoding: aws-chunked is of the way, not of the object; what else it says stays."""
    s3, bucket = lakegated.client(tls_server), new_name("framing")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="plain", Body=OnlyOnce(b"abc"), ContentLength=3)
    s3.put_object(Bucket=bucket, Key="gzip", Body=OnlyOnce(b"abc"), ContentLength=3, ContentEncoding="gzip")
    assert "ContentEncoding" not in s3.head_object(Bucket=bucket, Key="plain")
    assert s3.head_object(Bucket=bucket, Key="gzip")["ContentEncoding"] == "gzip"
    assert s3.get_object(Bucket=bucket, Key="plain")["Body"].read() == b"abc"


def test_copy_with_another_checksum(s3, bucket):
    data = content(400_000)
    s3.put_object(Bucket=bucket, Key="from", Body=data, ChecksumAlgorithm="CRC32")
    answer = s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "from"}, ChecksumAlgorithm="SHA256")
    assert answer["CopyObjectResult"]["ChecksumSHA256"] == of("SHA256", data)
    assert stored(s3, bucket) == ({"SHA256": of("SHA256", data)}, "FULL_OBJECT")
    s3.copy_object(Bucket=bucket, Key="kept", CopySource={"Bucket": bucket, "Key": "from"})
    assert stored(s3, bucket, "kept") == ({"CRC32": of("CRC32", data)}, "FULL_OBJECT")
