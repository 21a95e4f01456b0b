"""Sharing without a key of one's own: presigned forms, ACLs and cross-origin requests, by the clients that people have."""
import re

import pytest
import requests
from botocore.exceptions import ClientError

import lakegated
from conftest import Client, _start, content, find_program, new_name, refused
from test_mc import mc, mc_bucket, rows  # noqa: F401

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture(scope="module")
def legacy():
    """A server on which new buckets have ACLs and no public access block, as AWS's had before 2023."""
    with _start(environment={"LAKEGATE_NEW_BUCKETS": "legacy"}) as server:
        yield server


@pytest.fixture
def shop(legacy):
    """A client and a bucket of that server."""
    s3, name = lakegated.client(legacy), new_name("legacy")
    s3.create_bucket(Bucket=name)
    return s3, name


def test_presigned_post_of_boto3(s3, bucket):
    presigned = s3.generate_presigned_post(
        bucket, "form/${filename}", Fields={"Content-Type": "text/csv", "x-amz-meta-from": "boto3", "success_action_status": "201"},
        Conditions=[["starts-with", "$Content-Type", "text/"], {"x-amz-meta-from": "boto3"}, {"success_action_status": "201"},
                    ["content-length-range", 1, 1000]], ExpiresIn=60)
    reply = requests.post(presigned["url"], data=presigned["fields"], files={"file": ("data.csv", b"a,b\n")})
    assert reply.status_code == 201, reply.text
    assert re.search(r"<Key>([^<]*)</Key>", reply.text).group(1) == "form/data.csv"
    head = s3.head_object(Bucket=bucket, Key="form/data.csv")
    assert (head["ContentType"], head["Metadata"], head["ContentLength"]) == ("text/csv", {"from": "boto3"}, 4)
    reply = requests.post(presigned["url"], data=presigned["fields"], files={"file": ("big.csv", b"x" * 1001)})
    assert (reply.status_code, "<Code>EntityTooLarge</Code>" in reply.text) == (400, True)
    reply = requests.post(presigned["url"], data={**presigned["fields"], "x-amz-meta-from": "me"}, files={"file": ("data.csv", b"a")})
    assert (reply.status_code, "Policy Condition failed" in reply.text) == (403, True)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["form/data.csv"]


def test_curl_posts_a_form(s3, bucket, tmp_path):
    curl = Client(find_program("curl"))
    data = content(3 << 20)
    (tmp_path / "a b.bin").write_bytes(data)
    presigned = s3.generate_presigned_post(bucket, "curl/${filename}", Conditions=[{"success_action_redirect": "http://site.example/ok"}],
                                           Fields={"success_action_redirect": "http://site.example/ok"})
    fields = [argument for name, value in presigned["fields"].items() for argument in ("-F", f"{name}={value}")]
    printed = curl.run("-s", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", *fields, "-F", f"file=@{tmp_path}/a b.bin", presigned["url"])
    assert printed.startswith("303 http://site.example/ok?bucket=") and "key=curl%2Fa%20b.bin" in printed
    assert s3.get_object(Bucket=bucket, Key="curl/a b.bin")["Body"].read() == data


def test_mc_share_upload(mc, mc_bucket, s3, tmp_path):  # noqa: F811
    curl = Client(find_program("curl"))
    (tmp_path / "f.txt").write_bytes(b"shared")
    for arguments, key in (([f"{mc_bucket}/up/one"], "up/one"), (["--recursive", f"{mc_bucket}/many/"], "many/f.txt")):
        command = rows(mc.run("--json", "share", "upload", "--expire", "1h", *arguments))[0]["share"]
        url, *parts = command.removeprefix("curl ").split(" -F ")
        fields = [part.strip().replace("<FILE>", f"{tmp_path}/f.txt").replace("<NAME>", "f.txt") for part in parts]
        curl.run("-sSf", *(argument for field in fields for argument in ("-F", field)), url.strip())
        assert s3.get_object(Bucket=mc_bucket.split("/")[1], Key=key)["Body"].read() == b"shared"


def test_an_anonymous_form(legacy, shop):
    s3, bucket = shop
    url = f"{legacy.endpoint}/{bucket}"
    form = {"key": "drop/${filename}", "acl": "public-read"}
    assert requests.post(url, data=form, files={"file": ("a", b"x")}).status_code == 403
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    assert requests.post(url, data=form, files={"file": ("a", b"x")}).status_code == 204
    assert requests.get(f"{url}/drop/a").content == b"x"
    owner = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]
    assert owner["ID"] == "65a011a29cdf8ec533ec3d1ccaae921c"


def test_acls_of_boto3(legacy, shop):
    s3, bucket = shop
    url = f"{legacy.endpoint}/{bucket}"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "b"})
    assert requests.get(f"{url}/k").status_code == 403
    acl = s3.get_object_acl(Bucket=bucket, Key="k")
    acl["Grants"].append({"Grantee": {"Type": "Group", "URI": ALL_USERS}, "Permission": "READ"})
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy={"Owner": acl["Owner"], "Grants": acl["Grants"]})
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"] == acl["Grants"]
    reply = requests.get(f"{url}/k")
    assert (reply.content, reply.headers["x-amz-meta-a"]) == (b"x", "b")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    assert requests.get(f"{url}/k").status_code == 403
    s3.put_bucket_acl(Bucket=bucket, GrantRead=f'uri="{ALL_USERS}"')
    assert requests.get(url).status_code == 200
    with refused("AccessDenied", 403):
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True})
        assert requests.get(url).status_code == 403
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")


def test_ownership_controls_of_boto3(s3, bucket):
    controls = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert controls == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    with refused("AccessControlListNotSupported", 400):
        s3.put_object_acl(Bucket=bucket, Key=s3.put_object(Bucket=bucket, Key="k", Body=b"") and "k", ACL="public-read")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]})
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert requests.get(f"{s3.meta.endpoint_url}/{bucket}/k").status_code == 200
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    with refused("OwnershipControlsNotFoundError", 404):
        s3.get_bucket_ownership_controls(Bucket=bucket)
    name = new_name("owned")
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    with pytest.raises(ClientError, match="InvalidBucketAclWithBlockPublicAccessError"):
        s3.create_bucket(Bucket=new_name("open"), ObjectOwnership="ObjectWriter", ACL="public-read")
    with pytest.raises(ClientError, match="InvalidBucketAclWithObjectOwnership"):
        s3.create_bucket(Bucket=new_name("open"), ACL="public-read")


def test_cors_of_boto3(s3, bucket):
    rules = [{"ID": "app", "AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"],
              "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]
    with refused("NoSuchCORSConfiguration", 404):
        s3.get_bucket_cors(Bucket=bucket)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == rules
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    origin = {"Origin": "https://app.example.com"}
    asked = requests.options(url, headers={**origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"})
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"], asked.headers["Access-Control-Max-Age"]) == (200, origin["Origin"], "60")
    put = requests.put(url, data=b"x", headers=origin)
    assert (put.status_code, put.headers["Access-Control-Expose-Headers"]) == (200, "ETag")
    s3.delete_bucket_cors(Bucket=bucket)
    assert requests.options(url, headers={**origin, "Access-Control-Request-Method": "PUT"}).status_code == 403


def test_s3cmd_sets_acls(legacy, shop, tmp_path):
    s3, bucket = shop
    config = tmp_path / "s3cfg"
    config.write_text(f"[default]\naccess_key = {lakegated.ACCESS_KEY}\nsecret_key = {lakegated.SECRET_KEY}\nhost_base = 127.0.0.1:{legacy.port}\n"
                      f"host_bucket = 127.0.0.1:{legacy.port}\nuse_https = False\n")
    s3cmd = Client(find_program("s3cmd"), arguments=["-c", config])
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3cmd.run("setacl", "--acl-public", f"s3://{bucket}/k")
    assert requests.get(f"{legacy.endpoint}/{bucket}/k").content == b"x"
    assert "*anon*: READ" in s3cmd.run("info", f"s3://{bucket}/k")
    s3cmd.run("setacl", "--acl-private", f"s3://{bucket}/k")
    assert requests.get(f"{legacy.endpoint}/{bucket}/k").status_code == 403
    s3cmd.run("put", "--acl-public", config, f"s3://{bucket}/put")
    assert requests.get(f"{legacy.endpoint}/{bucket}/put").status_code == 200
