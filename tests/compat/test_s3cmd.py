"""s3cmd: ListObjects V1, its own signer, multipart, ACL reads."""
import hashlib

import pytest

import lakegated
from conftest import DOMAIN, Client, content, find_program, new_name


@pytest.fixture
def s3cmd(server, tmp_path):
    config = tmp_path / "s3cfg"
    config.write_text(
        f"[default]\naccess_key = {lakegated.ACCESS_KEY}\nsecret_key = {lakegated.SECRET_KEY}\n"
        f"host_base = 127.0.0.1:{server.port}\nhost_bucket = 127.0.0.1:{server.port}\nuse_https = False\n"
        "bucket_location = us-east-1\nsignature_v2 = False\nprogress_meter = False\nmax_retries = 1\n"
    )
    return Client(find_program("s3cmd"), {"LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}, ["-c", str(config)])


@pytest.fixture
def url(s3cmd):
    name = f"s3://{new_name('s3cmd')}"
    s3cmd.run("mb", name)
    return name


def test_put_get_ls_cp_mv_del(s3cmd, url, tmp_path):
    source, back = tmp_path / "a file.txt", tmp_path / "back"
    source.write_bytes(content(50_000))
    s3cmd.run("put", "--add-header=x-amz-meta-kind:raw", "--mime-type=text/x", source, f"{url}/folder/a file.txt")
    assert "50000" in s3cmd.run("ls", f"{url}/folder/")
    assert "DIR" in s3cmd.run("ls", url)
    s3cmd.run("get", f"{url}/folder/a file.txt", back)
    assert back.read_bytes() == source.read_bytes()
    info = s3cmd.run("info", f"{url}/folder/a file.txt")
    assert hashlib.md5(source.read_bytes()).hexdigest() in info and "x-amz-meta-kind" in info and "text/x" in info
    s3cmd.run("cp", f"{url}/folder/a file.txt", f"{url}/copy+ü")
    s3cmd.run("mv", f"{url}/copy+ü", f"{url}/moved")
    s3cmd.run("modify", "--add-header=Cache-Control:no-store", f"{url}/moved")
    assert "moved" in s3cmd.run("ls", url) and "copy" not in s3cmd.run("ls", url)
    assert "100000" in s3cmd.run("du", url)
    s3cmd.run("del", f"{url}/moved")
    s3cmd.run("get", f"{url}/moved", tmp_path / "none", code=64)
    s3cmd.run("rb", url, code=13)
    s3cmd.run("rb", "--recursive", "--force", url)
    assert url not in s3cmd.run("ls")


def test_multipart(s3cmd, url, tmp_path):
    source, back = tmp_path / "big", tmp_path / "back"
    source.write_bytes(content(33 << 20))
    s3cmd.run("put", "--multipart-chunk-size-mb=5", source, f"{url}/big")
    s3cmd.run("get", f"{url}/big", back)
    assert back.read_bytes() == source.read_bytes()
    assert "big" not in s3cmd.run("multipart", url)


def test_sync(s3cmd, url, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    for name in ("one", "sub/two", "sub/ü +&"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(name.encode() * 100)
    back.mkdir()
    s3cmd.run("sync", f"{source}/", f"{url}/tree/")
    assert "upload:" not in s3cmd.run("sync", f"{source}/", f"{url}/tree/")
    s3cmd.run("sync", f"{url}/tree/", f"{back}/")
    for name in ("one", "sub/two", "sub/ü +&"):
        assert (back / name).read_bytes() == name.encode() * 100
    (source / "one").unlink()
    assert "delete:" in s3cmd.run("sync", "--delete-removed", f"{source}/", f"{url}/tree/")
    assert "one" not in s3cmd.run("ls", f"{url}/tree/")



def test_virtual_host_style(server, s3cmd, url, tmp_path):
    """host_bucket with %(bucket)s, through the daemon as a forward proxy, so that no name needs resolving."""
    source = tmp_path / "k"
    source.write_bytes(b"virtual")
    config = tmp_path / "virtual"
    config.write_text(
        f"[default]\naccess_key = {lakegated.ACCESS_KEY}\nsecret_key = {lakegated.SECRET_KEY}\nuse_https = False\n"
        f"host_base = {DOMAIN}\nhost_bucket = %(bucket)s.{DOMAIN}\nproxy_host = 127.0.0.1\nproxy_port = {server.port}\nmax_retries = 1\n"
    )
    virtual = Client(s3cmd.program, s3cmd.environment, ["-c", str(config)])
    virtual.run("put", source, f"{url}/k")
    back = tmp_path / "back"
    s3cmd.run("get", f"{url}/k", back)
    assert back.read_bytes() == b"virtual"
