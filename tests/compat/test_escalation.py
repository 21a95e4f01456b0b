"""Ways by which somebody might get more than the policies give: each is tried, and each must fail."""
import io
import json
import sys
import threading
import urllib.error
import urllib.request

import pytest

import lakegated

sys.path.append(str(lakegated.ROOT / "tests" / "http"))
import sigv4  # noqa: E402
from conftest import cannot, content, new_name, refused
from iam import (
    ACCOUNT, ALL_OF_S3, ANY, MAY_ASSUME, TRUST_ACCOUNT, Someone, assume, keys_of, make_account, make_member, make_policy, make_role,
    make_user, only, policy, send, trust, unique,
)

# ---- sessions ----


def test_session_policy_adds_nothing_along_a_chain(server, secret, bucket):
    narrow = make_role(server, allowed=policy(("Allow", "sts:AssumeRole", "*"), ("Allow", "s3:*", f"arn:aws:s3:::{bucket}/*")))
    session = assume(make_user(server, MAY_ASSUME), narrow, Policy=ANY)
    cannot(session.s3.get_object, Bucket=secret, Key="k")
    again = assume(session, narrow, Policy=ANY, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}])
    cannot(again.s3.get_object, Bucket=secret, Key="k")
    cannot(again.iam.create_user, UserName=unique("evil"))


def test_narrowed_session_cannot_get_an_unnarrowed_one(server, secret):
    """A session policy without sts:AssumeRole holds for assuming the same role again, too."""
    role = make_role(server, allowed=ANY)
    session = assume(make_user(server, MAY_ASSUME), role, Policy=policy(("Allow", "s3:ListAllMyBuckets", "*")))
    session.s3.list_buckets()
    cannot(session.s3.get_object, Bucket=secret, Key="k")
    cannot(assume, session, role)
    cannot(session.iam.create_access_key, UserName="root")


def test_role_cannot_assume_itself_without_being_trusted(server):
    user = make_user(server)
    role = make_role(server, trust({"AWS": user.arn}), allowed=ANY)
    session = assume(user, role)
    cannot(assume, session, role)


def test_federated_user_is_not_its_maker(server, iam, secret):
    maker = make_user(server, ANY)
    made = maker.sts.get_federation_token(Name="guest", Policy=policy(("Allow", "s3:ListAllMyBuckets", "*")))
    guest = Someone(server, "guest", None, keys_of(made))
    guest.s3.list_buckets()
    cannot(guest.s3.get_object, Bucket=secret, Key="k")
    cannot(guest.s3.put_bucket_policy, Bucket=secret, Policy="{}")
    for call in (guest.sts.get_session_token, lambda: guest.sts.get_federation_token(Name="other", Policy=ANY)):
        cannot(call)
    for call in (guest.iam.list_users, lambda: guest.iam.create_access_key(UserName=maker.name)):
        with refused("InvalidClientTokenId", 403):
            call()


def test_token_of_a_user_makes_no_lasting_keys(server):
    user = make_user(server, ANY)
    session = Someone(server, user.name, user.arn, keys_of(user.sts.get_session_token()))
    with refused("InvalidClientTokenId", 403):
        session.iam.create_access_key()
    with refused("InvalidClientTokenId", 403):
        session.iam.put_user_policy(UserName=user.name, PolicyName="more", PolicyDocument=ANY)


def test_session_ends_with_the_key_that_made_it(server, iam, bucket):
    user = make_user(server, ALL_OF_S3)
    session = Someone(server, user.name, user.arn, keys_of(user.sts.get_session_token()))
    session.s3.list_objects_v2(Bucket=bucket)
    iam.update_access_key(UserName=user.name, AccessKeyId=user.keys[0], Status="Inactive")
    with pytest.raises(session.s3.exceptions.ClientError) as caught:
        session.s3.list_objects_v2(Bucket=bucket)
    assert caught.value.response["Error"]["Code"] in ("InvalidAccessKeyId", "InvalidToken", "AccessDenied")


def test_tags_are_no_way_in(server, secret):
    """A role that is allowed by aws:PrincipalTag: who may not pass tags cannot bring the tag along."""
    tagged = policy(("Allow", "s3:*", "*", {"StringEquals": {"aws:PrincipalTag/clearance": "high"}}))
    role = make_role(server, TRUST_ACCOUNT, tagged)
    user = make_user(server, MAY_ASSUME)
    with refused("AccessDenied", 403):
        assume(user, role, Tags=[{"Key": "clearance", "Value": "high"}])
    cannot(assume(user, role).s3.get_object, Bucket=secret, Key="k")
    # A user's own tags are set by who may call TagUser, not by the user.
    other = make_user(server, tagged, Tags=[{"Key": "clearance", "Value": "low"}])
    cannot(other.s3.get_object, Bucket=secret, Key="k")
    cannot(other.iam.tag_user, UserName=other.name, Tags=[{"Key": "clearance", "Value": "high"}])


def test_role_of_the_same_name_in_another_path(server):
    """Policies name roles with their path; another path is another ARN."""
    role = make_role(server, Path="/trusted/", allowed=ANY)
    user = make_user(server, policy(("Allow", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/open/*")))
    cannot(assume, user, role)
    cannot(assume, user, {"Arn": role["Arn"].replace("/trusted/", "/open/")})


# ---- IAM itself ----


def test_users_without_rights_change_nothing(server, iam):
    user, other, role = make_user(server, ALL_OF_S3), make_user(server, ANY), make_role(server, allowed=ANY)
    arn = make_policy(server, ALL_OF_S3)
    iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    group = unique("admins")
    iam.create_group(GroupName=group)
    mine = user.iam
    for call in (
        lambda: mine.create_access_key(UserName=other.name),
        lambda: mine.create_access_key(),
        lambda: mine.put_user_policy(UserName=user.name, PolicyName="more", PolicyDocument=ANY),
        lambda: mine.attach_user_policy(UserName=user.name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
        lambda: mine.create_policy_version(PolicyArn=arn, PolicyDocument=ANY, SetAsDefault=True),
        lambda: mine.set_default_policy_version(PolicyArn=arn, VersionId="v1"),
        lambda: mine.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=trust({"AWS": user.arn})),
        lambda: mine.add_user_to_group(GroupName=group, UserName=user.name),
        lambda: mine.update_user(UserName=user.name, NewUserName="root"),
        lambda: mine.delete_user_permissions_boundary(UserName=user.name),
        lambda: mine.create_role(RoleName=unique("mine"), AssumeRolePolicyDocument=trust({"AWS": user.arn})),
        lambda: mine.put_role_policy(RoleName=role["RoleName"], PolicyName="x", PolicyDocument=ANY),
        lambda: mine.get_account_authorization_details(),
        lambda: mine.simulate_principal_policy(PolicySourceArn=other.arn, ActionNames=["s3:GetObject"]),
    ):
        with refused("AccessDenied", 403):
            call()


def test_administrator_within_a_boundary(server, iam, secret):
    """The delegation of AWS's guide: users may be made, but only with the boundary, and it stays."""
    boundary = make_policy(server, policy(("Allow", ["iam:*", "s3:ListAllMyBuckets"], "*")))
    other = make_policy(server, ANY)
    with_it = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    admin = make_user(
        server,
        policy(
            ("Allow", ["iam:CreateUser", "iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:PutUserPermissionsBoundary"], "*", with_it),
            ("Allow", ["iam:CreateAccessKey", "iam:GetUser"], "*"),
        ),
    )
    name = unique("made")
    cannot(admin.iam.create_user, UserName=name)
    cannot(admin.iam.create_user, UserName=name, PermissionsBoundary=other)
    admin.iam.create_user(UserName=name, PermissionsBoundary=boundary)
    admin.iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    admin.iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=ANY)
    key = admin.iam.create_access_key(UserName=name)["AccessKey"]
    made = Someone(server, name, None, (key["AccessKeyId"], key["SecretAccessKey"]))
    made.s3.list_buckets()
    cannot(made.s3.get_object, Bucket=secret, Key="k")
    # Neither can the boundary be taken away or changed, nor others be touched that have none.
    cannot(admin.iam.put_user_permissions_boundary, UserName=name, PermissionsBoundary=other)
    cannot(admin.iam.delete_user_permissions_boundary, UserName=name)
    victim = make_user(server)
    cannot(admin.iam.put_user_policy, UserName=victim.name, PolicyName="all", PolicyDocument=ANY)
    cannot(admin.iam.attach_user_policy, UserName=victim.name, PolicyArn=other)
    cannot(admin.iam.put_user_policy, UserName=admin.name, PolicyName="all", PolicyDocument=ANY)


def test_names_in_another_case_are_no_way_round_a_deny(server, iam):
    """Users and policies are found in any case, or in just one; never is a policy asked about another spelling."""
    admin_policy = make_policy(server, ANY)
    victim, role = make_user(server, prefix="Victim"), make_role(server, prefix="Victim")
    user = make_user(server, policy(
        ("Allow", ["iam:*", "sts:*"], "*"), ("Deny", "*", [victim.arn, role["Arn"], admin_policy]),
        ("Deny", "iam:*", "*", {"ArnEquals": {"iam:PolicyARN": [admin_policy, "arn:aws:iam::aws:policy/AdministratorAccess"]}}),
    ))
    for name in (victim.name, victim.name.lower(), victim.name.upper()):
        cannot(user.iam.create_access_key, UserName=name)
        cannot(user.iam.put_user_policy, UserName=name, PolicyName="x", PolicyDocument=ANY)
    for name in (role["RoleName"].lower(), role["RoleName"].upper()):
        cannot(user.iam.update_assume_role_policy, RoleName=name, PolicyDocument=TRUST_ACCOUNT)
        cannot(assume, user, {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}"})
    other = make_user(server)
    for arn in (admin_policy, "arn:aws:iam::aws:policy/AdministratorAccess"):
        cannot(user.iam.attach_user_policy, UserName=other.name, PolicyArn=arn)
        for spelling in (arn.replace("policy/p", "policy/P"), arn.replace("policy/A", "policy/a"), arn.upper(), arn + "/"):
            if spelling != arn:
                with pytest.raises(user.iam.exceptions.ClientError):
                    user.iam.attach_user_policy(UserName=other.name, PolicyArn=spelling)
                with pytest.raises(user.iam.exceptions.ClientError):
                    user.iam.create_policy_version(PolicyArn=spelling, PolicyDocument=ANY)
    assert iam.list_attached_user_policies(UserName=other.name)["AttachedPolicies"] == []


def test_tags_at_creation_are_tags(server):
    """Who may make users but not tag them cannot make a tagged one."""
    admin = make_user(server, policy(("Allow", ["iam:CreateUser", "iam:CreateRole", "iam:CreatePolicy"], "*")))
    tags = [{"Key": "clearance", "Value": "high"}]
    cannot(admin.iam.create_user, UserName=unique("tagged"), Tags=tags)
    cannot(admin.iam.create_role, RoleName=unique("tagged"), AssumeRolePolicyDocument=TRUST_ACCOUNT, Tags=tags)
    cannot(admin.iam.create_policy, PolicyName=unique("tagged"), PolicyDocument=ANY, Tags=tags)
    admin.iam.create_user(UserName=unique("plain"))
    federating = make_user(server, policy(("Allow", "sts:GetFederationToken", "*")))
    federating.sts.get_federation_token(Name="guest")
    cannot(federating.sts.get_federation_token, Name="guest", Tags=tags)


def test_condition_on_what_is_attached(server, secret):
    admin = make_user(server, policy(
        ("Allow", "iam:AttachUserPolicy", "*", {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}})
    ))
    cannot(admin.iam.attach_user_policy, UserName=admin.name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    admin.iam.attach_user_policy(UserName=admin.name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    admin.s3.get_object(Bucket=secret, Key="k")
    cannot(admin.s3.put_object, Bucket=secret, Key="k", Body=b"")


def test_user_made_anew_has_nothing_of_the_old(server, iam, secret):
    old = make_user(server)
    role = make_role(server, trust({"AWS": old.arn}))
    assume(old, role)
    iam.delete_access_key(UserName=old.name, AccessKeyId=old.keys[0])
    iam.delete_user(UserName=old.name)
    iam.create_user(UserName=old.name)
    key = iam.create_access_key(UserName=old.name)["AccessKey"]
    new = Someone(server, old.name, old.arn, (key["AccessKeyId"], key["SecretAccessKey"]))
    cannot(assume, new, role)


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


def test_streams_are_checked_before_they_are_read(server, bucket, secret):
    user = make_user(server, only(bucket))
    with pytest.raises(Exception) as caught:
        user.s3.upload_fileobj(io.BytesIO(content(12_000_000)), secret, "large")
    assert "AccessDenied" in str(caught.value)
    cannot(user.s3.list_multipart_uploads, Bucket=secret)


# ---- signatures ----


def test_signatures_that_do_not_cover_the_action(server, iam):
    """Of version 2, and of unsigned payloads, who holds a URL could choose the action: IAM takes neither."""
    host, form, name = f"127.0.0.1:{server.port}", "Action=CreateUser&Version=2010-05-08&UserName=", unique("evil")

    def send_raw(method, target, body=None):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        request = urllib.request.Request(server.endpoint + target, data=body, headers=headers, method=method)
        try:
            return urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            return error.code

    url = sigv4.presigned_version_2("GET", "/")
    assert send_raw("GET", url) == 200  # ListBuckets
    assert send_raw("GET", f"{url}&{form}{name}") == 400
    assert send_raw("POST", sigv4.presigned_version_2("POST", "/"), f"{form}{name}".encode()) == 400
    empty = sigv4.sha256(b"")
    for service in ("iam", "sts", "s3"):
        signer = sigv4.Signer(service=service)
        assert send_raw("POST", signer.presigned("POST", "/", host), f"{form}{name}".encode()) in (400, 403)
        assert send_raw("GET", signer.presigned("GET", "/", host, payload=empty) + f"&{form}{name}") in (400, 403)
        assert send_raw("GET", signer.presigned("GET", f"/?{form}{name}", host)) in (400, 403)
        body = f"{form}{name}".encode()
        signed = dict(signer.headers("POST", "/", [("Host", host)], sigv4.sha256(body + b"-other")))
        request = urllib.request.Request(server.endpoint + "/", data=body, headers=signed, method="POST")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code in (400, 403)
    with refused("NoSuchEntity", 404):
        iam.get_user(UserName=name)
    # The same, covered by the signature, is an ordinary call.
    assert send_raw("GET", sigv4.Signer(service="iam").presigned("GET", f"/?{form}{name}", host, payload=empty)) == 200


# ---- at the same time ----


def test_user_deleted_while_its_requests_run(server, iam, bucket):
    """What begins after the deletion was answered is refused; nothing breaks."""
    user = make_user(server, ALL_OF_S3)
    deleted, late, others = threading.Event(), [], []

    def put(number):
        s3 = lakegated.connect(server, "s3", user.keys)
        while True:
            after = deleted.is_set()
            try:
                s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x" * 70_000)
            except s3.exceptions.ClientError as error:
                others.append(error.response["Error"]["Code"])
                return
            if after:
                late.append(number)
                return

    threads = [threading.Thread(target=put, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys[0])
    iam.delete_user_policy(UserName=user.name, PolicyName="allowed")
    iam.delete_user(UserName=user.name)
    deleted.set()
    for thread in threads:
        thread.join()
    assert late == []
    assert set(others) <= {"InvalidAccessKeyId", "AccessDenied"} and len(others) == 6
    lakegated.client(server).put_object(Bucket=bucket, Key="after", Body=b"")


# ---- other accounts ----


@pytest.fixture(scope="module")
def stranger(server):
    """The root of another account."""
    return make_account(server)


def test_root_of_another_account_is_a_stranger(server, stranger, iam, secret):
    user, role, arn = make_user(server, ANY), make_role(server), make_policy(server)
    assert stranger.sts.get_caller_identity()["Account"] == stranger.name
    assert [b["Name"] for b in stranger.s3.list_buckets()["Buckets"]] == []
    cannot(stranger.s3.get_object, Bucket=secret, Key="k")
    cannot(stranger.s3.list_objects_v2, Bucket=secret)
    cannot(stranger.s3.delete_bucket, Bucket=secret)
    cannot(stranger.s3.get_bucket_policy, Bucket=secret)
    cannot(stranger.s3.put_bucket_policy, Bucket=secret, Policy="{}")
    assert user.name not in [u["UserName"] for u in stranger.iam.list_users()["Users"]]
    for call in (
        lambda: stranger.iam.get_user(UserName=user.name),
        lambda: stranger.iam.create_access_key(UserName=user.name),
        lambda: stranger.iam.get_role(RoleName=role["RoleName"]),
        lambda: stranger.iam.get_policy(PolicyArn=arn),
        lambda: stranger.iam.create_policy_version(PolicyArn=arn, PolicyDocument=ANY, SetAsDefault=True),
        lambda: stranger.iam.delete_policy(PolicyArn=arn),
        lambda: stranger.iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys[0]),
        lambda: stranger.iam.simulate_principal_policy(PolicySourceArn=user.arn, ActionNames=["s3:GetObject"]),
    ):
        with refused("NoSuchEntity", 404):
            call()
    for caller in (user.arn, role["Arn"]):
        with refused("InvalidInput", 400):
            stranger.iam.simulate_custom_policy(PolicyInputList=[ANY], ActionNames=["s3:GetObject"], CallerArn=caller)
    found = stranger.iam.get_account_authorization_details()
    assert not any(stranger.name not in i["Arn"] for m in ("UserDetailList", "RoleDetailList", "GroupDetailList") for i in found[m])


def test_policies_of_another_account_are_not_attached(server, stranger):
    theirs = make_policy(server, ANY)
    member = make_member(stranger)
    with refused("NoSuchEntity", 404):
        stranger.iam.attach_user_policy(UserName=member.name, PolicyArn=theirs)
    with refused("NoSuchEntity", 404):
        stranger.iam.put_user_permissions_boundary(UserName=member.name, PermissionsBoundary=theirs)
    with refused("ValidationError", 400):
        stranger.sts.get_federation_token(Name="guest", PolicyArns=[{"arn": theirs}])


def test_system_actions_are_the_first_accounts(server, stranger):
    member = make_member(stranger, ANY)
    user = make_user(server, ALL_OF_S3)
    for someone in (stranger, member, user):
        for method, path in (
            ("GET", "/-/accounts"), ("POST", "/-/accounts?name=mine"), ("DELETE", f"/-/accounts/{stranger.name}"),
            ("POST", "/-/secrets/rotate"),
        ):
            status, answer = send(server, method, path, someone.keys)
            assert status == 403, (path, answer)
    assert send(server, "GET", "/-/accounts", make_user(server, ANY).keys)[0] == 200


@pytest.mark.parametrize(
    "names, allowed, may",
    [
        ("account", MAY_ASSUME, True),
        ("account", None, False),
        ("member", MAY_ASSUME, True),
        ("member", None, False),  # in another account both sides must allow
        ("anyone", MAY_ASSUME, True),
        ("anyone", None, False),
        ("own", MAY_ASSUME, False),
    ],
)
def test_role_of_another_account(server, stranger, secret, names, allowed, may):
    member = make_member(stranger, allowed)
    principal = {"account": stranger.name, "member": member.arn, "anyone": "*", "own": ACCOUNT}[names]
    role = make_role(server, trust({"AWS": principal}), only(secret))
    if not may:
        cannot(assume, member, role)
        return
    session = assume(member, role)
    said = session.sts.get_caller_identity()
    assert said["Account"] == ACCOUNT and f":assumed-role/{role['RoleName']}/" in said["Arn"]
    assert session.s3.get_object(Bucket=secret, Key="k")["Body"].read() == b"secret"
    cannot(stranger.s3.get_object, Bucket=secret, Key="k")
    with refused("AccessDenied", 403):
        stranger.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="root")


def test_bucket_policy_for_another_account(server, stranger, s3, secret):
    """The account is let in: its members need a policy of their own, and get no more than both say."""
    reader, nobody = make_member(stranger, policy(("Allow", "s3:GetObject", "*"))), make_member(stranger)
    s3.delete_public_access_block(Bucket=secret)
    text = {"Effect": "Allow", "Principal": {"AWS": stranger.name}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{secret}/*"}
    s3.put_bucket_policy(Bucket=secret, Policy=json.dumps({"Version": "2012-10-17", "Statement": [text]}))
    assert reader.s3.get_object(Bucket=secret, Key="k")["Body"].read() == b"secret"
    assert stranger.s3.get_object(Bucket=secret, Key="k")["Body"].read() == b"secret"
    cannot(nobody.s3.get_object, Bucket=secret, Key="k")
    cannot(reader.s3.put_object, Bucket=secret, Key="k", Body=b"")
    cannot(reader.s3.list_objects_v2, Bucket=secret)
    text["Principal"] = "*"
    s3.put_bucket_policy(Bucket=secret, Policy=json.dumps({"Version": "2012-10-17", "Statement": [text]}))
    assert urllib.request.urlopen(f"{server.endpoint}/{secret}/k").read() == b"secret"
    cannot(nobody.s3.get_object, Bucket=secret, Key="k")  # signed, and so refused where nobody is let in
    assert make_user(server).s3.get_object(Bucket=secret, Key="k")["Body"].read() == b"secret"


def test_keys_of_an_account_that_is_gone(server):
    account = make_account(server)
    member = make_member(account, ALL_OF_S3)
    session = Someone(server, "s", None, keys_of(member.sts.get_session_token()))
    session.s3.list_buckets()
    account.iam.delete_access_key(UserName=member.name, AccessKeyId=member.keys[0])
    account.iam.delete_user_policy(UserName=member.name, PolicyName="allowed")
    account.iam.delete_user(UserName=member.name)
    assert send(server, "DELETE", f"/-/accounts/{account.name}")[0] == 204
    for someone in (account, member, session):
        with pytest.raises(someone.s3.exceptions.ClientError) as caught:
            someone.s3.list_buckets()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
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


def test_lineage_of_another_accounts_bucket_that_is_gone(server):
    """Whoever takes its name next does not learn what was in it, nor the owner of what was copied there."""
    mine, theirs = make_account(server), make_account(server)
    source, copies = new_name("source"), new_name("copies")
    mine.s3.create_bucket(Bucket=source)
    mine.s3.put_object(Bucket=source, Key="k", Body=content(5000))
    text = {"Effect": "Allow", "Principal": {"AWS": theirs.name}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{source}/*"}
    mine.s3.put_bucket_policy(Bucket=source, Policy=json.dumps({"Version": "2012-10-17", "Statement": [text]}))
    theirs.s3.create_bucket(Bucket=copies)
    theirs.s3.copy_object(Bucket=copies, Key="plans", CopySource=f"{source}/k")

    def derived():
        status, answer = send(server, "GET", f"/{source}/k?lakegate-lineage", mine.keys)
        assert status == 200, answer
        return json.loads(answer)["Derived"]

    def hidden():
        return [set(edge) for edge in derived()] == [{"Id", "Of", "Level", "Kind", "At", "Hidden"}]

    assert hidden()
    theirs.s3.delete_object(Bucket=copies, Key="plans")
    theirs.s3.delete_bucket(Bucket=copies)
    assert hidden()
    mine.s3.create_bucket(Bucket=copies)
    assert hidden()


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
