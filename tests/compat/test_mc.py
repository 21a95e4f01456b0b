"""The MinIO client, as those who come from there know it."""
import json
import os

import pytest

import lakegated
from conftest import Client, content, find_program, make_mc, new_name


@pytest.fixture
def mc(server, tmp_path):
    return make_mc(server, tmp_path)


@pytest.fixture
def mc_bucket(mc):
    name = f"lake/{new_name('mc')}"
    mc.run("mb", name)
    return name


def rows(printed):
    return [json.loads(line) for line in printed.splitlines()]


def make_tree(folder):
    files = {"one.txt": b"1", "sub/two.txt": b"22", "sub/deep/three ü.txt": content(70_000), "sub/a+b %.bin": content(20 << 20)}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


def read_tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_alias_with_wrong_keys(mc, server):
    mc.run("alias", "set", "bad", server.endpoint, lakegated.ACCESS_KEY, "wrong-secret-key", code=1)
    listed = rows(mc.run("--json", "alias", "list", "lake"))
    assert listed[0]["api"].lower() == "s3v4"


def test_mb_and_rb(mc, mc_bucket):
    assert mc_bucket.split("/")[1] in mc.run("ls", "lake")
    mc.run("mb", mc_bucket, code=1)
    mc.run("mb", "--ignore-existing", mc_bucket)
    mc.run("pipe", f"{mc_bucket}/k", input=b"x")
    mc.run("rb", mc_bucket, code=1)
    mc.run("rb", "--force", mc_bucket)
    assert mc_bucket.split("/")[1] not in mc.run("ls", "lake")


def test_cp_cat_head_stat(mc, mc_bucket, tmp_path):
    source = tmp_path / "a file.txt"
    source.write_bytes(b"".join(b"line %d\n" % i for i in range(100)))
    mc.run("cp", "--attr", "Cache-Control=max-age=9;kind=raw", source, f"{mc_bucket}/folder/a file.txt")
    mc.run("cat", f"{mc_bucket}/folder/a file.txt")
    assert mc.stdout_bytes == source.read_bytes()
    assert mc.run("head", "-n", "2", f"{mc_bucket}/folder/a file.txt") == "line 0\nline 1\n"
    stat = rows(mc.run("--json", "stat", f"{mc_bucket}/folder/a file.txt"))[0]
    assert stat["size"] == source.stat().st_size
    metadata = {k.lower(): v for k, v in stat["metadata"].items()}
    assert (metadata["cache-control"], metadata["x-amz-meta-kind"]) == ("max-age=9", "raw")
    back = tmp_path / "back"
    mc.run("cp", f"{mc_bucket}/folder/a file.txt", back)
    assert back.read_bytes() == source.read_bytes()
    mc.run("stat", f"{mc_bucket}/missing", code=1)
    mc.run("stat", mc_bucket)


def test_cp_of_a_big_file(mc, mc_bucket, tmp_path):
    source, back = tmp_path / "big", tmp_path / "back"
    source.write_bytes(content(70 << 20))
    mc.run("cp", source, f"{mc_bucket}/big")
    mc.run("cp", f"{mc_bucket}/big", f"{mc_bucket}/copy")
    mc.run("cp", f"{mc_bucket}/copy", back)
    assert back.read_bytes() == source.read_bytes()


def test_pipe(mc, mc_bucket):
    data = content(20 << 20)
    mc.run("pipe", f"{mc_bucket}/piped", input=data)
    mc.run("cat", f"{mc_bucket}/piped")
    assert mc.stdout_bytes == data


def test_mirror_and_diff(mc, mc_bucket, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    files = make_tree(source)
    mc.run("mirror", source, f"{mc_bucket}/tree")
    assert mc.run("diff", source, f"{mc_bucket}/tree") == ""
    mc.run("mirror", f"{mc_bucket}/tree", back)
    assert read_tree(back) == files
    (source / "one.txt").unlink()
    (source / "new").write_bytes(b"new")
    assert {os.path.basename(r["first"] or r["second"]) for r in rows(mc.run("--json", "diff", source, f"{mc_bucket}/tree"))} == {"one.txt", "new"}
    mc.run("mirror", "--remove", "--overwrite", source, f"{mc_bucket}/tree")
    assert mc.run("diff", source, f"{mc_bucket}/tree") == ""


def test_ls_find_du_tree(mc, mc_bucket, tmp_path):
    files = make_tree(tmp_path / "source")
    mc.run("cp", "--recursive", str(tmp_path / "source") + "/", mc_bucket)
    assert {r["key"] for r in rows(mc.run("--json", "ls", "--recursive", mc_bucket))} == set(files)
    assert {r["key"] for r in rows(mc.run("--json", "ls", mc_bucket))} == {"one.txt", "sub/"}
    found = mc.run("find", mc_bucket, "--name", "*.txt").splitlines()
    assert {f.split("/", 2)[2] for f in found} == {n for n in files if n.endswith(".txt")}
    assert mc.run("find", mc_bucket, "--larger", "1MB").strip().endswith("a+b %.bin")
    usage = rows(mc.run("--json", "du", mc_bucket))[-1]
    assert (usage["size"], usage["objects"]) == (sum(map(len, files.values())), len(files))
    tree = mc.run("tree", "--files", mc_bucket)
    assert "deep" in tree and "three ü.txt" in tree
    assert len(rows(mc.run("--json", "ls", "--recursive", "--versions", mc_bucket))) == len(files)


def test_mv_and_rm(mc, mc_bucket, tmp_path):
    make_tree(tmp_path / "source")
    mc.run("cp", "--recursive", str(tmp_path / "source") + "/", f"{mc_bucket}/tree/")
    mc.run("mv", f"{mc_bucket}/tree/one.txt", f"{mc_bucket}/moved.txt")
    mc.run("cat", f"{mc_bucket}/moved.txt")
    assert mc.stdout_bytes == b"1"
    mc.run("stat", f"{mc_bucket}/tree/one.txt", code=1)
    mc.run("rm", f"{mc_bucket}/moved.txt")
    mc.run("rm", "--recursive", "--force", f"{mc_bucket}/tree")
    assert mc.run("ls", "--recursive", mc_bucket) == ""


def test_incomplete_uploads(mc, mc_bucket, s3):
    bucket = mc_bucket.split("/")[1]
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="half")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="half", UploadId=upload_id, PartNumber=1, Body=b"x")
    assert "half" in mc.run("ls", "--incomplete", mc_bucket)
    mc.run("rm", "--incomplete", "--recursive", "--force", mc_bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_share(mc, mc_bucket):
    curl = Client(find_program("curl"))
    mc.run("pipe", f"{mc_bucket}/a b", input=b"shared")
    url = rows(mc.run("--json", "share", "download", "--expire", "1h", f"{mc_bucket}/a b"))[0]["share"]
    assert curl.run("-sf", url) == "shared"
    assert "a%20b" in mc.run("share", "list", "download")


def test_what_is_not_there_yet_says_so(mc, mc_bucket):
    """A clear refusal, and never a hang or a success that did nothing."""
    for command in (("info", "lake"), ("user", "ls", "lake"), ("user", "add", "lake", "anna", "secret-of-anna"), ("policy", "ls", "lake")):
        mc.run("admin", *command, code=1)
        assert "This is no MinIO server" in mc.stderr + mc.stdout_bytes.decode(), command
    mc.run("version", "enable", mc_bucket, code=1)
    assert "not implemented" in (mc.stderr + mc.stdout_bytes.decode()).lower()
