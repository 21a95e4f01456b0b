"""rclone with its S3 backend set to "Other"."""
import json

import pytest

import lakegated
from conftest import Client, content, find_program, new_name


@pytest.fixture
def rclone(server, tmp_path):
    config = tmp_path / "rclone.conf"
    config.write_text(
        f"[lake]\ntype = s3\nprovider = Other\naccess_key_id = {lakegated.ACCESS_KEY}\nsecret_access_key = {lakegated.SECRET_KEY}\n"
        f"endpoint = {server.endpoint}\nregion = us-east-1\nforce_path_style = true\n"
    )
    return Client(find_program("rclone"), {"HOME": str(tmp_path)}, ["--config", str(config), "--retries", "1", "--low-level-retries", "1"])


@pytest.fixture
def remote(rclone):
    name = f"lake:{new_name('rclone')}"
    rclone.run("mkdir", name)
    return name


FILES = {"one": b"1", "sub/two": b"22", "sub/deep/ü + %25": content(70_000), "empty": b"", "big": content(12 << 20)}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_sync_and_check(rclone, remote, source, tmp_path):
    rclone.run("sync", source, f"{remote}/tree", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M")
    rclone.run("check", source, f"{remote}/tree")
    rclone.run("check", "--download", source, f"{remote}/tree")
    rclone.run("sync", f"{remote}/tree", tmp_path / "back")
    assert {str(p.relative_to(tmp_path / "back")): p.read_bytes() for p in (tmp_path / "back").rglob("*") if p.is_file()} == FILES
    # modification times are kept in x-amz-meta-mtime, so a second run transfers nothing
    rclone.run("sync", "-v", source, f"{remote}/tree")
    assert "Copied" not in rclone.stderr and "nothing to transfer" in rclone.stderr
    (source / "one").unlink()
    (source / "sub/two").write_bytes(b"changed")
    rclone.run("sync", source, f"{remote}/tree")
    rclone.run("check", source, f"{remote}/tree")


def test_copy_lsjson_delete(rclone, remote, source):
    rclone.run("copy", source / "one", f"{remote}/a")
    rclone.run("copyto", f"{remote}/a/one", f"{remote}/b/copied")  # on the server
    listed = {e["Path"]: e for e in json.loads(rclone.run("lsjson", "-R", "--hash", remote))}
    assert {p for p, e in listed.items() if not e["IsDir"]} == {"a/one", "b/copied"}
    assert listed["a/one"]["Hashes"]["md5"] == "c4ca4238a0b923820dcc509a6f75849b"
    assert rclone.run("cat", f"{remote}/b/copied") == "1"
    rclone.run("touch", f"{remote}/b/copied")  # a copy onto itself with REPLACE
    rclone.run("moveto", f"{remote}/b/copied", f"{remote}/c/moved")
    assert rclone.run("lsf", f"{remote}/b").strip() == ""
    rclone.run("deletefile", f"{remote}/c/moved")
    rclone.run("deletefile", f"{remote}/c/moved", code=(1, 3, 4))
    rclone.run("purge", remote)
    assert remote.split(":")[1] not in rclone.run("lsd", "lake:")


def test_rcat_and_size(rclone, remote):
    rclone.run("rcat", f"{remote}/streamed", input=content(300_000))
    rclone.run("cat", f"{remote}/streamed")
    assert rclone.stdout_bytes == content(300_000)
    size = json.loads(rclone.run("size", "--json", remote))
    assert (size["count"], size["bytes"]) == (1, 300_000)
    assert "streamed" in rclone.run("md5sum", remote)
