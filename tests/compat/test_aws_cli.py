"""aws-cli: the high-level s3 commands and s3api for every operation, in the clear and over TLS."""
import json
import os
import subprocess

import pytest

from conftest import content, new_name


@pytest.fixture
def cli_bucket(aws):
    name = new_name("aws")
    assert aws.run("s3", "mb", f"s3://{name}").strip() == f"make_bucket: {name}"
    return name


def test_cp_ls_rm_rb(aws, cli_bucket, tmp_path):
    url = f"s3://{cli_bucket}"
    source = tmp_path / "a file.bin"
    source.write_bytes(content(12_345))
    aws.run("s3", "cp", source, f"{url}/folder/a file.bin")
    assert "12345 a file.bin" in aws.run("s3", "ls", f"{url}/folder/")
    assert "PRE folder/" in aws.run("s3", "ls", url)
    assert "Total Objects: 1" in aws.run("s3", "ls", url, "--recursive", "--summarize", "--human-readable")
    back = tmp_path / "back"
    aws.run("s3", "cp", f"{url}/folder/a file.bin", back)
    assert back.read_bytes() == source.read_bytes()
    aws.run("s3", "cp", f"{url}/folder/a file.bin", f"{url}/copy")
    aws.run("s3", "mv", f"{url}/copy", f"{url}/moved")
    assert aws.run("s3", "ls", f"{url}/copy", code=1) == ""
    aws.run("s3", "rm", f"{url}/moved")
    assert "BucketNotEmpty" in (aws.run("s3", "rb", url, code=1) + aws.stderr)
    aws.run("s3", "rb", url, "--force")
    assert cli_bucket not in aws.run("s3", "ls")


def test_cp_from_and_to_pipes(aws, cli_bucket):
    data = content(9 << 20)
    aws.run("s3", "cp", "-", f"s3://{cli_bucket}/piped", input=data)
    aws.run("s3", "cp", f"s3://{cli_bucket}/piped", "-")
    assert aws.stdout_bytes == data


def test_big_file(aws, cli_bucket, tmp_path):
    data = content(100 * 1000 * 1000)
    source, back = tmp_path / "big", tmp_path / "back"
    source.write_bytes(data)
    aws.run("s3", "cp", source, f"s3://{cli_bucket}/big", "--only-show-errors")
    aws.run("s3", "cp", f"s3://{cli_bucket}/big", back, "--only-show-errors")
    assert back.read_bytes() == data
    # a copy of this size goes by parts and reads the source's tags first
    aws.run("s3", "cp", f"s3://{cli_bucket}/big", f"s3://{cli_bucket}/copy", "--only-show-errors")
    aws.run("s3", "mv", f"s3://{cli_bucket}/copy", back, "--only-show-errors")
    assert back.read_bytes() == data


def make_tree(folder):
    files = {"one.txt": b"1", "sub/two.txt": b"22", "sub/deep/three ü.txt": content(70_000), "sub/empty": b"", "with space/+%&.bin": content(9 << 20)}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


def read_tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_sync_both_ways(aws, cli_bucket, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    files = make_tree(source)
    url = f"s3://{cli_bucket}/tree"
    aws.run("s3", "sync", source, url)
    assert aws.run("s3", "sync", source, url) == ""  # nothing left to do
    aws.run("s3", "sync", url, back)
    assert read_tree(back) == files
    (source / "one.txt").unlink()
    (source / "sub/two.txt").write_bytes(b"changed")
    os.utime(source / "sub/two.txt", (4_000_000_000, 4_000_000_000))
    printed = aws.run("s3", "sync", source, url, "--delete")
    assert "delete: " in printed and "two.txt" in printed and "three" not in printed
    aws.run("s3", "sync", url, f"s3://{cli_bucket}/second")
    aws.run("s3", "sync", f"s3://{cli_bucket}/second", tmp_path / "third", "--exclude", "*.bin")
    assert set(read_tree(tmp_path / "third")) == {"sub/two.txt", "sub/deep/three ü.txt", "sub/empty"}
    aws.run("s3", "cp", url, tmp_path / "fourth", "--recursive", "--include", "*")
    assert read_tree(tmp_path / "fourth") == read_tree(source)
    aws.run("s3", "rm", url, "--recursive")
    assert aws.run("s3", "ls", f"{url}/", code=1) == ""


def test_presign(aws, any_server, cli_bucket):
    aws.run("s3", "cp", "-", f"s3://{cli_bucket}/a b", input=b"presigned")
    url = aws.run("s3", "presign", f"s3://{cli_bucket}/a b", "--expires-in", "60").strip()
    trust = ["--cacert", any_server.tls[2]] if any_server.tls else []
    assert subprocess.run(["curl", "-sf", *trust, url], capture_output=True, check=True).stdout == b"presigned"


def test_s3api_for_each_operation(aws, cli_bucket, tmp_path):
    bucket = ("--bucket", cli_bucket)

    def api(operation, *arguments, **options):
        printed = aws.run("s3api", operation, *arguments, **options)
        return json.loads(printed) if printed.strip() else {}

    other = new_name("api")
    assert api("create-bucket", "--bucket", other)["Location"] == f"/{other}"
    api("head-bucket", "--bucket", other)
    assert other in [b["Name"] for b in api("list-buckets")["Buckets"]]
    assert [b["Name"] for b in api("list-buckets", "--prefix", other)["Buckets"]] == [other]
    assert api("get-bucket-location", "--bucket", other)["LocationConstraint"] is None
    api("delete-bucket", "--bucket", other)
    api("head-bucket", "--bucket", other, code=(254, 255))

    body = tmp_path / "body"
    body.write_bytes(b"hello, lake")
    etag = api("put-object", *bucket, "--key", "k", "--body", body, "--metadata", "a=b", "--content-type", "text/x", "--checksum-algorithm", "SHA256")["ETag"]
    out = tmp_path / "out"
    got = api("get-object", *bucket, "--key", "k", "--checksum-mode", "ENABLED", out)
    assert (out.read_bytes(), got["ETag"], got["Metadata"], got["ContentType"]) == (b"hello, lake", etag, {"a": "b"}, "text/x")
    api("get-object", *bucket, "--key", "k", "--range", "bytes=7-", out)
    assert out.read_bytes() == b"lake"
    assert api("head-object", *bucket, "--key", "k")["ContentLength"] == 11
    assert api("get-object-attributes", *bucket, "--key", "k", "--object-attributes", "ObjectSize", "Checksum")["ObjectSize"] == 11
    assert api("copy-object", *bucket, "--key", "copy", "--copy-source", f"{cli_bucket}/k")["CopyObjectResult"]["ETag"] == etag
    assert [o["Key"] for o in api("list-objects", *bucket)["Contents"]] == ["copy", "k"]
    assert [o["Key"] for o in api("list-objects-v2", *bucket, "--prefix", "c", "--fetch-owner")["Contents"]] == ["copy"]
    assert len(api("list-object-versions", *bucket)["Versions"]) == 2
    api("delete-object", *bucket, "--key", "copy")
    deleted = api("delete-objects", *bucket, "--delete", json.dumps({"Objects": [{"Key": "k"}, {"Key": "not there"}]}))
    assert {d["Key"] for d in deleted["Deleted"]} == {"k", "not there"}

    key = (*bucket, "--key", "multi")
    first = tmp_path / "first"
    first.write_bytes(content(5 << 20))
    api("put-object", *bucket, "--key", "source", "--body", first)
    upload_id = api("create-multipart-upload", *key)["UploadId"]
    upload = (*key, "--upload-id", upload_id)
    one = api("upload-part", *upload, "--part-number", 1, "--body", first)["ETag"]
    two = api("upload-part-copy", *upload, "--part-number", 2, "--copy-source", f"{cli_bucket}/source", "--copy-source-range", "bytes=0-99")["CopyPartResult"]["ETag"]
    assert [p["PartNumber"] for p in api("list-parts", *upload)["Parts"]] == [1, 2]
    assert [u["UploadId"] for u in api("list-multipart-uploads", *bucket)["Uploads"]] == [upload_id]
    parts = json.dumps({"Parts": [{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}]})
    assert api("complete-multipart-upload", *upload, "--multipart-upload", parts)["ETag"].endswith('-2"')
    api("get-object", *key, out)
    assert out.read_bytes() == content(5 << 20) + content(5 << 20)[:100]
    upload_id = api("create-multipart-upload", *bucket, "--key", "dropped")["UploadId"]
    api("abort-multipart-upload", *bucket, "--key", "dropped", "--upload-id", upload_id)
    assert "Uploads" not in api("list-multipart-uploads", *bucket)


def test_errors_are_told_as_aws_does(aws, cli_bucket):
    for command, code in [
        (("get-object", "--bucket", cli_bucket, "--key", "missing", "/dev/null"), "NoSuchKey"),
        (("list-objects-v2", "--bucket", "no-such-bucket-here"), "NoSuchBucket"),
        (("get-bucket-policy", "--bucket", cli_bucket), "NoSuchBucketPolicy"),
        (("get-bucket-cors", "--bucket", cli_bucket), "NoSuchCORSConfiguration"),
        (("create-bucket", "--bucket", cli_bucket), "BucketAlreadyOwnedByYou"),
    ]:
        aws.run("s3api", *command, code=(254, 255))
        assert f"({code})" in aws.stderr
