"""Temporary credentials: who may have them, and with what."""
import datetime
import json
import re

import pytest

import lakegated
from conftest import Client, cannot, new_name, refused
from iam import (
    ACCOUNT, ALL_OF_S3, MAY_ASSUME, Someone, assume, keys_of, make_role, make_user, policy, reads, trust, unique,
    writes,
)


def lifetime_s(credentials):
    return (credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


# ---- AssumeRole ----


def test_assumed_role(server, iam, filled):
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    reply = user.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="etl@night")
    made = reply["Credentials"]
    assert re.fullmatch("ASIA[A-Z2-7]{16}", made["AccessKeyId"]) and len(made["SecretAccessKey"]) == 40
    assert 3500 < lifetime_s(made) <= 3600
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/etl@night"
    assert reply["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:etl@night", "Arn": arn}
    session = Someone(server, "etl", arn, keys_of(reply))
    said = session.sts.get_caller_identity()
    assert (said["Arn"], said["UserId"], said["Account"]) == (arn, f"{role['RoleId']}:etl@night", ACCOUNT)
    reads(session, filled)
    writes(session, filled)
    cannot(reads, user, filled)  # the user's own keys have not become more
    cannot(session.iam.list_users)
    assert iam.get_role(RoleName=role["RoleName"])["Role"].get("RoleLastUsed") is not None


def test_path_of_a_role_is_not_in_its_sessions_arn(server):
    role = make_role(server, Path="/deep/down/")
    session = assume(make_user(server, MAY_ASSUME), role)
    assert session.sts.get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/session"


@pytest.mark.parametrize(
    "trusted, allowed, may",
    [
        # The account delegates: the user's own policy decides.
        ("account", None, False),
        ("account", MAY_ASSUME, True),
        ("root", None, False),
        ("root", MAY_ASSUME, True),
        # Named: no policy of its own is needed in the same account.
        ("user", None, True),
        ("user", policy(("Deny", "sts:AssumeRole", "*")), False),
        # "*" names everybody of the account too.
        ("anyone", None, True),
        # Not named.
        ("other-user", MAY_ASSUME, False),
        ("service", MAY_ASSUME, False),
        ("federated", MAY_ASSUME, False),
        # The user's policy names another role.
        ("account", policy(("Allow", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/other-role")), False),
        ("account", policy(("Allow", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/role-*")), True),
        # AssumeRole is not in s3:*.
        ("account", ALL_OF_S3, False),
    ],
)
def test_who_may_assume(server, trusted, allowed, may):
    user, other = make_user(server, allowed), make_user(server)
    principal = {
        "account": {"AWS": ACCOUNT},
        "root": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "user": {"AWS": [user.arn, other.arn]},
        "anyone": {"AWS": "*"},
        "other-user": {"AWS": other.arn},
        "service": {"Service": "glue.amazonaws.com"},
        "federated": {"Federated": "cognito-identity.amazonaws.com"},
    }[trusted]
    role = make_role(server, trust(principal))
    if may:
        assume(user, role)
    else:
        with refused("AccessDenied", 403) as caught:
            assume(user, role)
        message = caught.response["Error"]["Message"]
        assert f"User: {user.arn} is not authorized to perform: sts:AssumeRole on resource: {role['Arn']}" in message


def test_role_that_does_not_exist_is_refused_alike(server):
    user = make_user(server, MAY_ASSUME)
    arn = f"arn:aws:iam::{ACCOUNT}:role/{unique('none')}"
    with refused("AccessDenied", 403) as caught:
        assume(user, {"Arn": arn})
    assert f"sts:AssumeRole on resource: {arn}" in caught.response["Error"]["Message"]
    real = make_role(server, Path="/real/")
    with refused("AccessDenied", 403):  # the path is part of the name
        assume(user, {"Arn": real["Arn"].replace("/real/", "/")})


def test_root_assumes_no_role(server):
    with refused("AccessDenied", 403) as caught:
        lakegated.connect(server, "sts").assume_role(RoleArn=make_role(server)["Arn"], RoleSessionName="root")
    assert caught.response["Error"]["Message"] == "Roles may not be assumed by root accounts."


@pytest.mark.parametrize(
    "options, code",
    [
        ({"RoleSessionName": "a"}, "ValidationError"),
        ({"RoleSessionName": "a" * 65}, "ValidationError"),
        ({"RoleSessionName": "with space"}, "ValidationError"),
        ({"RoleSessionName": "sl/ash"}, "ValidationError"),
        ({"RoleSessionName": ""}, "ValidationError"),
        ({"DurationSeconds": 899}, "ValidationError"),
        ({"DurationSeconds": 43201}, "ValidationError"),
        ({"DurationSeconds": "many"}, "ValidationError"),
        ({"DurationSeconds": 3601}, "ValidationError"),  # the role's own maximum
        ({"ExternalId": "x"}, "ValidationError"),
        ({"ExternalId": "with space"}, "ValidationError"),
        ({"RoleArn": "arn:aws:iam::000000000001:user/x"}, "ValidationError"),
        ({"RoleArn": "nothing-at-all-like-an-arn"}, "ValidationError"),
        ({"RoleArn": "short"}, "ValidationError"),
        ({"SourceIdentity": "aws:x"}, "ValidationError"),
        ({"SourceIdentity": "x"}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}, "InvalidInput"),
        ({"Tags": [{"Key": "aws:a", "Value": "1"}]}, "InvalidInput"),
        ({"Tags": [{"Key": "a*", "Value": "1"}]}, "ValidationError"),
        ({"Tags": [{"Key": f"k{n}", "Value": "1"} for n in range(51)]}, "ValidationError"),
        ({"TransitiveTagKeys": ["none"]}, "ValidationError"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/AmazonS3FullAccess"}] * 11}, "ValidationError"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/NeverHeardOf"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": "short"}]}, "ValidationError"),
    ],
)
def test_values_that_are_refused(server, options, code):
    user = make_user(server, MAY_ASSUME)
    role = make_role(server, trust({"AWS": ACCOUNT}, actions="sts:*"))
    sts = lakegated.connect(server, "sts", user.keys, parameter_validation=False)  # boto3 would not send them
    with refused(code, 400):
        sts.assume_role(**{"RoleArn": role["Arn"], "RoleSessionName": "session", **options})


def test_duration(server):
    user, role = make_user(server, MAY_ASSUME), make_role(server, MaxSessionDuration=7200)
    for asked in (900, 3600, 7200):
        made = user.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="long", DurationSeconds=asked)["Credentials"]
        assert asked - 60 < lifetime_s(made) <= asked
    with refused("ValidationError", 400) as caught:
        user.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="long", DurationSeconds=7201)
    assert caught.response["Error"]["Message"] == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


def test_chained_sessions_last_an_hour(server):
    first, second = make_role(server, allowed=MAY_ASSUME), make_role(server, MaxSessionDuration=43200)
    session = assume(make_user(server, MAY_ASSUME), first)
    made = session.sts.assume_role(RoleArn=second["Arn"], RoleSessionName="chained", DurationSeconds=3600)["Credentials"]
    assert lifetime_s(made) <= 3600
    with refused("ValidationError", 400) as caught:
        session.sts.assume_role(RoleArn=second["Arn"], RoleSessionName="chained", DurationSeconds=3601)
    assert "1 hour session limit for roles assumed by role chaining" in caught.response["Error"]["Message"]


def test_chain_needs_what_the_first_role_may(server, filled):
    no_more, second = make_role(server, allowed=ALL_OF_S3), make_role(server)
    session = assume(make_user(server, MAY_ASSUME), no_more)
    cannot(assume, session, second)
    only_first = make_role(server, trust({"AWS": no_more["Arn"]}))
    reads(assume(session, only_first), filled)
    cannot(assume, make_user(server, MAY_ASSUME), only_first)


def test_session_named_in_a_trust_policy(server):
    first = make_role(server, allowed=None)
    user = make_user(server, MAY_ASSUME)
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{first['RoleName']}/right"
    second = make_role(server, trust({"AWS": arn}))
    assume(assume(user, first, "right"), second)
    cannot(assume, assume(user, first, "wrong"), second)


# ---- conditions of trust policies ----


def test_external_id(server):
    user = make_user(server, MAY_ASSUME)
    role = make_role(server, trust({"AWS": ACCOUNT}, {"StringEquals": {"sts:ExternalId": "secret-42"}}))
    assume(user, role, ExternalId="secret-42")
    cannot(assume, user, role)
    with refused("AccessDenied", 403):
        assume(user, role, ExternalId="secret-43")


def test_session_name_and_user_name_as_conditions(server):
    user = make_user(server, MAY_ASSUME)
    role = make_role(server, trust({"AWS": ACCOUNT}, {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}))
    assume(user, role, name=user.name)
    cannot(assume, user, role, "somebody")


def test_mfa_is_never_there(server):
    user = make_user(server, MAY_ASSUME)
    role = make_role(server, trust({"AWS": ACCOUNT}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    cannot(assume, user, role)
    with refused("AccessDenied", 403):
        assume(user, role, SerialNumber=f"arn:aws:iam::{ACCOUNT}:mfa/x", TokenCode="123456")


def test_source_identity(server):
    user = make_user(server, MAY_ASSUME)
    plain = make_role(server)
    with refused("AccessDenied", 403):  # the trust policy must allow sts:SetSourceIdentity too
        assume(user, plain, SourceIdentity="anna")
    role = make_role(server, trust({"AWS": ACCOUNT}, actions=["sts:AssumeRole", "sts:SetSourceIdentity"]), allowed=MAY_ASSUME)
    reply = user.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="with", SourceIdentity="anna")
    assert reply["SourceIdentity"] == "anna"
    session = Someone(server, "with", reply["AssumedRoleUser"]["Arn"], keys_of(reply))
    # It stays along the chain and cannot be changed.
    again = session.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="again")
    assert again["SourceIdentity"] == "anna"
    with refused("AccessDenied", 403):
        assume(session, role, SourceIdentity="berta")


def test_session_tags(server, filled):
    role = make_role(
        server, trust({"AWS": ACCOUNT}, actions=["sts:AssumeRole", "sts:TagSession"]),
        policy(("Allow", "s3:GetObject", "*", {"StringEquals": {"aws:PrincipalTag/team": "lake"}}), ("Allow", "sts:*", "*")),
    )
    user = make_user(server, MAY_ASSUME)
    cannot(reads, assume(user, role), filled)
    reads(assume(user, role, Tags=[{"Key": "Team", "Value": "lake"}]), filled)
    cannot(reads, assume(user, role, Tags=[{"Key": "team", "Value": "sea"}]), filled)
    with refused("AccessDenied", 403):  # tags need sts:TagSession in the trust policy
        assume(user, make_role(server), Tags=[{"Key": "team", "Value": "lake"}])
    # Transitive ones go along the chain, others do not.
    tags = [{"Key": "team", "Value": "lake"}, {"Key": "other", "Value": "x"}]
    cannot(reads, assume(assume(user, role, Tags=tags), role), filled)
    chained = assume(assume(user, role, Tags=tags, TransitiveTagKeys=["team"]), role)
    reads(chained, filled)
    with refused("ValidationError", 400):
        assume(chained, role, Tags=[{"Key": "team", "Value": "sea"}])


def test_requested_tags_as_conditions(server):
    condition = {"StringEquals": {"aws:RequestTag/team": ["lake", "sea"]}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}
    role = make_role(server, trust({"AWS": ACCOUNT}, condition, ["sts:AssumeRole", "sts:TagSession"]))
    user = make_user(server, MAY_ASSUME)
    assume(user, role, Tags=[{"Key": "team", "Value": "sea"}])
    for tags in ([{"Key": "team", "Value": "river"}], [{"Key": "team", "Value": "sea"}, {"Key": "b", "Value": "c"}]):
        with refused("AccessDenied", 403):
            assume(user, role, Tags=tags)


# ---- the other calls ----


def test_caller_identity_needs_no_permission(server):
    assert lakegated.connect(server, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    user = make_user(server, policy(("Deny", "*", "*")))
    said = user.sts.get_caller_identity()
    assert said["Arn"] == user.arn and said["UserId"].startswith("AIDA") and said["Account"] == ACCOUNT


def test_session_token(server, filled):
    user, role = make_user(server, policy(("Allow", ["s3:*", "sts:AssumeRole", "iam:*"], "*"))), make_role(server)
    made = user.sts.get_session_token()["Credentials"]
    assert 43100 < lifetime_s(made) <= 43200
    made = user.sts.get_session_token(DurationSeconds=900)
    assert lifetime_s(made["Credentials"]) <= 900
    session = Someone(server, user.name, user.arn, keys_of(made))
    reads(session, filled)
    said = session.sts.get_caller_identity()
    assert said["Arn"] == user.arn
    assume(session, role)
    with refused("ValidationError", 400):  # it is a chain
        session.sts.assume_role(
            RoleArn=make_role(server, MaxSessionDuration=7200)["Arn"], RoleSessionName="long", DurationSeconds=7200
        )
    with refused("AccessDenied", 403) as caught:
        session.sts.get_session_token()
    assert caught.response["Error"]["Message"] == "Cannot call GetSessionToken with session credentials"
    with refused("AccessDenied", 403):
        session.sts.get_federation_token(Name="somebody")
    with refused("InvalidClientTokenId", 403):  # no IAM without a second factor
        session.iam.list_users()
    unchecked = lakegated.connect(server, "sts", user.keys, parameter_validation=False)
    for seconds in (899, 129601):
        with refused("ValidationError", 400):
            unchecked.get_session_token(DurationSeconds=seconds)


def test_session_token_of_root(server):
    root = lakegated.connect(server, "sts")
    made = root.get_session_token()
    assert lifetime_s(made["Credentials"]) <= 3600
    session = Someone(server, "root", None, keys_of(made))
    assert session.sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    session.s3.list_buckets()


def test_session_token_needs_no_permission(server):
    make_user(server, policy(("Deny", "*", "*"))).sts.get_session_token()


def test_federation_token(server, filled):
    user = make_user(server, policy(("Allow", ["s3:GetObject", "sts:GetFederationToken"], "*")))
    reply = user.sts.get_federation_token(Name="anna", Policy=ALL_OF_S3)
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/anna"
    assert reply["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:anna", "Arn": arn}
    assert 43100 < lifetime_s(reply["Credentials"]) <= 43200
    session = Someone(server, "anna", arn, keys_of(reply))
    reads(session, filled)
    cannot(writes, session, filled)
    assert session.sts.get_caller_identity()["Arn"] == arn
    for call in (session.sts.get_session_token, lambda: session.sts.get_federation_token(Name="berta")):
        with refused("AccessDenied", 403):
            call()
    cannot(assume, session, make_role(server, trust({"AWS": "*"})))
    with refused("InvalidClientTokenId", 403):
        session.iam.list_users()
    # Without a policy nothing is allowed.
    nothing = user.sts.get_federation_token(Name="nobody")
    cannot(reads, Someone(server, "nobody", None, keys_of(nothing)), filled)
    with refused("AccessDenied", 403) as caught:
        make_user(server, ALL_OF_S3).sts.get_federation_token(Name="anna")
    assert f"sts:GetFederationToken on resource: {arn}" in caught.response["Error"]["Message"]


def test_access_key_info(server):
    user = make_user(server, policy(("Allow", "sts:GetAccessKeyInfo", "*")))
    assert user.sts.get_access_key_info(AccessKeyId=user.keys[0])["Account"] == ACCOUNT
    session = assume(make_user(server, MAY_ASSUME), make_role(server))
    assert user.sts.get_access_key_info(AccessKeyId=session.keys[0])["Account"] == ACCOUNT
    with refused("ValidationError", 400):
        user.sts.get_access_key_info(AccessKeyId="AKIA" + "A" * 16)
    with refused("AccessDenied", 403):
        make_user(server).sts.get_access_key_info(AccessKeyId=user.keys[0])


def test_actions_that_are_not_there(server):
    sts = lakegated.connect(server, "sts")
    with refused("InvalidAction", 400):
        sts.decode_authorization_message(EncodedMessage="xyz")


# ---- the command ----


def test_by_aws_cli(aws, any_server, s3, tmp_path):
    user, role = make_user(any_server, MAY_ASSUME), make_role(any_server)
    name = new_name()
    lakegated.client(any_server).create_bucket(Bucket=name)
    keys = {"AWS_ACCESS_KEY_ID": user.keys[0], "AWS_SECRET_ACCESS_KEY": user.keys[1]}
    assert json.loads(aws.run("sts", "get-caller-identity", environment=keys))["Arn"] == user.arn
    aws.run("s3", "ls", f"s3://{name}", code=(254, 255), environment=keys)
    reply = json.loads(aws.run("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "cli", environment=keys))
    key, secret, token = keys_of(reply)
    keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
    (tmp_path / "file").write_bytes(b"by a role")
    aws.run("s3", "cp", tmp_path / "file", f"s3://{name}/file", environment=keys)
    assert aws.run("s3", "cp", f"s3://{name}/file", "-", environment=keys) == "by a role"
    aws.run("iam", "list-users", code=(254, 255), environment=keys)
    assert "(AccessDenied)" in aws.stderr


def test_profile_that_assumes_a_role(aws, any_server, tmp_path):
    """As people write it into ~/.aws/config: the client asks for the session by itself."""
    user, role = make_user(any_server, MAY_ASSUME), make_role(any_server)
    (tmp_path / "aws-config").write_text(
        f"[profile etl]\nrole_arn = {role['Arn']}\nsource_profile = user\nregion = us-east-1\n"
        f"[profile user]\nregion = us-east-1\naws_access_key_id = {user.keys[0]}\naws_secret_access_key = {user.keys[1]}\n"
    )
    environment = {k: v for k, v in aws.environment.items() if k not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    environment["HOME"] = str(tmp_path)  # where the command keeps sessions for the next time
    client = Client(aws.program, environment)
    shown = json.loads(client.run("sts", "get-caller-identity", "--profile", "etl"))
    assert f":assumed-role/{role['RoleName']}/" in shown["Arn"]
    client.run("s3", "ls", "--profile", "etl")
