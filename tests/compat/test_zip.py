"""A folder as one ZIP, `GET /bucket?lakegate-zip&prefix=…`: by a presigned URL, as a browser opens it, read by Python's
zipfile and by unzip."""
import concurrent.futures
import datetime
import http.client
import io
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import zipfile

import iam
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import content
from test_lakegate_command import damage

import lakegated

GIB = 1 << 30


def url_of(server, bucket, prefix=None, keys=None):
    query = "lakegate-zip=" + ("" if prefix is None else "&prefix=" + urllib.parse.quote(prefix, safe="-._~"))
    request = AWSRequest("GET", f"{server.endpoint}/{bucket}?{query}")
    S3SigV4QueryAuth(Credentials(*(keys or (lakegated.ACCESS_KEY, lakegated.SECRET_KEY))), "s3", lakegated.REGION, 600).add_auth(request)
    return request.prepare().url


def fetch(server, bucket, prefix=None, keys=None):
    with urllib.request.urlopen(url_of(server, bucket, prefix, keys), timeout=120) as reply:
        assert reply.status == 200 and reply.headers["Content-Type"] == "application/zip"
        return reply.read(), reply.headers


def opened(server, bucket, prefix=None, keys=None):
    archive = zipfile.ZipFile(io.BytesIO(fetch(server, bucket, prefix, keys)[0]))
    assert archive.testzip() is None
    return archive


def put(s3, bucket, **objects):
    for key, body in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def unzip_says_it_is_whole(path):
    if shutil.which("unzip"):
        done = subprocess.run(["unzip", "-tqq", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder(server, s3, bucket, tmp_path):
    bodies = {"raw/2024/a.csv": b"a,b\n", "raw/2024/empty": b"", "raw/2024/deep/er/b.bin": content(300_000), "raw/2024/block": content(262_144),
              "raw/2024/block+1": content(262_145), "raw/2024/large": content(3_000_000), "raw/2023/x": b"not this", "raw/2024x": b"nor this"}
    put(s3, bucket, **bodies)
    data, headers = fetch(server, bucket, "raw/2024/")
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        key[9:]: body for key, body in bodies.items() if key.startswith("raw/2024/")}
    assert all(info.compress_type == zipfile.ZIP_STORED and info.external_attr >> 16 == 0o100644 for info in archive.infolist())
    modified = s3.head_object(Bucket=bucket, Key="raw/2024/a.csv")["LastModified"]
    assert abs((modified.replace(tzinfo=None) - datetime.datetime(*archive.getinfo("a.csv").date_time)).total_seconds()) <= 2
    assert headers["Content-Disposition"] == "attachment; filename=\"2024.zip\"; filename*=UTF-8''2024.zip"
    assert headers["Content-Security-Policy"] == "sandbox"
    (tmp_path / "folder.zip").write_bytes(data)
    unzip_says_it_is_whole(tmp_path / "folder.zip")


def test_names_of_the_archive(server, s3, bucket):
    put(s3, bucket, **{'ü "1"/k': b"x", "plain": b"y"})
    assert fetch(server, bucket)[1]["Content-Disposition"] == f"attachment; filename=\"{bucket}.zip\"; filename*=UTF-8''{bucket}.zip"
    assert fetch(server, bucket, 'ü "1"/')[1]["Content-Disposition"] == (
        "attachment; filename=\"__ _1_.zip\"; filename*=UTF-8''%C3%BC%20%221%22.zip")
    assert sorted(opened(server, bucket).namelist()) == ["plain", 'ü "1"/k']
    assert opened(server, bucket, "pl").namelist() == ["plain"]


def test_nothing_below_the_prefix(server, bucket):
    assert opened(server, bucket, "no/such/").namelist() == []


def test_names_stay_in_their_folder(server, s3, bucket, tmp_path):
    """Whatever keys there are, what is unpacked lies below one folder, and nothing is lost on the way."""
    keys = ["../up", "a/../../up", "/etc/passwd", "a\\b", "C:/x", "c//d", "c/d", "c///d", "e", "e/f", "dir/", "full/", "..", ".", "//",
            "new\nline", "é/à", "ok~1.txt", "a/b/.", "__/up"]
    for number, key in enumerate(keys):
        s3.put_object(Bucket=bucket, Key="p/" + key, Body=b"" if key == "dir/" else str(number).encode())
    archive = opened(server, bucket, "p/")
    names = archive.namelist()
    assert len(names) == len(set(names)) == len(keys)
    for name in names:
        parts = name.rstrip("/").split("/")
        assert name and not name.startswith("/") and "\\" not in name and not {"", ".", ".."} & set(parts) and not re.match("[A-Za-z]:", name)
        assert not any(ord(c) < 32 for c in name)
    by_content = {archive.read(name): name for name in names if not name.endswith("/")}
    assert sorted(by_content) == sorted(str(n).encode() for n, key in enumerate(keys) if key != "dir/")
    named = {key: by_content.get(str(n).encode()) for n, key in enumerate(keys)}
    assert named["c/d"] == "c/d" and named["e/f"] == "e/f" and named["é/à"] == "é/à" and named["ok~1.txt"] == "ok~1.txt" and "dir/" in names
    assert re.fullmatch("e~[0-9a-f]{8}", named["e"]) and re.fullmatch("c/d~[0-9a-f]{8}", named["c//d"])
    archive.extractall(tmp_path / "out")
    assert sum(1 for path in (tmp_path / "out").rglob("*") if path.is_file()) == len(keys) - 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_folders_own_marker_is_no_entry(server, s3, bucket):
    put(s3, bucket, **{"p/": b"", "p/x": b"1"})
    assert opened(server, bucket, "p/").namelist() == ["x"]


def test_what_may_not_be_read_is_left_out_and_said(server, s3, bucket):
    put(s3, bucket, **{"p/open/1": b"1", "p/secret/2": b"2", "p/open/3": b"3"})
    someone = iam.make_user(server, iam.policy(
        ("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}"), ("Allow", "s3:GetObject", f"arn:aws:s3:::{bucket}/p/open/*")))
    archive = opened(server, bucket, "p/", someone.keys)
    assert archive.namelist() == ["open/1", "open/3", "LEFT-OUT.txt"]
    said = archive.read("LEFT-OUT.txt").decode()
    assert said.startswith(f"1 objects below {bucket}/p/ were left out") and "p/secret/2: access denied\n" in said


def test_left_out_has_a_name_of_its_own(server, s3, bucket):
    put(s3, bucket, **{"LEFT-OUT.txt": b"mine", "x": b"denied"})
    someone = iam.make_user(server, iam.policy(
        ("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}"), ("Allow", "s3:GetObject", f"arn:aws:s3:::{bucket}/LEFT*")))
    names = opened(server, bucket, keys=someone.keys).namelist()
    assert names[0] == "LEFT-OUT.txt" and re.fullmatch(r"LEFT-OUT~[0-9a-f]{8}\.txt", names[1]) and len(names) == 2


def test_thousands_that_may_not_be_read(server, s3, bucket):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"{n:05}" + "k" * 200, Body=b""), range(1000)))
    someone = iam.make_user(server, iam.policy(("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}")))
    archive = opened(server, bucket, keys=someone.keys)
    said = archive.read("LEFT-OUT.txt").decode()
    assert archive.namelist() == ["LEFT-OUT.txt"] and said.startswith("1000 objects") and said.endswith("…\n") and len(said) < 70_000


@pytest.mark.parametrize("allowed", ["s3:GetObject", "s3:ListBucket with another prefix", "nothing"])
def test_who_may_not_list_gets_none(server, s3, bucket, allowed):
    put(s3, bucket, **{"p/x": b"1"})
    text = {"s3:GetObject": iam.policy(("Allow", "s3:GetObject", "*")), "nothing": iam.policy(("Allow", "s3:CreateBucket", "*"))}.get(
        allowed, iam.policy(("Allow", ["s3:ListBucket", "s3:GetObject"], "*", {"StringEquals": {"s3:prefix": "q/"}})))
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(server, bucket, "p/", iam.make_user(server, text).keys)
    assert refused.value.code == 403


def test_a_tampered_prefix_is_refused(server, s3, bucket):
    put(s3, bucket, **{"p/x": b"1", "q/x": b"2"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url_of(server, bucket, "p/").replace("prefix=p", "prefix=q"), timeout=30)
    assert refused.value.code == 403


def test_damage_breaks_it_off(tmp_path):
    """What is missing must not look whole."""
    with lakegated.Lakegated(data=tmp_path / "data") as server:
        s3 = lakegated.client(server)
        s3.create_bucket(Bucket="damaged")
        put(s3, "damaged", **{"1": b"good", "2": content(2_000_000), "3": b"good"})
        assert server.stop() == 0
        damage(server.data, content(2_000_000)[1_500_000:1_500_064])
        server.start()
        with pytest.raises((OSError, http.client.IncompleteRead)):
            fetch(server, "damaged")
        assert opened(server, "damaged", "1").namelist() == ["1"]
        assert server.stop() == 0
        assert "reading damaged/2 failed" in server.log_tail(200)


def test_more_bytes_than_32_bits_count(server, s3, bucket, tmp_path):
    """One object over 4 GiB, one behind it, and a sparse file to keep them in; memory does not grow with them."""
    part = bytes(64 << 20)
    s3.put_object(Bucket=bucket, Key="source", Body=part)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big/1")["UploadId"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part_copy(
        Bucket=bucket, Key="big/1", UploadId=upload, PartNumber=n, CopySource=f"{bucket}/source")["CopyPartResult"]["ETag"]} for n in range(1, 66)]
    s3.complete_multipart_upload(Bucket=bucket, Key="big/1", UploadId=upload, MultipartUpload={"Parts": parts})
    s3.put_object(Bucket=bucket, Key="big/2", Body=b"behind it")
    path, memory, most = tmp_path / "big.zip", server.memory_bytes(), 0
    with urllib.request.urlopen(url_of(server, bucket, "big/"), timeout=300) as reply, open(path, "wb") as file:
        while block := reply.read(1 << 20):
            if block.count(0) == len(block):
                file.seek(len(block), 1)
            else:
                file.write(block)
            if file.tell() % (256 << 20) < (1 << 20):
                most = max(most, server.memory_bytes())
        file.truncate()
    assert most < memory + (32 << 20)
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("1").file_size == 65 * len(part) > 4 * GIB and archive.getinfo("2").header_offset > 4 * GIB
        assert archive.read("2") == b"behind it"
    unzip_says_it_is_whole(path)
