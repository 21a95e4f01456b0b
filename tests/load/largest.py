#!/usr/bin/env python3
"""The largest part and the largest object that S3 has, in full size: 5 GiB put at once, 5 GiB as a part, and copied to the
1,024 parts of an object of 5 TiB, which take no room. Ranges of it are compared, before and after a kill -9.

usage: largest.py [--part-mib N] [--parts N] [--ranges N] [--dir DIR] [--seed N]
It wants twice the part's size on DIR's disk. Smaller parts and fewer try the same with less.
"""
import argparse
import http.client
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lakegated  # noqa: E402

MIB, TIB = 1 << 20, 1 << 40
RSS_MAX_BYTES = 64 * MIB


class Content:
    """What a part consists of: blocks that begin with their number, so that a byte from elsewhere is seen."""

    def __init__(self, chance, part_bytes):
        self.base, self.part_bytes = chance.randbytes(MIB), part_bytes

    def block(self, number):
        return number.to_bytes(8, "big") + self.base[8:]

    def whole(self):
        return map(self.block, range(self.part_bytes // MIB))

    def at(self, offset, length):
        """The bytes of an object that has this part again and again."""
        got = b""
        while len(got) < length:
            place = (offset + len(got)) % self.part_bytes
            got += self.block(place // MIB)[place % MIB : place % MIB + length - len(got)]
        return got


def put(server, url, content):
    """→ the ETag. Sent block by block: neither side may hold the part."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("PUT", url, body=content.whole(), headers={"Content-Length": str(content.part_bytes)})
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    assert reply.status == 200, (reply.status, text)
    return reply.headers["ETag"]


def compare(s3, content, size, chance, count):
    """Ranges by chance, every second one over the end of a part, and the last bytes."""
    for number in range(count):
        length, first = chance.randint(1, 2 * MIB), chance.randrange(size)
        if number % 2:
            first = max(0, first // content.part_bytes * content.part_bytes - length // 2)
        if number == 0:
            first = size - length
        length = min(length, size - first)
        reply = s3.get_object(Bucket="largest", Key="object", Range=f"bytes={first}-{first + length - 1}")
        assert reply["ContentRange"] == f"bytes {first}-{first + length - 1}/{size}", reply["ContentRange"]
        assert reply["Body"].read() == content.at(first, length), f"{length} bytes at {first} are others"


def largest(server, options, chance):
    s3, content = lakegated.client(server), Content(chance, options.part_mib * MIB)
    size, peak, began = content.part_bytes * options.parts, 0, time.monotonic()
    s3.create_bucket(Bucket="largest")
    put(server, lakegated.presign(server, "PUT", "/largest/put"), content)
    peak = max(peak, server.memory_bytes())
    upload = {"Bucket": "largest", "Key": "part", "UploadId": s3.create_multipart_upload(Bucket="largest", Key="part")["UploadId"]}
    etag = put(server, lakegated.presign(server, "PUT", "/largest/part", {"partNumber": "1", "uploadId": upload["UploadId"]}), content)
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    peak, sent_s = max(peak, server.memory_bytes()), time.monotonic() - began
    began, room = time.monotonic(), os.statvfs(server.data).f_bavail * os.statvfs(server.data).f_frsize
    upload = {"Bucket": "largest", "Key": "object", "UploadId": s3.create_multipart_upload(Bucket="largest", Key="object")["UploadId"]}
    parts = []
    for number in range(1, options.parts + 1):
        copied = s3.upload_part_copy(**upload, PartNumber=number, CopySource={"Bucket": "largest", "Key": ("put", "part")[number % 2]})
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    if size == 5 * TIB:
        more = s3.upload_part_copy(**upload, PartNumber=options.parts + 1, CopySource={"Bucket": "largest", "Key": "put"}, CopySourceRange="bytes=0-0")
        try:
            s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [*parts, {"PartNumber": options.parts + 1, "ETag": more["CopyPartResult"]["ETag"]}]})
            raise AssertionError("a byte more than 5 TiB was taken")
        except s3.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "EntityTooLarge", error
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    copied_s, used = time.monotonic() - began, room - os.statvfs(server.data).f_bavail * os.statvfs(server.data).f_frsize
    assert s3.head_object(Bucket="largest", Key="object")["ContentLength"] == size
    compare(s3, content, size, chance, options.ranges)
    server.kill9()
    server.start()
    compare(lakegated.client(server), content, size, chance, options.ranges)
    peak = max(peak, server.memory_bytes())
    assert peak < RSS_MAX_BYTES, f"RssAnon {peak} bytes"
    assert server.stop() == 0
    verified = subprocess.run([lakegated.program("lakegate"), "verify", server.data], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    print(
        f"  2 x {content.part_bytes} bytes sent in {sent_s:.0f} s; an object of {size} bytes made of them in {copied_s:.1f} s and {max(0, used) // MIB} MiB of disk; "
        f"{2 * options.ranges} ranges the same, half of them after a kill; RssAnon at most {peak // MIB} MiB"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part-mib", type=int, default=5 * 1024)
    parser.add_argument("--parts", type=int, default=1024)
    parser.add_argument("--ranges", type=int, default=200)
    parser.add_argument("--dir", help="where the data folder is made")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lakegate-largest-", dir=options.dir) as folder, lakegated.Lakegated(data=f"{folder}/data") as server:
        try:
            largest(server, options, random.Random(options.seed))
        except BaseException:
            print(f"--seed {options.seed}\n{server.log_tail()}")
            raise


if __name__ == "__main__":
    main()
