"""curl: its own SigV4, presigned URLs, Expect, public refusals."""
import hashlib
import subprocess

import pytest

import lakegated
from conftest import Client, content, find_program, new_name


@pytest.fixture
def curl(any_server):
    trust = ["--cacert", any_server.tls[2]] if any_server.tls else []
    return Client(find_program("curl"), arguments=["-sS", "--max-time", "60", *trust])


@pytest.fixture
def signed(curl):
    return Client(curl.program, arguments=[*curl.arguments, "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{lakegated.ACCESS_KEY}:{lakegated.SECRET_KEY}"])


def test_signed(signed, any_server, tmp_path):
    """curl signs the body's hash only where it is told one; without it, it sends UNSIGNED-PAYLOAD or nothing."""
    url = f"{any_server.endpoint}/{new_name('curl')}"
    source = tmp_path / "file"
    source.write_bytes(content(300_000))
    assert signed.run("-f", "-X", "PUT", url) == ""
    unsigned = ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    signed.run("-f", *unsigned, "-T", source, f"{url}/k")
    hashed = ["-H", f"x-amz-content-sha256: {hashlib.sha256(source.read_bytes()).hexdigest()}"]
    signed.run("-f", *hashed, "-T", source, f"{url}/k2")
    signed.run("-f", "-T", source, f"{url}/k3")
    for key in ("k", "k2", "k3"):
        signed.run("-f", f"{url}/{key}")
        assert signed.stdout_bytes == source.read_bytes()
    assert "<Key>k2</Key>" in signed.run("-f", url)
    head = signed.run("-f", "-I", f"{url}/k")
    assert "content-length: 300000" in head.lower()
    signed.run("-f", "-X", "DELETE", f"{url}/k")
    assert "<Code>NoSuchKey</Code>" in signed.run(f"{url}/k")


def test_presigned_put_and_get(curl, any_server, tmp_path):
    s3, bucket = lakegated.client(any_server, request_checksum_calculation="when_required"), new_name("curl")
    s3.create_bucket(Bucket=bucket)
    source = tmp_path / "file"
    source.write_bytes(content(3 << 20))
    put = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a b+c"})
    get = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b+c"})
    for arguments in ([], ["-H", "Expect:"], ["-H", "Expect: 100-continue"]):
        curl.run("-f", *arguments, "-T", source, put)
        curl.run("-f", get)
        assert curl.stdout_bytes == source.read_bytes()
    curl.run("-f", "-r", "10-19", get)
    assert curl.stdout_bytes == source.read_bytes()[10:20]
    # of unknown length, which S3 does not take
    assert "<Code>MissingContentLength</Code>" in curl.run("-T", "-", put, input=content(1000))


def test_refused_before_the_body(curl, any_server, tmp_path):
    """Under Expect: 100-continue a refusal comes instead of the go-ahead, and nothing is uploaded."""
    s3, bucket = lakegated.client(any_server, request_checksum_calculation="when_required"), new_name("curl")
    s3.create_bucket(Bucket=bucket)
    source = tmp_path / "file"
    source.write_bytes(content(5 << 20))
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"}).replace("Signature=", "Signature=0")
    written = curl.run("-H", "Expect: 100-continue", "-T", source, "-w", "%{http_code} %{size_upload}", url)
    assert "403 0" in written, written[-200:]
    # without Expect the whole body is taken first, so that the client can read why
    written = curl.run("-H", "Expect:", "-T", source, "-w", "%{http_code} %{size_upload}", url)
    assert written.endswith(f"403 {5 << 20}") and "<Error>" in written, written[-200:]


def test_without_a_signature(curl, any_server):
    assert "<Code>AccessDenied</Code>" in curl.run(any_server.endpoint + "/")
    lakegated.client(any_server).create_bucket(Bucket=(bucket := new_name("curl")))
    assert "<Code>AccessDenied</Code>" in curl.run("-T", "/dev/null", f"{any_server.endpoint}/{bucket}/k")
    assert "<Code>NoSuchBucket</Code>" in curl.run("-T", "/dev/null", any_server.endpoint + "/no-such-bucket/k")


def test_health_and_metrics_over_http(curl, any_server):
    for path in ("/-/health/live", "/-/health/ready", "/minio/health/live"):
        assert curl.run("-o", "/dev/null", "-w", "%{http_code}", any_server.endpoint + path) == "200"
    assert "# TYPE " in curl.run("-f", any_server.endpoint + "/-/metrics")


def test_hundred_parallel_downloads(server, s3, bucket, tmp_path):
    data = content(1 << 20)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    config = tmp_path / "urls"
    config.write_text("".join(f'url = "{url}"\noutput = "{tmp_path}/{i}"\n' for i in range(100)))
    subprocess.run([find_program("curl"), "-sSf", "--parallel", "--parallel-max", "50", "--max-time", "60", "-K", config], check=True)
    assert all((tmp_path / str(i)).read_bytes() == data for i in range(100))
