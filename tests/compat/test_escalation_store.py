"""Ways by which somebody might get at buckets and objects that the policies do not give: each must fail."""
import io
import json
import urllib.error
import urllib.request

import pytest
import requests

import lakegated
from conftest import cannot, content, new_name, refused
from iam import ACCOUNT, ALL_OF_S3, MAY_ASSUME, assume, make_role, make_user, only, policy, send, trust


def status_of(method, url, body=None):
    return requests.request(method, url, data=body).status_code


# ---- the store ----


def test_copy_from_a_bucket_that_may_not_be_read(server, bucket, secret):
    user = make_user(server, only(bucket))
    cannot(user.s3.copy_object, Bucket=bucket, Key="stolen", CopySource=f"{secret}/k")
    upload = user.s3.create_multipart_upload(Bucket=bucket, Key="stolen")["UploadId"]
    cannot(user.s3.upload_part_copy, Bucket=bucket, Key="stolen", UploadId=upload, PartNumber=1, CopySource=f"{secret}/k")
    # What is not there looks the same as what may not be read.
    cannot(user.s3.copy_object, Bucket=bucket, Key="stolen", CopySource=f"{secret}/none")
    assert "Contents" not in user.s3.list_objects_v2(Bucket=bucket)


def test_version_of_an_object_that_may_not_be_read(server, bucket, s3):
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"old").get("VersionId", "null")
    user = make_user(server, only(bucket, "s3:GetObject", "s3:PutObject"))
    user.s3.get_object(Bucket=bucket, Key="k")
    cannot(user.s3.get_object, Bucket=bucket, Key="k", VersionId=version)
    cannot(user.s3.copy_object, Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k", "VersionId": version})
    cannot(user.s3.delete_object, Bucket=bucket, Key="k", VersionId=version)


def test_upload_of_somebody_else(server, bucket, s3):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="theirs/x")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="theirs/x", UploadId=upload, PartNumber=1, Body=b"theirs")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    user = make_user(server, policy(("Allow", "s3:*", f"arn:aws:s3:::{bucket}/mine/*")))
    for key in ("theirs/x", "mine/x"):
        expected = refused("AccessDenied", 403) if key == "theirs/x" else refused("NoSuchUpload", 404)
        with expected:
            user.s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)
        with refused("AccessDenied", 403) if key == "theirs/x" else refused("NoSuchUpload", 404):
            user.s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"mine")
        with refused("AccessDenied", 403) if key == "theirs/x" else refused("NoSuchUpload", 404):
            user.s3.list_parts(Bucket=bucket, Key=key, UploadId=upload)
        with refused("AccessDenied", 403) if key == "theirs/x" else refused("NoSuchUpload", 404):
            user.s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    s3.complete_multipart_upload(Bucket=bucket, Key="theirs/x", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="theirs/x")["Body"].read() == b"theirs"


def test_presigned_urls_of_a_disabled_key(server, iam, bucket, s3):
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    user = make_user(server, ALL_OF_S3)
    get = user.s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, 3600)
    put = user.s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"}, 3600)
    assert urllib.request.urlopen(get).read() == b"content"

    def refuses(url, method="GET", body=None):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(url, data=body, method=method))
        return caught.value.code == 403

    iam.update_access_key(UserName=user.name, AccessKeyId=user.keys[0], Status="Inactive")
    assert refuses(get) and refuses(put, "PUT", b"changed")
    iam.update_access_key(UserName=user.name, AccessKeyId=user.keys[0], Status="Active")
    assert urllib.request.urlopen(get).read() == b"content"
    iam.delete_user_policy(UserName=user.name, PolicyName="allowed")
    assert refuses(get) and refuses(put, "PUT", b"changed")
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys[0])
    assert refuses(get)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"


def test_deny_is_met_on_every_way_to_an_object(server, bucket, s3):
    s3.put_object(Bucket=bucket, Key="closed/k", Body=b"1")
    user = make_user(server, policy(("Allow", "s3:*", "*"), ("Deny", "s3:*", f"arn:aws:s3:::{bucket}/closed/*")))
    for call in (
        lambda: user.s3.get_object(Bucket=bucket, Key="closed/k"),
        lambda: user.s3.get_object_attributes(Bucket=bucket, Key="closed/k", ObjectAttributes=["ETag"]),
        lambda: user.s3.copy_object(Bucket=bucket, Key="open", CopySource=f"{bucket}/closed/k"),
        lambda: user.s3.copy_object(Bucket=bucket, Key="closed/new", CopySource=f"{bucket}/closed/k"),
        lambda: user.s3.put_object(Bucket=bucket, Key="closed/k", Body=b"2"),
        lambda: user.s3.delete_object(Bucket=bucket, Key="closed/k"),
        lambda: user.s3.create_multipart_upload(Bucket=bucket, Key="closed/k"),
    ):
        cannot(call)
    reply = user.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "closed/k"}, {"Key": "none"}]})
    assert [e["Code"] for e in reply["Errors"]] == ["AccessDenied"] and reply["Errors"][0]["Key"] == "closed/k"
    with pytest.raises(user.s3.exceptions.ClientError) as caught:
        user.s3.head_object(Bucket=bucket, Key="closed/k")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert s3.get_object(Bucket=bucket, Key="closed/k")["Body"].read() == b"1"


@pytest.mark.parametrize("key", ["closed//k", "./closed/k", "closed/../closed/k", "Closed/k", "closed%2Fk", "closed/k/"])
def test_other_spellings_are_other_keys(server, bucket, s3, key):
    """Nothing normalizes a key behind the policy's back."""
    s3.put_object(Bucket=bucket, Key="closed/k", Body=b"secret")
    user = make_user(server, policy(("Allow", "s3:*", "*"), ("Deny", "s3:GetObject", f"arn:aws:s3:::{bucket}/closed/k")))
    with refused("NoSuchKey", 404):
        user.s3.get_object(Bucket=bucket, Key=key)
    cannot(user.s3.get_object, Bucket=bucket, Key="closed/k")


def test_wildcards_in_keys_and_variables(server, bucket, s3):
    """A user's name is compared as it is: "*" in it would be a name that IAM refuses, and in a session's name, too."""
    s3.put_object(Bucket=bucket, Key="home/anna/k", Body=b"1")
    role = make_role(server, allowed=policy(("Allow", "s3:GetObject", f"arn:aws:s3:::{bucket}/home/${{aws:PrincipalTag/name}}/*")),
                     trusted=trust({"AWS": ACCOUNT}, actions=["sts:AssumeRole", "sts:TagSession"]))
    user = make_user(server, MAY_ASSUME)
    assume(user, role, Tags=[{"Key": "name", "Value": "anna"}]).s3.get_object(Bucket=bucket, Key="home/anna/k")
    cannot(assume(user, role, Tags=[{"Key": "name", "Value": "berta"}]).s3.get_object, Bucket=bucket, Key="home/anna/k")
    cannot(assume(user, role, Tags=[{"Key": "name", "Value": ""}]).s3.get_object, Bucket=bucket, Key="home/anna/k")
    cannot(assume(user, role).s3.get_object, Bucket=bucket, Key="home/anna/k")
    with pytest.raises(user.sts.exceptions.ClientError):  # neither "*" nor "?" is in a tag's alphabet
        assume(user, role, Tags=[{"Key": "name", "Value": "*"}])


def test_bucket_policy_is_not_the_users_to_write(server, bucket, secret):
    user = make_user(server, only(bucket))
    text = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": "s3:*", "Resource": [f"arn:aws:s3:::{secret}", f"arn:aws:s3:::{secret}/*"]}]})
    cannot(user.s3.put_bucket_policy, Bucket=secret, Policy=text)
    with refused("MalformedPolicy", 400):
        user.s3.put_bucket_policy(Bucket=bucket, Policy=text)
    cannot(user.s3.get_object, Bucket=secret, Key="k")
    cannot(user.s3.put_object_acl, Bucket=secret, Key="k", ACL="bucket-owner-full-control")
    cannot(user.s3.put_bucket_acl, Bucket=secret, ACL="public-read-write")


def test_acl_with_a_put_is_a_right_of_its_own(server, s3):
    """Who may write objects, but not their ACLs, cannot make them public while writing."""
    name = new_name("acls")
    s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerPreferred")
    s3.delete_public_access_block(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"secret")
    user = make_user(server, only(name, "s3:PutObject", "s3:GetObject"))
    user.s3.put_object(Bucket=name, Key="plain", Body=b"")
    for options in ({"ACL": "public-read"}, {"GrantRead": "uri=http://acs.amazonaws.com/groups/global/AllUsers"}):
        cannot(user.s3.put_object, Bucket=name, Key="mine", Body=b"", **options)
        cannot(user.s3.copy_object, Bucket=name, Key="mine", CopySource=f"{name}/k", **options)
        cannot(user.s3.create_multipart_upload, Bucket=name, Key="mine", **options)
        cannot(user.s3.put_object_acl, Bucket=name, Key="k", **options)
        cannot(user.s3.put_bucket_acl, Bucket=name, **options)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.endpoint}/{name}/k")
    assert caught.value.code == 403


def test_version_in_the_url_of_a_write_turns_its_rights_into_others(server, s3):
    """s3:PutObjectVersionAcl is no right to give a new object an ACL, nor s3:GetObjectVersion one to ask what is there."""
    bucket = new_name("versions")
    s3.create_bucket(Bucket=bucket, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=bucket)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"secret")["ETag"]
    user = make_user(server, policy(("Allow", "s3:*", "*"), ("Deny", ["s3:PutObjectAcl", "s3:GetObject", "s3:PutObjectTagging"], "*")))
    for method, path, headers in (
        ("PUT", f"/{bucket}/new", {"x-amz-acl": "public-read"}),
        ("PUT", f"/{bucket}/new", {"x-amz-tagging": "a=b"}),
        ("POST", f"/{bucket}/new?uploads", {"x-amz-acl": "public-read"}),
        ("PUT", f"/{bucket}/k", {"If-Match": etag}),
        ("PUT", f"/{bucket}/k", {"If-Match": '"0"'}),
    ):
        for version in ("", "versionId=null"):
            url = path + (("&" if "?" in path else "?") + version if version else "")
            status, answer = send(server, method, url, user.keys, b"x", headers)
            assert status == 403 and b"<Code>AccessDenied<" in answer, (url, headers, status, answer)


def test_batch_of_deletes_asks_for_the_version_that_its_condition_looks_at(server, bucket, s3):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    user = make_user(server, policy(("Allow", "s3:*", "*"), ("Deny", "s3:GetObjectVersion", "*")))
    for etag in ('"0cc175b9c0f1b6a831c399e269772661"', put["ETag"]):
        entry = {"Key": "k", "VersionId": "null", "ETag": etag}
        reply = user.s3.delete_objects(Bucket=bucket, Delete={"Objects": [entry]})
        assert [error["Code"] for error in reply["Errors"]] == ["AccessDenied"]


def test_batch_of_deletes_has_its_conditions_in_its_body_alone(server, bucket, s3):
    # A policy that lets nothing be deleted without If-Match: a header that DeleteObjects does not look at is none.
    objects = f"arn:aws:s3:::{bucket}/*"
    user = make_user(server, policy(("Allow", "s3:DeleteObject", objects, {"Null": {"s3:if-match": "false"}}), ("Allow", "s3:GetObject", objects)))
    etag = [s3.put_object(Bucket=bucket, Key=key, Body=b"x")["ETag"] for key in ("a", "b")][0]
    user.s3.meta.events.register("before-sign.s3.DeleteObjects", lambda request, **_: request.headers.add_header("If-Match", etag))
    answer = user.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b", "ETag": etag}]})
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("a", "AccessDenied")], answer
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["b"]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a"]


def test_presigned_url_of_version_2_is_told_from_one_of_version_4(server, bucket, s3):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    objects = f"arn:aws:s3:::{bucket}/*"
    user = make_user(server, policy(("Allow", "s3:*", "*"), ("Deny", "s3:GetObject", objects, {"StringEquals": {"s3:signatureversion": "AWS"}})))
    for version, expected in (("s3v4", 200), ("s3", 403)):
        client = lakegated.connect(server, "s3", user.keys, signature_version=version)
        url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
        assert ("AWSAccessKeyId" in url) == (version == "s3")
        assert status_of("GET", url) == expected, version


def test_what_a_presigned_url_asks_of_a_new_bucket_is_done_or_refused(server, s3):
    """The policy sees the query's x-amz-*, so the bucket must be made by it."""
    client = lakegated.client(server, signature_version="s3")
    name = new_name("owned")
    url = client.generate_presigned_url("create_bucket", {"Bucket": name, "ObjectOwnership": "ObjectWriter"})
    assert "x-amz-object-ownership=" in url
    assert status_of("PUT", url) == 200
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "ObjectWriter"}]
    name = new_name("locked")
    url = client.generate_presigned_url("create_bucket", {"Bucket": name, "ObjectLockEnabledForBucket": True})
    assert "x-amz-bucket-object-lock-enabled=" in url
    assert status_of("PUT", url) == 501
    assert name not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_tags_of_a_bucket_are_seen_before_they_are_set(server, bucket, s3):
    """Which tags somebody may give a bucket or take from it is for policies to say, wherever the request has them."""
    path = f"/v20180820/tags/arn%3Aaws%3As3%3A%3A%3A{bucket}"
    actions = ["s3:TagResource", "s3:UntagResource", "s3:CreateBucket"]
    sealed = {"ForAnyValue:StringEquals": {"aws:TagKeys": "sealed"}}
    user = make_user(server, policy(("Allow", "s3:*", "*"), ("Deny", actions, "*", sealed)))
    lake = {"StringEquals": {"aws:RequestTag/team": "lake"}}
    allowed = make_user(server, policy(("Allow", ["s3:TagResource", "s3:CreateBucket"], "*", lake)))

    def tag(someone, key, value):
        text = f"<TagResourceRequest><Tags><Tag><Key>{key}</Key><Value>{value}</Value></Tag></Tags></TagResourceRequest>"
        return send(server, "POST", path, someone.keys, text.encode())[0]

    def create(someone, key, value):
        text = f"<CreateBucketConfiguration><Tags><Tag><Key>{key}</Key><Value>{value}</Value></Tag></Tags></CreateBucketConfiguration>"
        return send(server, "PUT", "/" + new_name("tagged"), someone.keys, text.encode())[0]

    assert send(server, "POST", path, body=b"<TagResourceRequest><Tags><Tag><Key>sealed</Key><Value>1</Value></Tag></Tags></TagResourceRequest>")[0] == 204
    assert (tag(user, "sealed", "2"), tag(user, "team", "x")) == (403, 204)
    assert (create(user, "sealed", "2"), create(user, "team", "x")) == (403, 200)
    assert (tag(allowed, "team", "other"), tag(allowed, "team", "lake")) == (403, 204)
    assert (create(allowed, "team", "other"), create(allowed, "team", "lake")) == (403, 200)
    assert send(server, "DELETE", path + "?tagKeys=team&tagKeys=sealed", user.keys)[0] == 403
    assert send(server, "DELETE", path + "?tagKeys=team", user.keys)[0] == 204
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "sealed", "Value": "1"}]
    assert send(server, "PUT", "/" + new_name("tagged"), allowed.keys)[0] == 403


def test_copy_job_lists_under_its_prefixes(server, bucket, s3):
    """Its listings have the prefixes of its body, whatever stands in the URL."""
    s3.put_object(Bucket=bucket, Key="home/k", Body=b"x")
    target = new_name("target")
    s3.create_bucket(Bucket=target)
    with_jobs = ("Allow", ["lakegate:*", "s3:GetObject", "s3:PutObject"], "*")
    inside = {"StringLike": {"s3:prefix": "home/*"}}
    allowed = make_user(server, policy(with_jobs, ("Allow", "s3:ListBucket", "*", inside)))
    denied = make_user(server, policy(with_jobs, ("Allow", "s3:*", "*"), ("Deny", "s3:ListBucket", "*", {"StringLike": {"s3:prefix": "secret/*"}})))

    def create(someone, source, destination):
        job = {"source": {"bucket": bucket, "prefix": source, "endpoint": "local"}, "destination": {"bucket": target, "prefix": destination}}
        return send(server, "POST", "/-/copies", someone.keys, json.dumps(job).encode())[0]

    assert create(allowed, "home/", "home/copy/") == 201
    assert create(allowed, "secret/", "home/copy/") == 403
    assert create(allowed, "home/", "") == 403
    assert create(denied, "home/", "other/") == 201
    assert create(denied, "secret/", "home/copy/") == 403
    assert create(denied, "home/", "secret/") == 403


def test_hash_of_a_body_that_nothing_compares_is_no_signed_body(server, bucket, s3):
    """Who must sign bodies is not believed a parameter that is no part of the signature's, nor a form's field."""
    objects = f"arn:aws:s3:::{bucket}/*"
    unsigned = {"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}}
    user = make_user(server, policy(("Allow", "s3:*", "*"), ("Deny", "s3:PutObject", objects, unsigned)))
    user.s3.put_object(Bucket=bucket, Key="signed", Body=b"x")
    client = lakegated.connect(server, "s3", user.keys, signature_version="s3v4")
    url = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    assert status_of("PUT", url, b"x") == 403
    signed_key = policy(("Allow", "s3:PutObject", objects, {"StringLike": {"s3:x-amz-content-sha256": "e3b0c4*"}}))
    user = make_user(server, signed_key)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    client = lakegated.connect(server, "s3", user.keys, signature_version="s3v4")
    client.meta.events.register("before-sign.s3.PutObject", lambda request, **_: request.params.update({"x-amz-content-sha256": empty}))
    url = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    assert "x-amz-content-sha256" in url
    assert status_of("PUT", url, b"x") == 403
    field = {"x-amz-content-sha256": empty}
    post = client.generate_presigned_post(bucket, "k", Fields=field, Conditions=[field])
    assert requests.post(post["url"], data=post["fields"], files={"file": b"x"}).status_code == 403
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["signed"]


def test_form_with_a_copys_source_is_no_copy(server, bucket, s3):
    s3.put_object(Bucket=bucket, Key="public/k", Body=b"x")
    objects = f"arn:aws:s3:::{bucket}/*"
    user = make_user(server, policy(
        ("Allow", "s3:GetObject", objects), ("Allow", "s3:PutObject", objects, {"StringLike": {"s3:x-amz-copy-source": f"{bucket}/public/*"}})))
    user.s3.copy_object(Bucket=bucket, Key="copied", CopySource=f"{bucket}/public/k")
    field = {"x-amz-copy-source": f"{bucket}/public/k"}
    post = user.s3.generate_presigned_post(bucket, "mine", Fields=field, Conditions=[field])
    assert requests.post(post["url"], data=post["fields"], files={"file": b"mine"}).status_code == 403
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["copied", "public/k"]


def test_streams_are_checked_before_they_are_read(server, bucket, secret):
    user = make_user(server, only(bucket))
    with pytest.raises(Exception) as caught:
        user.s3.upload_fileobj(io.BytesIO(content(12_000_000)), secret, "large")
    assert "AccessDenied" in str(caught.value)
    cannot(user.s3.list_multipart_uploads, Bucket=secret)


# ---- zones ----


def test_zone_tag_is_not_a_users_to_set(server, bucket):
    """The tag is a shorthand for a zones document, so it needs lakegate:PutBucketZones, too."""
    user = make_user(server, only(bucket, "s3:PutBucketTagging", "s3:GetBucketTagging"))
    other, zone = {"Key": "team", "Value": "lake"}, {"Key": "lakegate:zone", "Value": "raw"}
    cannot(user.s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": [zone]})
    cannot(user.s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": [other, zone]})
    user.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [other]})
    lakegated.client(server).put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [zone]})
    cannot(user.s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": [other]})  # it would take the zone away
    cannot(user.s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": [{**zone, "Value": "refined"}]})
    cannot(user.s3.delete_bucket_tagging, Bucket=bucket)
    assert user.s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [zone]


def test_lineage_of_a_source_that_may_not_be_read(server, bucket, secret):
    user = make_user(server, only(bucket))

    def declare(request, **_):
        request.headers["x-lakegate-source"] = f"/{secret}/k"

    cannot(user.s3.put_object, Bucket=bucket, Key="derived", Body=b"x", Metadata={"lakegate-source": f"/{secret}/k"})
    user.s3.meta.events.register("before-sign.s3.PutObject", declare)
    cannot(user.s3.put_object, Bucket=bucket, Key="derived", Body=b"x")


def test_duplicate_under_a_prefix_that_may_not_be_listed_is_not_named(server, bucket, s3):
    zones = {"Version": "2026-11-01", "Zones": [{"Name": "all", "Prefix": "", "Duplicates": "flag"}]}
    assert send(server, "PUT", f"/{bucket}?lakegate-zones", body=json.dumps(zones).encode())[0] == 204
    for key in ("secret/k", "open/k"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    user = make_user(server, policy(
        ("Allow", ["s3:ListBucket", "s3:PutObject"], "*"), ("Allow", "s3:GetObject", f"arn:aws:s3:::{bucket}/copy/*"),
        ("Deny", "s3:ListBucket", "*", {"StringLike": {"s3:prefix": "secret/*"}})))

    def told(key):
        user.s3.put_object(Bucket=bucket, Key=f"copy/of/{key}", Body=key.encode())
        reply = user.s3.head_object(Bucket=bucket, Key=f"copy/of/{key}")
        return reply["ResponseMetadata"]["HTTPHeaders"].get("x-lakegate-duplicate-of")

    assert (told("open/k"), told("secret/k")) == ("open/k", None)


def test_zone_of_a_key_is_not_told_to_a_preflight(server, bucket, s3):
    zones = {"Version": "2026-11-01", "Zones": [{"Name": "merger", "Prefix": "merger/"}]}
    assert send(server, "PUT", f"/{bucket}?lakegate-zones", body=json.dumps(zones).encode())[0] == 204
    ask = {"Origin": "http://site.example", "Access-Control-Request-Method": "GET"}
    rules = [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]
    for status in (403, 200):
        request = urllib.request.Request(f"{server.endpoint}/{bucket}/merger/a", method="OPTIONS", headers=ask)
        try:
            reply = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            reply = error
        assert (reply.status, reply.headers["x-lakegate-zone"]) == (status, None)
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def test_policies_that_look_as_if_they_were_not_public(server, bucket, s3):
    """What holds for everybody is public, by whichever words; the block must not be talked round."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    off = dict.fromkeys(("BlockPublicPolicy", "BlockPublicAcls", "IgnorePublicAcls", "RestrictPublicBuckets"), False)
    kms = "x-amz-server-side-encryption-aws-kms-key-id"
    for condition in (
        {"StringEquals": {"aws:userid": "anonymous"}},
        {"StringEquals": {"aws:PrincipalAccount": "anonymous"}},
        {"StringEqualsIgnoreCase": {"aws:userid": "ANONYMOUS"}},
        {"StringEquals": {f"s3:{kms}": "key"}},
        {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-12345678"}},
        {"StringEquals": {"aws:PrincipalArn": "${aws:PrincipalArn, 'nobody'}"}},
    ):
        text = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": condition}
        put = lambda: s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [text]}))  # noqa: E731
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**off, "BlockPublicPolicy": True})
        cannot(put)
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**off, "RestrictPublicBuckets": True})
        put()
        for headers in ({}, {kms: "key"}):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/{bucket}/k", headers=headers))


def test_missing_keys_are_not_told_past_a_deny(server, s3):
    """A bucket that everybody may list by its ACL, but for what its policy denies."""
    bucket = new_name("listed")
    s3.create_bucket(Bucket=bucket, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_object(Bucket=bucket, Key="secret/there", Body=b"x")

    def status(key):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.endpoint}/{bucket}/{key}")
        return caught.value.code

    assert (status("secret/there"), status("secret/nope")) == (403, 404)
    for action, resource in (("s3:GetObject", f"{bucket}/secret/*"), ("s3:ListBucket", bucket)):
        text = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{resource}"}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [text]}))
        assert (status("secret/there"), status("secret/nope")) == (403, 403), action
