"""Ways by which somebody might get more than the policies give: each is tried, and each must fail. By IAM, sessions and
signatures; test_escalation_store.py and test_escalation_accounts.py have the others."""
import sys
import threading
import urllib.error
import urllib.request

import pytest

import lakegated

sys.path.append(str(lakegated.ROOT / "tests" / "http"))
import sigv4  # noqa: E402
from conftest import cannot, refused
from iam import (
    ACCOUNT, ALL_OF_S3, ANY, MAY_ASSUME, TRUST_ACCOUNT, Someone, assume, keys_of, make_policy, make_role, make_user,
    policy, trust, unique,
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
