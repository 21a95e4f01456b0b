"""Accounts, keys and the key of the secrets, as their owners use them: boto3, presigned URLs, the command."""
import json
import pathlib
import re
import urllib.error
import urllib.request

import pytest

import iam
import lakegated
from conftest import Client, new_name, refused


@pytest.fixture
def own(tmp_path):
    """A daemon that a test may stop, and whose key it may change."""
    with lakegated.Lakegated(data=tmp_path / "data") as server:
        yield server


def command(server, access_key=lakegated.ACCESS_KEY, secret_key=lakegated.SECRET_KEY):
    return Client(lakegated.program("lakegate"), {
        "LAKEGATE_ROOT_ACCESS_KEY": access_key, "LAKEGATE_ROOT_SECRET_KEY": secret_key,
        "LAKEGATE_ENDPOINT_URL": server.endpoint})


def add_account(server, name):
    made = json.loads(command(server).run("account", "add", name, "--json"))
    return made["id"], (made["access_key"], made["secret_key"])


def status_of(url):
    try:
        return urllib.request.urlopen(url, timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code, re.search(rb"<Code>(\w+)</Code>", error.read()).group(1).decode()


def test_two_accounts_are_two_worlds(own):
    number, keys = add_account(own, "Müller & Co")
    theirs, ours = lakegated.connect(own, "s3", keys), lakegated.connect(own, "s3")
    bucket = new_name()
    theirs.create_bucket(Bucket=bucket)
    theirs.put_object(Bucket=bucket, Key="k", Body=b"x")
    listed = theirs.list_buckets()
    assert [b["Name"] for b in listed["Buckets"]] == [bucket]
    assert listed["Owner"]["DisplayName"] == "Müller & Co" and len(listed["Owner"]["ID"]) == 64
    assert ours.list_buckets()["Buckets"] == []
    with refused("AccessDenied", 403):  # root of another account
        ours.get_object(Bucket=bucket, Key="k")
    assert lakegated.connect(own, "sts", keys).get_caller_identity() | {"ResponseMetadata": 0} == {
        "UserId": number, "Account": number, "Arn": f"arn:aws:iam::{number}:root", "ResponseMetadata": 0}
    their_iam = lakegated.connect(own, "iam", keys)
    their_iam.create_user(UserName="anna")
    lakegated.connect(own, "iam").create_user(UserName="anna")  # a name of each
    assert len(their_iam.list_users()["Users"]) == 1
    # It has no system actions, and is removed only when it owns nothing.
    command(own, *keys).run("account", "list", code=3)
    lakegate = command(own)
    lakegate.run("account", "remove", number, code=3)
    theirs.delete_object(Bucket=bucket, Key="k")
    theirs.delete_bucket(Bucket=bucket)
    lakegate.run("account", "remove", number, code=3)
    their_iam.delete_user(UserName="anna")
    lakegate.run("account", "remove", number)
    with refused("InvalidAccessKeyId", 403):
        theirs.list_buckets()
    assert number not in lakegate.run("account", "list")


def test_who_may_administer_accounts(own):
    """An identity of the first account with lakegate:*, not one that has all of S3."""
    may = iam.make_user(own, iam.policy(("Allow", "lakegate:*Account*", "*")))
    may_not = iam.make_user(own, iam.ALL_OF_S3)
    assert "000000000001" in command(own, *may.keys[:2]).run("account", "list")
    command(own, *may_not.keys[:2]).run("account", "list", code=3)
    command(own, *may.keys[:2]).run("secrets", "rotate", code=3)
    number, keys = add_account(own, "other")
    admin = iam.make_user(own, iam.policy(("Allow", "*", "*")))
    command(own, *admin.keys[:2]).run("account", "remove", number)


def test_usage(own):
    lakegate = command(own)
    assert "usage:" in lakegate.run("account", "--help")
    for wrong in (["account"], ["account", "add"], ["account", "remove", "12"], ["account", "list", "x"], ["secrets"]):
        lakegate.run(*wrong, code=2)
    lakegate.run("account", "add", "root", code=3)
    lakegate.run("account", "remove", "000000000001", code=3)


def test_presigned_urls_end_with_their_key(server, s3):
    bucket = new_name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    user = iam.make_user(server, iam.ALL_OF_S3)
    root = lakegated.connect(server, "iam")
    url = user.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    key = user.keys[0]
    assert status_of(url) == 200
    root.update_access_key(UserName=user.name, AccessKeyId=key, Status="Inactive")
    assert status_of(url) == (403, "InvalidAccessKeyId")
    root.update_access_key(UserName=user.name, AccessKeyId=key, Status="Active")
    assert status_of(url) == 200
    used = root.get_access_key_last_used(AccessKeyId=key)
    assert used["UserName"] == user.name and used["AccessKeyLastUsed"]["ServiceName"] == "s3"
    root.delete_access_key(UserName=user.name, AccessKeyId=key)
    assert status_of(url) == (403, "InvalidAccessKeyId")


def test_secrets_survive_rotation_and_restarts(own):
    user = iam.make_user(own, iam.policy(("Allow", ["s3:ListAllMyBuckets", "sts:*"], "*")))
    token = user.sts.get_session_token()["Credentials"]
    session = lakegated.connect(own, "s3", (token["AccessKeyId"], token["SecretAccessKey"], token["SessionToken"]))
    ring = pathlib.Path(own.data, "secrets.key")
    assert ring.stat().st_mode & 0o777 == 0o600
    before = ring.read_text()
    assert "1 secrets sealed anew" in command(own).run("secrets", "rotate")
    for _ in range(2):
        user.s3.list_buckets()
        session.list_buckets()  # sealed with the older key, which is still there
        own.stop()
        own.start()
    lines = [line for line in ring.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 2 and lines[0] in before
    log = pathlib.Path(own.log_path).read_text()
    assert user.keys[1] not in log and token["SessionToken"] not in log and lines[1][:64] not in log


def test_root_keys_change_by_a_restart(own):
    """Data, users and their keys stay; the older root keys and what was made with them end."""
    user = iam.make_user(own, iam.ALL_OF_S3)
    root = lakegated.connect(own, "s3")
    root.create_bucket(Bucket="kept")
    root.put_object(Bucket="kept", Key="a", Body=b"a")
    token = lakegated.connect(own, "sts").get_session_token()["Credentials"]
    own.stop()
    keys = ("another-root", "another-secret-of-root")
    own.environment.update(LAKEGATE_ROOT_ACCESS_KEY=keys[0], LAKEGATE_ROOT_SECRET_KEY=keys[1])
    own.start()
    assert lakegated.connect(own, "s3", keys).get_object(Bucket="kept", Key="a")["Body"].read() == b"a"
    assert lakegated.connect(own, "iam", keys).get_user(UserName=user.name)["User"]["UserName"] == user.name
    assert user.s3.get_object(Bucket="kept", Key="a")["Body"].read() == b"a"
    with refused("InvalidAccessKeyId", 403):
        root.list_buckets()
    session = lakegated.connect(own, "s3", (token["AccessKeyId"], token["SecretAccessKey"], token["SessionToken"]))
    with refused("InvalidAccessKeyId", 403):
        session.list_buckets()


def test_another_key_does_not_start(tmp_path):
    with lakegated.Lakegated(data=tmp_path / "data") as server:
        user = iam.make_user(server, iam.ALL_OF_S3)
        ring = pathlib.Path(server.data, "secrets.key").read_text().splitlines()
        own_key = next(line for line in ring if not line.startswith("#")).split()[0]
        server.stop()
        server.environment["LAKEGATE_SECRETS_KEY"] = "ab" * 32
        with pytest.raises(RuntimeError, match="secrets key"):
            server.start()
        server.environment["LAKEGATE_SECRETS_KEY"] = own_key + "," + "ab" * 32
        server.start()
        user.s3.list_buckets()
        assert "1 secrets sealed anew" in command(server).run("secrets", "rotate")
        server.stop()
        server.environment["LAKEGATE_SECRETS_KEY"] = "ab" * 32
        server.start()
        user.s3.list_buckets()
        server.stop()
        server.environment |= {"LAKEGATE_SECRETS_KEY": "cd" * 32, "LAKEGATE_FORGET_SECRETS": "on"}
        server.start()
        with refused("InvalidAccessKeyId", 403):
            user.s3.list_buckets()
        lakegated.connect(server, "iam").create_access_key(UserName=user.name)
