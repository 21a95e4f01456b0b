"""Content-MD5, x-amz-checksum-* and x-amz-content-sha256: malformed, wrong, twice, right."""
import base64
import hashlib
import zlib

import pytest

import raw
import sigv4

BODY = b"hello world"


def base64_of(data):
    return base64.b64encode(data).decode()


def crc_table(polynomial):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return table


def crc(data, polynomial, width):
    """A reflected CRC with all bits set before and inverted after."""
    value, table = (1 << width) - 1, crc_table(polynomial)
    for byte in data:
        value = value >> 8 ^ table[(value ^ byte) & 255]
    return (value ^ (1 << width) - 1).to_bytes(width // 8, "big")


CHECKSUMS = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": lambda data: crc(data, 0x82F63B78, 32),
    "crc64nvme": lambda data: crc(data, 0x9A6C9329AC4BC9B5, 64),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


def put(server, key, headers, body=BODY, **options):
    return raw.request(server, "PUT", key, headers, body, **options)


def assert_refused(server, key, reply, status, *codes):
    assert reply.status == status and reply.code in codes, reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"


def test_right_md5(server, key):
    assert put(server, key, [("Content-MD5", base64_of(hashlib.md5(BODY).digest()))]).status == 200


@pytest.mark.parametrize("value", ["", "x", "!!!!", "AAAA", base64_of(b"15 bytes is few"), base64_of(b"17 bytes are more"), base64_of(b"x" * 5000),
                                   hashlib.md5(BODY).hexdigest(), base64_of(hashlib.md5(BODY).digest())[:-2],
                                   base64_of(hashlib.md5(BODY).digest()) + "=", base64_of(hashlib.md5(BODY).digest())[:-2] + "*=", "\xff" * 24])
def test_malformed_md5(server, key, value):
    assert_refused(server, key, put(server, key, [("Content-MD5", value)]), 400, "InvalidDigest")


def test_wrong_md5(server, key):
    assert_refused(server, key, put(server, key, [("Content-MD5", base64_of(hashlib.md5(b"other").digest()))]), 400, "BadDigest")


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_right_checksum(server, key, algorithm):
    field, value = f"x-amz-checksum-{algorithm}", base64_of(CHECKSUMS[algorithm](BODY))
    reply = put(server, key, [(field, value)])
    assert reply.status == 200 and reply.header(field) == value, reply
    reply = raw.request(server, "GET", key, [("x-amz-checksum-mode", "ENABLED")])
    assert reply.header(field) == value and reply.header("x-amz-checksum-type") == "FULL_OBJECT", reply


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_wrong_checksum(server, key, algorithm):
    assert_refused(server, key, put(server, key, [(f"x-amz-checksum-{algorithm}", base64_of(CHECKSUMS[algorithm](b"other")))]), 400, "BadDigest")


@pytest.mark.parametrize("algorithm", CHECKSUMS)
@pytest.mark.parametrize("how", ["empty", "short", "long", "no-base64", "hex", "composite", "very-long", "spaces"])
def test_malformed_checksum(server, key, algorithm, how):
    right = CHECKSUMS[algorithm](BODY)
    value = {"empty": "", "short": base64_of(right[:-1]), "long": base64_of(right + b"x"), "no-base64": "*" * len(base64_of(right)), "hex": right.hex() + "0",
             "composite": base64_of(right) + "-2", "very-long": base64_of(b"x" * 6000), "spaces": " ".join(base64_of(right))}[how]
    assert_refused(server, key, put(server, key, [(f"x-amz-checksum-{algorithm}", value)]), 400, "InvalidRequest")


@pytest.mark.parametrize("header", [("x-amz-checksum-sha512", "AAAA"), ("x-amz-checksum-xxhash64", "AAAA"), ("x-amz-sdk-checksum-algorithm", "XXHASH3")])
def test_an_algorithm_that_is_not_there_is_told_so(server, key, header):
    reply = raw.request(server, "PUT", key, [header], b"hello")
    assert (reply.status, reply.code) == (400, "InvalidRequest") and "CRC64NVME" in reply.field("Message"), reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"


@pytest.mark.parametrize("headers", [
    [("x-amz-checksum-crc32", base64_of(CHECKSUMS["crc32"](BODY))), ("x-amz-checksum-sha1", base64_of(CHECKSUMS["sha1"](BODY)))],
    [("x-amz-checksum-crc32", base64_of(CHECKSUMS["crc32"](BODY))), ("x-amz-sdk-checksum-algorithm", "SHA256")],
    [("x-amz-checksum-md4", "AAAA")],
    [("x-amz-checksum-", "AAAA")],
    [("x-amz-sdk-checksum-algorithm", "MD4")],
    [("x-amz-trailer", "x-amz-checksum-crc32, x-amz-checksum-sha1")],
    [("x-amz-trailer", "x-amz-checksum-md4")],
    [("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-checksum-crc32", "AAAAAA==")],
])
def test_contradicting_checksum_headers(server, key, headers):
    assert_refused(server, key, put(server, key, headers), 400, "InvalidRequest")


def test_wrong_content_sha256(server, key):
    reply = put(server, key, [], payload=sigv4.sha256(b"other"))
    assert_refused(server, key, reply, 400, "XAmzContentSHA256Mismatch")
    assert reply.field("ClientComputedContentSHA256") == sigv4.sha256(b"other")
    assert reply.field("S3ComputedContentSHA256") == sigv4.sha256(BODY)


@pytest.mark.parametrize("value", ["", "x", "0" * 63, "0" * 65, "g" * 64, "UNSIGNED", "unsigned-payload", "STREAMING-AWS4-HMAC-SHA512-PAYLOAD",
                                   "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "0" * 5000])
def test_malformed_content_sha256(server, key, value):
    with raw.Connection(server) as connection:
        headers = sigv4.Signer().headers("PUT", key, [("Host", connection.host), ("Content-Length", len(BODY))], value)
        connection.send(raw.head("PUT", key, headers) + BODY)
        assert_refused(server, key, connection.reply(), 400, "InvalidArgument")


def test_content_sha256_signed_and_not_sent(server, key):
    with raw.Connection(server) as connection:
        headers = sigv4.Signer().headers("PUT", key, [("Host", connection.host), ("Content-Length", len(BODY))], sigv4.sha256(BODY))
        connection.send(raw.head("PUT", key, [pair for pair in headers if pair[0] != "x-amz-content-sha256"]) + BODY)
        reply = connection.reply()
        assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch"), reply
    assert raw.request(server, "GET", key).code == "NoSuchKey"


def test_upper_case_content_sha256(server, key):
    assert put(server, key, [], payload=sigv4.sha256(BODY).upper()).status == 200


def test_empty_body_with_wrong_hash(server, key):
    assert_refused(server, key, put(server, key, [], b"", payload=sigv4.sha256(b"x")), 400, "XAmzContentSHA256Mismatch")


@pytest.mark.parametrize("how", ["md5", "crc32", "sha256"])
def test_wrong_digest_of_a_large_body(server, key, how):
    """Known only after the last byte, and the bytes are on the disk by then."""
    body = bytes(2_500_000)
    headers = {"md5": [("Content-MD5", base64_of(bytes(16)))], "crc32": [("x-amz-checksum-crc32", base64_of(bytes(4)))], "sha256": []}[how]
    reply = put(server, key, headers, body, payload=sigv4.sha256(b"") if how == "sha256" else sigv4.UNSIGNED)
    assert_refused(server, key, reply, 400, "XAmzContentSHA256Mismatch" if how == "sha256" else "BadDigest")


def test_wrong_digest_of_a_part(server, key):
    upload = raw.request(server, "POST", key + "?uploads").field("UploadId")
    reply = put(server, f"{key}?partNumber=1&uploadId={upload}", [("x-amz-checksum-crc32", base64_of(bytes(4)))])
    assert (reply.status, reply.code) == (400, "BadDigest"), reply
    assert b"<Part>" not in raw.request(server, "GET", f"{key}?uploadId={upload}").body
    assert raw.request(server, "DELETE", f"{key}?uploadId={upload}").status == 204


@pytest.mark.parametrize("value", ["hello", base64_of(b"x" * 16)])
def test_wrong_md5_of_delete_objects_deletes_nothing(server, bucket, present, value):
    document = b"<Delete><Object><Key>" + present.rsplit("/", 1)[1].encode() + b"</Key></Object></Delete>"
    reply = raw.request(server, "POST", f"/{bucket}?delete", [("Content-MD5", value)], document)
    assert reply.status == 400 and reply.code in ("InvalidDigest", "BadDigest"), reply
    assert raw.request(server, "GET", present).status == 200


def test_delete_objects_without_any_digest(server, bucket, present):
    document = b"<Delete><Object><Key>" + present.rsplit("/", 1)[1].encode() + b"</Key></Object></Delete>"
    reply = raw.request(server, "POST", f"/{bucket}?delete", [], document)
    assert (reply.status, reply.code) == (400, "InvalidRequest"), reply
    assert raw.request(server, "GET", present).status == 200
