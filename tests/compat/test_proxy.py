"""Behind a real nginx, below a path of its own: `path_prefix` and `public_url`. The proxy passes path and Host as they
came, since both are signed."""
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from conftest import content, refused

import lakegated

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
PREFIX = "/lake/s3"
CONFIG = """
daemon off; master_process off; worker_processes 1; error_log {folder}/error.log; pid {folder}/pid;
events {{ worker_connections 64; }}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        location {prefix} {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
            proxy_set_header Host $http_host; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""


class Proxied:
    def __init__(self, url, server):
        self.url, self.server = url, server

    def client(self, service="s3", **config):
        return boto3.client(
            service, endpoint_url=self.url, region_name=lakegated.REGION, aws_access_key_id=lakegated.ACCESS_KEY,
            aws_secret_access_key=lakegated.SECRET_KEY,
            config=Config(retries={"max_attempts": 0}, **({"s3": {"addressing_style": "path"}, **config} if service == "s3" else config)))


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("nginx"), lakegated.free_port()
    url = f"http://127.0.0.1:{port}{PREFIX}"
    arguments = ["--path-prefix", PREFIX, "--public-url", url, "--trusted-proxies", "127.0.0.1", "--console-host", ""]
    with lakegated.Lakegated(arguments=arguments) as server:
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, backend=server.port, prefix=PREFIX))
        nginx = subprocess.Popen([NGINX, "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"], stderr=subprocess.PIPE)
        try:
            for _ in range(500):
                try:
                    urllib.request.urlopen(f"{url}/-/health/ready", timeout=10).close()
                    break
                except urllib.error.HTTPError:
                    raise
                except OSError:
                    assert nginx.poll() is None, nginx.stderr.read()
                    try:
                        nginx.wait(0.02)
                    except subprocess.TimeoutExpired:
                        pass
            yield Proxied(url, server)
        finally:
            nginx.terminate()
            nginx.wait(20)


@pytest.fixture
def s3(proxied):
    return proxied.client()


@pytest.fixture
def bucket(s3):
    name = f"proxied-{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}-{os.urandom(4).hex()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.mark.parametrize("key", ["plain", "a/b c/é+%2F?#&=", "lake/s3/inside", "-/console/index.html", "//double//", "dir/", "~.-_"])
def test_objects(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"through the proxy")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"through the proxy"
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key=key)


def test_a_bucket_with_the_prefixs_name(s3):
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="s3/k", Body=b"x")
    assert s3.get_object(Bucket="lake", Key="s3/k")["Body"].read() == b"x"


def test_multipart_and_its_location(proxied, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a b")["UploadId"]
    body = content(6 << 20)
    parts = [s3.upload_part(Bucket=bucket, Key="a b", UploadId=upload, PartNumber=n + 1, Body=piece)["ETag"]
             for n, piece in enumerate((body[:5 << 20], body[5 << 20:]))]
    done = s3.complete_multipart_upload(Bucket=bucket, Key="a b", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": n + 1, "ETag": etag} for n, etag in enumerate(parts)]})
    assert done["Location"] == f"{proxied.url}/{bucket}/a%20b"
    assert s3.get_object(Bucket=bucket, Key="a b")["Body"].read() == body


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned(proxied, s3, bucket, version):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"for a browser")
    client = boto3.client("s3", endpoint_url=proxied.url, region_name=lakegated.REGION, aws_access_key_id=lakegated.ACCESS_KEY,
                          aws_secret_access_key=lakegated.SECRET_KEY, config=Config(signature_version=version, s3={"addressing_style": "path"}))
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"})
    assert url.startswith(proxied.url)
    with urllib.request.urlopen(url, timeout=30) as reply:
        assert reply.read() == b"for a browser"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.replace("a%20b", "a%20c"), timeout=30)


def test_a_form_tells_where_it_is(proxied, s3, bucket):
    form = s3.generate_presigned_post(bucket, "form key")
    fields = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form["fields"].items())
    body = f'{fields}--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--x--\r\n'.encode()
    request = urllib.request.Request(form["url"], body, {"Content-Type": "multipart/form-data; boundary=x"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 204 and reply.headers["Location"] == f"{proxied.url}/{bucket}/form%20key"
    assert s3.get_object(Bucket=bucket, Key="form key")["Body"].read() == b"hello"


def test_iam_and_sts(proxied):
    iam = proxied.client("iam")
    iam.create_user(UserName="behind-a-proxy")
    assert "behind-a-proxy" in [user["UserName"] for user in iam.list_users()["Users"]]
    assert proxied.client("sts").get_caller_identity()["Account"]


def test_signatures_cover_the_prefix(proxied, s3, bucket):
    """Signed for another path below the same host is not signed for this one."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    direct = boto3.client("s3", endpoint_url=proxied.url.removesuffix(PREFIX), region_name=lakegated.REGION,
                          aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY,
                          config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    url = direct.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    moved = url.replace(proxied.url.removesuffix(PREFIX), proxied.url)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(moved, timeout=30)


def test_the_console(proxied):
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(f"{proxied.url}/", headers={"Accept": "text/html"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.build_opener(Stay).open(request, timeout=30)
    if raised.value.code == 403:
        pytest.skip("built without the console")
    assert raised.value.code == 302 and raised.value.headers["Location"] == f"{PREFIX}/-/console/"
    with urllib.request.urlopen(f"{proxied.url}/-/console/", timeout=30) as reply:
        page = reply.read().decode()
    asset = re.search(r'src="\./(assets/[^"]+\.js)"', page)[1]
    assert urllib.request.urlopen(f"{proxied.url}/-/console/{asset}", timeout=30).status == 200
    with urllib.request.urlopen(f"{proxied.url}/-/console/config.json", timeout=30) as reply:
        config = json.load(reply)
    assert config["public_url"] == proxied.url and config["path_prefix"] == PREFIX


def test_a_large_body_streams_both_ways(s3, bucket):
    body = content(9 << 20, seed=7)
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body
    assert s3.get_object(Bucket=bucket, Key="large", Range="bytes=1000000-1000009")["Body"].read() == body[1000000:1000010]
