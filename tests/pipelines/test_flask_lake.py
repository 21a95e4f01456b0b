"""Pipeline 0: a local web page over a lake, of docs/examples/flask-lake, as its user runs it: with keys that may do
just what policy.json says."""
import importlib.util
import io
import json
import pathlib
import re
import sys
import time

import boto3
import lakegated
import markupsafe
import pytest

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs/examples/flask-lake"
BUCKET = "web-lake"


def load():
    spec = importlib.util.spec_from_file_location("flask_lake", EXAMPLE / "app.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where Flask looks for the folder of the templates
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source():
    """A public bucket elsewhere."""
    with lakegated.Lakegated() as server:
        s3 = lakegated.client(server)
        s3.create_bucket(Bucket="storms")
        s3.delete_public_access_block(Bucket="storms")
        s3.put_bucket_policy(Bucket="storms", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::storms/*"},
            {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::storms"}]}))
        for i in range(40):
            s3.put_object(Bucket="storms", Key=f"2024/{i % 4}/image{i}.bin", Body=b"%d" % i * 1000)
        yield server


@pytest.fixture
def server(source):
    allowing = ["--remote-endpoints", source.endpoint, "--remote-addresses", "127.0.0.0/8"]
    with lakegated.Lakegated(arguments=allowing) as server:
        yield server


@pytest.fixture
def session(server):
    """The keys of a user who may do what the example's policy says."""
    lakegated.client(server).create_bucket(Bucket=BUCKET)
    iam = boto3.client("iam", endpoint_url=server.endpoint, region_name=lakegated.REGION,
                       aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY)
    iam.create_user(UserName="web-ui")
    policy = (EXAMPLE / "policy.json").read_text().replace("YOUR_BUCKET_NAME", BUCKET)
    iam.put_user_policy(UserName="web-ui", PolicyName="four-functions", PolicyDocument=policy)
    key = iam.create_access_key(UserName="web-ui")["AccessKey"]
    return boto3.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
                         region_name=lakegated.REGION)


@pytest.fixture
def page(server, session, source):
    app = load().create_app(BUCKET, session, server.endpoint, [], source.endpoint)
    return app.test_client()


def token_of(page):
    return re.search(r'name="token" value="([^"]+)"', page.get("/").text)[1]


def test_files_are_uploaded_viewed_and_downloaded(page, server):
    odd = 'a<img src=x onerror="alert(1)"> ä&%2F+.csv'
    content = b"id,event\n1,hail\n" * 600_000  # in several parts
    answer = page.post("/upload", data={"token": token_of(page), "prefix": "raw/", "file": [
        (io.BytesIO(content), "storms.csv"), (io.BytesIO(b"x"), "tmp/win.txt")]})
    assert answer.status_code == 302
    lakegated.client(server).put_object(Bucket=BUCKET, Key="raw/" + odd, Body=b"odd")
    shown = page.get("/?prefix=raw/").text
    assert "2 uploaded" in shown and "9,600,000" in shown and "win.txt" in shown and "tmp" not in shown
    assert "<img" not in shown and str(markupsafe.escape(odd)) in shown
    assert ">raw/</a>" in page.get("/").text
    found = page.get("/download", query_string={"key": "raw/storms.csv"})
    assert found.data == content
    assert found.headers["Content-Disposition"] == "attachment; filename*=UTF-8''storms.csv"
    assert page.get("/download", query_string={"key": "raw/" + odd}).data == b"odd"


def test_a_public_data_set_is_copied_by_a_job(page, server):
    answer = page.post("/copy", data={"token": token_of(page), "source": "s3://storms/2024/", "prefix": "imagery/"})
    assert answer.status_code == 302
    s3 = lakegated.client(server)
    for _ in range(600):
        shown = page.get("/?prefix=imagery/").text
        if "<td>done</td>" in shown:
            break
        time.sleep(0.05)
    assert "40 of 40, 0 failed" in shown
    keys = {entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert keys == {f"imagery/{i % 4}/image{i}.bin" for i in range(40)}
    job = re.search(r'name="job" value="([^"]+)"', shown)[1]
    assert page.post("/cancel", data={"token": token_of(page), "job": job}).status_code == 302
    assert "40 of 40" not in page.get("/").text


def test_a_linked_data_set_is_copied_by_boto3_alone(server, session, source):
    module = load()
    root = boto3.Session(aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY,
                         region_name=lakegated.REGION)
    module.Jobs(root, server.endpoint).call("POST", "/-/links", {
        "name": "public-storms", "source": "s3://storms", "endpoint_url": source.endpoint})
    page = module.create_app(BUCKET, root, server.endpoint, ["s3://public-storms/2024/0/"]).test_client()
    token = token_of(page)
    answer = page.post("/copy", data={"token": token, "source": "s3://public-storms/2024/0/", "prefix": "", "here": "1"})
    assert answer.status_code == 302
    assert "10 objects copied" in page.get("/").text
    assert lakegated.client(server).get_object(Bucket=BUCKET, Key="image4.bin")["Body"].read() == b"4" * 1000
    other = page.post("/copy", data={"token": token, "source": "s3://other/", "prefix": "", "here": "1"})
    assert other.status_code == 403


def test_only_its_own_forms_are_taken_and_refusals_are_told(page):
    assert page.post("/copy", data={"source": "s3://storms/", "prefix": ""}).status_code == 403
    assert page.post("/copy", data={"token": token_of(page), "source": "storms", "prefix": ""}).status_code == 400
    gone = page.get("/download", query_string={"key": "gone"})
    assert gone.status_code == 502 and "NoSuchKey" in gone.text
