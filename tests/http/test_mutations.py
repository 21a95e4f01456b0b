"""Requests that were right once: cut, doubled, flipped, shuffled. Whatever comes back, it is no 500, and the daemon
lives. MUTATIONS=100000 pytest tests/http/test_mutations.py looks further; a failure names the seed to repeat."""
import base64
import hashlib
import os
import random
import zlib

import pytest

import raw
import sigv4
import test_post_form

BATCH = 300  # at once: a cut request is only given up after a second or two
BATCHES = int(os.environ.get("MUTATIONS", "1500")) // BATCH
INTERESTING = [b"\0", b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\t", b":", b"/", b"//", b"?", b"&", b"=", b"%", b"%00", b"%ff", b"..", b"-1", b"0", b"4294967296",
               b"18446744073709551615", b"18446744073709551616", b"99999999999999999999", b"\xff", b"\xc3", b"<", b">", b"<a>", b"&amp;", b"]]>", b"chunked",
               b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Range: bytes=0-\r\n", b"A" * 300]


def request(method, target, headers=(), body=b""):
    """The bytes of a signed request."""
    fields = [("Host", "h"), *headers]
    if method in ("PUT", "POST"):
        fields.append(("Content-Length", len(body)))
        if "?delete" in target:
            fields.append(("Content-MD5", base64.b64encode(hashlib.md5(body).digest()).decode()))
    return raw.head(method, target, sigv4.Signer().headers(method, target, fields, sigv4.sha256(body))) + body


def chunked(target, trailing):
    signer, data = sigv4.Signer(), b"chunked" * 2000
    kind = sigv4.CHUNKED_TRAILER if trailing else sigv4.CHUNKED
    headers = [("Host", "h"), ("x-amz-decoded-content-length", len(data)), ("Content-Encoding", "aws-chunked")]
    if trailing:
        headers.append(("x-amz-trailer", "x-amz-checksum-crc32"))
    headers = signer.headers("PUT", target, headers, kind)
    body = signer.chunk(data[:8192]) + signer.chunk(data[8192:]) + signer.chunk(b"")
    body += signer.trailer("x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()) if trailing else b"\r\n"
    return raw.head("PUT", target, [*headers, ("Content-Length", len(body))]) + body


def parts(bucket):
    """Method, target, headers and body of requests that are right; of one key so that they meet."""
    key = f"/{bucket}/mutated"
    delete = b"<Delete><Quiet>false</Quiet><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>null</VersionId></Object></Delete>"
    complete = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"" + b"0" * 32 + b"\"</ETag></Part></CompleteMultipartUpload>"
    location = b"<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>"
    form = test_post_form.form([("key", "mutated"), ("x-amz-meta-a", "b"), ("success_action_status", "201"),
                                *test_post_form.signed(test_post_form.encoded(test_post_form.covered(bucket, [["starts-with", "$x-amz-meta-a", ""], {"success_action_status": "201"}])))])
    return [
        ("POST", f"/{bucket}", [("Content-Type", f"multipart/form-data; boundary={test_post_form.BOUNDARY}")], form),
        ("PUT", key, [("x-amz-meta-a", "b"), ("Content-Type", "text/plain"), ("x-amz-storage-class", "STANDARD")], b"hello"),
        ("PUT", key, [("x-amz-checksum-sha1", base64.b64encode(hashlib.sha1(b"x" * 5000).digest()).decode())], b"x" * 5000),
        ("PUT", key + "?tagging", [], b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
        ("PUT", key, [("x-amz-tagging", "a=b&c+d=%2B&e")], b"tagged"),
        ("PUT", key + "-copy", [("x-amz-copy-source", key), ("x-amz-metadata-directive", "REPLACE")], b""),
        ("GET", key, [("Range", "bytes=1-3"), ("If-None-Match", '"abc", W/"def"'), ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")], b""),
        ("GET", f"{key}?partNumber=1&response-content-type=a%2Fb&x-id=GetObject", [], b""),
        ("GET", f"{key}?attributes", [("x-amz-object-attributes", "ETag,Checksum,ObjectParts,StorageClass,ObjectSize")], b""),
        ("HEAD", key, [], b""),
        ("GET", "/?prefix=h&max-buckets=5&continuation-token=abc", [], b""),
        ("GET", f"/{bucket}?list-type=2&prefix=m&delimiter=%2F&max-keys=5&encoding-type=url&start-after=a&fetch-owner=true", [], b""),
        ("GET", f"/{bucket}?list-type=2&continuation-token=abc", [], b""),
        ("GET", f"/{bucket}?prefix=m&delimiter=%2F&marker=a&max-keys=5", [], b""),
        ("GET", f"/{bucket}?versions&key-marker=a&version-id-marker=null&delimiter=u", [], b""),
        ("GET", f"/{bucket}?uploads&key-marker=a&upload-id-marker=abc&prefix=m&delimiter=u", [], b""),
        ("POST", f"/{bucket}?delete", [], delete),
        ("POST", f"{key}?uploads", [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "COMPOSITE")], b""),
        ("POST", f"{key}?uploadId=abc", [("x-amz-checksum-crc32", "AAAAAA==-1")], complete),
        ("PUT", f"{key}?partNumber=1&uploadId=abc", [], b"part"),
        ("PUT", f"{key}?partNumber=1&uploadId=abc", [("x-amz-copy-source", key), ("x-amz-copy-source-range", "bytes=0-1")], b""),
        ("PUT", f"/{bucket}", [], location),
        ("DELETE", f"{key}?versionId=null", [("If-Match", '"abc"')], b""),
    ]


def models(bucket):
    key = f"/{bucket}/mutated"
    return [*(request(*each) for each in parts(bucket)), chunked(key, False), chunked(key, True),
            raw.head("GET", sigv4.Signer().presigned("GET", key, "h"), [("Host", "h")]),
            raw.head("GET", sigv4.presigned_version_2("GET", key), [("Host", "h")]),
            b"GET /-/metrics HTTP/1.1\r\nHost: h\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"]


def broken_text(text, chance, others):
    """A part of a request that is still one line."""
    return mutate(text.encode("latin-1"), chance, others).decode("latin-1").translate({10: None, 13: None, 32: "+"})


def mutate_and_sign(chance, bucket):
    """What is broken is signed, so that it gets further than the signature."""
    all_parts = parts(bucket)
    method, target, headers, body = chance.choice(all_parts)
    others = [each[1].encode() for each in all_parts]
    what = chance.randrange(3)
    if what == 0:
        target = "/" + broken_text(target, chance, others).lstrip("/")
    elif what == 1 and headers:
        at = chance.randrange(len(headers))
        headers = [*headers[:at], (headers[at][0], broken_text(headers[at][1], chance, others)), *headers[at + 1:]]
    else:
        body = mutate(body, chance, [each[3] for each in all_parts if each[3]])
    return request(method, target, headers, body)


def mutate(data, chance, all_models):
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        # Mostly in the head: bodies are longer and say less.
        head = data.find(b"\r\n\r\n") + 4
        end = head if head > 3 and chance.random() < 0.7 else len(data)
        at = chance.randrange(max(1, min(end, len(data)) or 1))
        length = chance.choice((1, 1, 2, 4, 16, 64))
        how = chance.randrange(7)
        if how == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif how == 1:
            del data[at:at + length]
        elif how == 2:
            data[at:at] = chance.choice(INTERESTING)
        elif how == 3:
            data[at:at + length] = chance.choice(INTERESTING)
        elif how == 4:
            data[at:at] = data[at:at + length] * chance.choice((1, 2, 50))
        elif how == 5:
            other = chance.choice(all_models)
            begin = chance.randrange(len(other))
            data[at:at + length] = other[begin:begin + length * 4]
        else:
            del data[at + 1:]
    return bytes(data)


def mutated(number, bucket, all_models):
    chance = random.Random(number)
    return mutate(chance.choice(all_models), chance, all_models) if number % 2 else mutate_and_sign(chance, bucket)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mutated_requests(server, bucket, batch):
    all_models = models(bucket)
    numbers = range(batch * BATCH, (batch + 1) * BATCH)
    connections = []
    for number in numbers:
        connection = raw.Connection(server, timeout=30)
        connections.append(connection)
        connection.send_what_goes(mutated(number, bucket, all_models))
        try:
            connection.socket.shutdown(1)
        except OSError:
            pass  # refused and closed already
    for number, connection in zip(numbers, connections):
        try:
            while connection.receive():
                pass
        except TimeoutError:
            pytest.fail(f"mutation {number} hangs: {mutated(number, bucket, all_models)}")
        assert b"HTTP/1.1 500" not in connection.input, (number, mutated(number, bucket, all_models), connection.input)
        connection.close()
    assert server.process.poll() is None, f"mutations {numbers}\n{server.log_tail()}"
    assert raw.request(server, "HEAD", f"/{bucket}").status == 200
