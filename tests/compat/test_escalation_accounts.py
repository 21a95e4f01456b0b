"""Ways by which another account might get more than it was given: each must fail."""
import json
import urllib.request

import pytest

from conftest import cannot, content, new_name, refused
from iam import (
    ACCOUNT, ALL_OF_S3, ANY, MAY_ASSUME, Someone, assume, keys_of, make_account, make_member, make_policy, make_role,
    make_user, only, policy, send, trust,
)


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
