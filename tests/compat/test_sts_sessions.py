"""Sessions: what they allow, when they end, and their tokens."""
import base64
import datetime
import re
import urllib.error
import urllib.request

import pytest

import lakegated
from conftest import cannot, refused
from iam import (
    ACCOUNT, ALL_OF_S3, MAY_ASSUME, TRUST_ACCOUNT, Someone, assume, keys_of, make_policy, make_role, make_user,
    policy, reads, trust, writes,
)

READ_ONLY = policy(("Allow", ["s3:GetObject", "s3:ListBucket"], "*"))


# ---- session policies ----


def test_session_policy_narrows(server, filled):
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    session = assume(user, role, Policy=READ_ONLY)
    reads(session, filled)
    cannot(writes, session, filled)


def test_session_policy_never_widens(server, filled):
    user, role = make_user(server, MAY_ASSUME), make_role(server, allowed=READ_ONLY)
    session = assume(user, role, Policy=policy(("Allow", "*", "*")))
    reads(session, filled)
    cannot(writes, session, filled)
    cannot(session.iam.list_users)
    session = assume(user, role, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}])
    cannot(writes, session, filled)


def test_managed_session_policies(server, filled):
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    read = {"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}
    session = assume(user, role, PolicyArns=[read])
    reads(session, filled)
    cannot(writes, session, filled)
    put = {"arn": make_policy(server, policy(("Allow", "s3:PutObject", "*")))}
    writes(assume(user, role, PolicyArns=[read, put]), filled)
    both = assume(user, role, PolicyArns=[read], Policy=policy(("Allow", "s3:PutObject", "*")))
    reads(both, filled)
    writes(both, filled)
    denied = assume(user, role, PolicyArns=[read], Policy=policy(("Deny", "s3:GetObject", "*")))
    cannot(reads, denied, filled)
    with refused("MalformedPolicyDocument", 400):
        assume(user, role, Policy="{")
    with refused("MalformedPolicyDocument", 400):
        assume(user, role, Policy='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}')


def test_changed_managed_policy_acts_on_running_sessions(server, iam, filled):
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    arn = make_policy(server, READ_ONLY)
    session = assume(user, role, PolicyArns=[{"arn": arn}])
    reads(session, filled)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(("Allow", "s3:ListBucket", "*")), SetAsDefault=True)
    cannot(reads, session, filled)


def test_session_policies_that_are_too_large(server):
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    filler = [f"arn:aws:s3:::bucket-{n:04}/*" for n in range(120)]
    with refused("PackedPolicyTooLarge", 400):
        assume(user, role, Policy=policy(("Allow", "s3:*", filler)))
    reply = user.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="packed", Policy=READ_ONLY)
    assert 0 < reply["PackedPolicySize"] < 100


def test_boundary_of_the_role_bounds_sessions(server, iam, filled):
    role = make_role(server, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    session = assume(make_user(server, MAY_ASSUME), role, Policy=ALL_OF_S3)
    reads(session, filled)
    cannot(writes, session, filled)
    iam.delete_role_permissions_boundary(RoleName=role["RoleName"])
    writes(session, filled)


# ---- what ends a session ----


def test_deleted_role_ends_its_sessions(server, iam, filled):
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    session = assume(user, role)
    reads(session, filled)
    iam.delete_role_policy(RoleName=role["RoleName"], PolicyName="allowed")
    cannot(reads, session, filled)
    iam.delete_role(RoleName=role["RoleName"])
    with pytest.raises(session.s3.exceptions.ClientError) as caught:
        reads(session, filled)
    assert caught.value.response["Error"]["Code"] in ("InvalidAccessKeyId", "InvalidToken", "AccessDenied")
    # A role of the same name is another role.
    iam.create_role(RoleName=role["RoleName"], AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="allowed", PolicyDocument=ALL_OF_S3)
    with pytest.raises(session.s3.exceptions.ClientError):
        reads(session, filled)


def test_older_sessions_can_be_revoked(server, iam, filled):
    """The policy that AWS's console writes for "revoke active sessions"."""
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    old = assume(user, role)
    reads(old, filled)
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    revoke = lambda stamp: iam.put_role_policy(  # noqa: E731
        RoleName=role["RoleName"], PolicyName="AWSRevokeOlderSessions",
        PolicyDocument=policy(("Deny", "*", "*", {"DateLessThan": {"aws:TokenIssueTime": stamp.strftime("%Y-%m-%dT%H:%M:%SZ")}})),
    )
    revoke(now)
    cannot(reads, old, filled)
    revoke(now - datetime.timedelta(hours=1))  # younger sessions go on
    reads(old, filled)


def test_condition_keys_of_a_session(server, filled):
    role = make_role(server, Path="/jobs/", allowed=None)
    conditions = {
        "ArnEquals": {"aws:PrincipalArn": role["Arn"]},
        "StringEquals": {"aws:PrincipalType": "AssumedRole", "aws:PrincipalAccount": ACCOUNT, "aws:userid": role["RoleId"] + ":session"},
        "Null": {"aws:username": "true", "aws:TokenIssueTime": "false"},
    }
    lakegated.connect(server, "iam").put_role_policy(
        RoleName=role["RoleName"], PolicyName="allowed", PolicyDocument=policy(("Allow", "s3:GetObject", "*", conditions))
    )
    user = make_user(server, MAY_ASSUME)
    reads(assume(user, role), filled)
    cannot(reads, assume(user, role, "other"), filled)


def test_deleted_user_ends_its_sessions(server, iam, filled):
    user = make_user(server, ALL_OF_S3)
    reply = user.sts.get_session_token()
    session = Someone(server, user.name, user.arn, keys_of(reply))
    reads(session, filled)
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys[0])
    iam.delete_user_policy(UserName=user.name, PolicyName="allowed")
    iam.delete_user(UserName=user.name)
    iam.create_user(UserName=user.name)
    iam.put_user_policy(UserName=user.name, PolicyName="allowed", PolicyDocument=ALL_OF_S3)
    with pytest.raises(session.s3.exceptions.ClientError):
        reads(session, filled)


def test_trust_is_asked_only_at_the_start(server, iam, filled):
    user, role = make_user(server, MAY_ASSUME), make_role(server)
    session = assume(user, role)
    iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    reads(session, filled)
    cannot(assume, user, role)


def test_sessions_survive_a_restart(server, filled):
    session = assume(make_user(server, MAY_ASSUME), make_role(server))
    server.stop()
    server.start()
    reads(session, filled)


# ---- tokens ----


def changed(text, at):
    """One character of it is another."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def test_tampered_tokens(server, filled):
    session = assume(make_user(server, MAY_ASSUME), make_role(server))
    key, secret, token = session.keys
    other = assume(make_user(server, MAY_ASSUME), make_role(server))
    bad = [changed(token, at) for at in range(0, len(token), max(1, len(token) // 24))]
    bad += [token[:-1], token[: len(token) // 2], token + token, "x", other.keys[2], base64.b64encode(b"{}").decode()]
    for text in bad:
        for service, call in (("s3", lambda c: c.list_buckets()), ("sts", lambda c: c.get_caller_identity())):
            client = lakegated.connect(server, service, (key, secret, text))
            with pytest.raises(client.exceptions.ClientError) as caught:
                call(client)
            expected = ("InvalidToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidAccessKeyId")
            assert caught.value.response["Error"]["Code"] in expected
    for keys in ((key, secret), (key, changed(secret, 0), token), (other.keys[0], secret, token)):
        client = lakegated.connect(server, "s3", keys)
        with pytest.raises(client.exceptions.ClientError):
            client.list_buckets()


def test_tokens_with_lasting_keys_are_refused(server):
    session = assume(make_user(server, MAY_ASSUME), make_role(server))
    user = make_user(server, ALL_OF_S3)
    for keys in ((*user.keys, session.keys[2]), (*user.keys, "odd"), (lakegated.ACCESS_KEY, lakegated.SECRET_KEY, session.keys[2])):
        client = lakegated.connect(server, "s3", keys)
        with pytest.raises(client.exceptions.ClientError) as caught:
            client.list_buckets()
        assert caught.value.response["Error"]["Code"] == "InvalidToken"


@pytest.mark.parametrize("version, parameter", [("s3v4", "X-Amz-Security-Token"), ("s3", "x-amz-security-token")])
def test_presigned_url_with_token(server, iam, filled, version, parameter):
    role = make_role(server)
    session = assume(make_user(server, MAY_ASSUME), role)
    s3 = lakegated.connect(server, "s3", session.keys, signature_version=version)
    url = s3.generate_presigned_url("get_object", {"Bucket": filled, "Key": "k"}, 300)
    assert parameter + "=" in url
    assert urllib.request.urlopen(url).read() == b"content"
    without = re.sub(f"[?&]{parameter}=[^&]*", "", url) if url.index(parameter) > url.index("&") else re.sub(f"{parameter}=[^&]*&", "", url)
    for broken in (without, url.replace(parameter + "=", parameter + "=x")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(broken)
        assert caught.value.code in (400, 403)
    iam.delete_role_policy(RoleName=role["RoleName"], PolicyName="allowed")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 403


def test_streamed_upload_with_token(server, filled):
    session = assume(make_user(server, MAY_ASSUME), make_role(server))
    body = bytes(range(256)) * 40_000  # in parts, in chunks, with trailers
    import io

    session.s3.upload_fileobj(io.BytesIO(body), filled, "large")
    assert session.s3.get_object(Bucket=filled, Key="large")["Body"].read() == body
