"""The index of a store is lost: what lakegated says, and what lakegate salvage makes of it. And folders that a newer
release has written."""
import os
import pathlib
import shutil
import struct
import subprocess

import boto3
import lakegated
import pytest


def lakegate(*arguments):
    return subprocess.run(
        [lakegated.program("lakegate"), *map(str, arguments)], capture_output=True, text=True, timeout=120)


def client(server, access_key=lakegated.ACCESS_KEY, secret_key=lakegated.SECRET_KEY, service="s3"):
    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{server.port}", region_name="us-east-1",
        aws_access_key_id=access_key, aws_secret_access_key=secret_key,
    )


@pytest.fixture
def server():
    with lakegated.Lakegated() as running:
        yield running


def refused_line(server):
    """The one line with which the daemon ends."""
    offset = server.log_size()
    with pytest.raises(RuntimeError):
        server.start()
    lines = [line for line in server.log_tail(offset=offset).splitlines() if line.startswith("lakegated:")]
    assert len(lines) == 1, server.log_tail()
    return lines[0]


def test_a_lost_index_is_made_anew(server):
    s3, iam = client(server), client(server, service="iam")
    s3.create_bucket(Bucket="bkt")
    s3.put_bucket_tagging(Bucket="bkt", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    objects = {f"key-{n}": os.urandom(n * 300) for n in range(60)} | {"large": os.urandom(3 << 20)}
    for name, body in objects.items():
        s3.put_object(Bucket="bkt", Key=name, Body=b"older")
        s3.put_object(Bucket="bkt", Key=name, Body=body, Metadata={"name": name}, Tagging=f"put={name}")
    # With the object, changed later, made too long for its record, and taken away.
    tags = {name: [{"Key": "put", "Value": name}] for name in objects}
    for n, name in enumerate(sorted(objects)):
        if n % 4 > 0:
            tags[name] = [[{"Key": "set", "Value": name}], [{"Key": "long", "Value": "v" * 256}], []][n % 4 - 1]
            s3.put_object_tagging(Bucket="bkt", Key=name, Tagging={"TagSet": tags[name]})
    s3.delete_object(Bucket="bkt", Key="key-7")
    server.kill9()
    shutil.rmtree(os.path.join(server.data, "index"))

    assert "lakegate salvage" in refused_line(server)
    done = lakegate("salvage", server.data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything is known" in done.stdout

    server.start()
    s3 = client(server, key["AccessKeyId"], key["SecretAccessKey"])  # ann, her key and her policy, too
    for name, body in objects.items():
        if name == "key-7":
            continue
        found = s3.get_object(Bucket="bkt", Key=name)
        assert found["Body"].read() == body and found["Metadata"] == {"name": name}
        assert s3.get_object_tagging(Bucket="bkt", Key=name)["TagSet"] == tags[name]
    assert s3.get_bucket_tagging(Bucket="bkt")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert s3.list_objects_v2(Bucket="bkt")["KeyCount"] == len(objects) - 1
    server.stop()
    assert lakegate("verify", server.data).returncode == 0


def test_what_is_lost_is_told_and_counts_in_the_exit_code(server, tmp_path):
    s3 = client(server)
    s3.create_bucket(Bucket="bkt")
    s3.put_object(Bucket="bkt", Key="lost", Body=os.urandom(3 << 20))
    s3.put_object(Bucket="bkt", Key="kept", Body=b"kept")
    assert lakegate("salvage", server.data).returncode == 3  # in use
    server.stop()
    blob, = pathlib.Path(server.data).glob("files/*/*.blob")
    blob.unlink()
    shutil.rmtree(os.path.join(server.data, "index"))
    done = lakegate("salvage", server.data, "--to", tmp_path / "new")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "object bkt/lost (version null) is left out: its bytes are not whole" in done.stdout
    assert lakegate("verify", tmp_path / "new").returncode == 0
    assert lakegate("salvage", server.data, "--to", tmp_path / "new").returncode == 3
    assert lakegate("salvage").returncode == 2
    with lakegated.Lakegated(data=tmp_path / "new") as other:
        s3 = client(other)
        assert [item["Key"] for item in s3.list_objects_v2(Bucket="bkt")["Contents"]] == ["kept"]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_a_newer_format_is_refused_in_one_line(server):
    server.stop()
    path = pathlib.Path(server.data, "index", "data.mdb")
    pages, at, length = bytearray(path.read_bytes()), -1, 1 + 4 + 8 + 8 + 16  # the row `store`, docs/FORMAT.md
    changed = 0
    while (at := pages.find(b"store\x01", at + 1)) >= 0:
        value = at + 5
        crc, = struct.unpack_from("<I", pages, value + length)
        if crc32c(b"store" + pages[value:value + length]) != crc:
            continue
        struct.pack_into("<I", pages, value + 1, 99)
        struct.pack_into("<I", pages, value + length, crc32c(b"store" + pages[value:value + length]))
        changed += 1
    assert changed > 0
    path.write_bytes(pages)
    assert "newer release" in refused_line(server)
    assert "newer" in lakegate("verify", server.data).stderr


@pytest.mark.parametrize("folder", sorted((lakegated.ROOT / "tests/unit/storage/data").glob("schema-*.tar.gz")), ids=lambda f: f.name)
def test_a_folder_of_each_release_is_served(folder, tmp_path):
    subprocess.run(["tar", "-xzf", folder, "--strip-components=1", "-C", tmp_path], check=True)
    assert lakegate("verify", tmp_path).returncode == 0
    with lakegated.Lakegated(data=tmp_path) as running:
        s3 = client(running)
        s3.create_bucket(Bucket="new")
        s3.put_object(Bucket="new", Key="key", Body=b"bytes")
        assert s3.get_object(Bucket="new", Key="key")["Body"].read() == b"bytes"
        running.stop()
    assert lakegate("verify", tmp_path).returncode == 0
