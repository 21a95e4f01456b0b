"""Managed policies, roles, attachments and boundaries by boto3: what IAM answers, and with which errors."""
import json

import pytest

import lakegated
from conftest import refused
from iam import ACCOUNT, ALL_OF_S3, TRUST_ACCOUNT, make_policy, make_role, make_user, policy, trust, unique

AWS_POLICY = "arn:aws:iam::aws:policy/"


def pages(call, member, **arguments):
    """All items of a listing, by Marker; and how many pages it took."""
    items, count = [], 0
    while True:
        reply = call(**arguments)
        items += reply[member]
        count += 1
        if not reply["IsTruncated"]:
            assert "Marker" not in reply
            return items, count
        arguments["Marker"] = reply["Marker"]


# ---- managed policies ----


def test_policy_life(iam):
    name = unique("life")
    made = iam.create_policy(
        PolicyName=name, Path="/team/", PolicyDocument=ALL_OF_S3, Description="all of it", Tags=[{"Key": "a", "Value": "1"}]
    )["Policy"]
    arn = f"arn:aws:iam::{ACCOUNT}:policy/team/{name}"
    assert (made["Arn"], made["PolicyName"], made["Path"]) == (arn, name, "/team/")
    assert made["PolicyId"].startswith("ANPA") and len(made["PolicyId"]) == 21
    assert (made["DefaultVersionId"], made["AttachmentCount"], made["IsAttachable"]) == ("v1", 0, True)
    assert made["PermissionsBoundaryUsageCount"] == 0
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    assert got["Description"] == "all of it" and got["Tags"] == [{"Key": "a", "Value": "1"}]
    assert got["CreateDate"] == made["CreateDate"] == made["UpdateDate"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(ALL_OF_S3) and version["IsDefaultVersion"] is True
    with refused("EntityAlreadyExists", 409):
        iam.create_policy(PolicyName=name.upper(), PolicyDocument=ALL_OF_S3)
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", 404):
        iam.get_policy(PolicyArn=arn)
    with refused("NoSuchEntity", 404):
        iam.delete_policy(PolicyArn=arn)


def test_policy_versions(iam, server):
    arn = make_policy(server)
    texts = [policy(("Allow", "s3:GetObject", f"arn:aws:s3:::bucket-{n}/*")) for n in range(6)]
    for n in range(2, 6):
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=texts[n], SetAsDefault=n == 3)["PolicyVersion"]
        assert (made["VersionId"], made["IsDefaultVersion"]) == (f"v{n}", n == 3)
        assert "Document" not in made
    with refused("LimitExceeded", 409):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=texts[0])
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    listed, count = pages(iam.list_policy_versions, "Versions", PolicyArn=arn, MaxItems=2)
    assert [v["VersionId"] for v in listed] == ["v5", "v4", "v3", "v2", "v1"] and count == 3
    assert [v["IsDefaultVersion"] for v in listed] == [False, False, True, False, False]
    with refused("DeleteConflict", 409):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v3")
    with refused("DeleteConflict", 409):
        iam.delete_policy(PolicyArn=arn)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v5")
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v5")["PolicyVersion"]["Document"] == json.loads(texts[5])
    for n in range(1, 5):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{n}")
    # A number is never given twice.
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=texts[1])["PolicyVersion"]["VersionId"] == "v6"
    with refused("NoSuchEntity", 404):
        iam.get_policy_version(PolicyArn=arn, VersionId="v1")
    with refused("NoSuchEntity", 404):
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    with refused("ValidationError", 400):
        iam.get_policy_version(PolicyArn=arn, VersionId="1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v6")
    iam.delete_policy(PolicyArn=arn)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"Version":"2012-10-17"}',
        '{"Version":"2013-10-17","Statement":[]}',
        '{"Version":"2012-10-17","Statement":{"Effect":"allow","Action":"s3:*","Resource":"*"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"noprefix","Resource":"*"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Effect":"Deny","Action":"s3:*","Resource":"*"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Odd":{"aws:SourceIp":"::1"}}}}',
    ],
)
def test_malformed_policies_are_refused(iam, server, text):
    role = make_role(server)["RoleName"]
    arn = make_policy(server)
    with refused("MalformedPolicyDocument", 400):
        iam.create_policy(PolicyName=unique("bad"), PolicyDocument=text)
    with refused("MalformedPolicyDocument", 400):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=text)
    with refused("MalformedPolicyDocument", 400):
        iam.put_role_policy(RoleName=role, PolicyName="bad", PolicyDocument=text)


def test_policy_that_is_too_large(iam, server):
    filler = [f"arn:aws:s3:::bucket-{n:04}/*" for n in range(300)]
    with refused("LimitExceeded", 409):
        iam.create_policy(PolicyName=unique("large"), PolicyDocument=policy(("Allow", "s3:*", filler)))
    # White space does not count.
    arn = make_policy(server, json.dumps(json.loads(policy(("Allow", "s3:*", filler[:150]))), indent=40))
    iam.delete_policy(PolicyArn=arn)


@pytest.mark.parametrize("name", ["with space", "sl/ash", "\u00fcnlaut", "x" * 129, ""])
def test_odd_names(server, name):
    iam = lakegated.connect(server, "iam", parameter_validation=False)  # boto3 would not send them
    with refused("ValidationError", 400):
        iam.create_policy(PolicyName=name, PolicyDocument=ALL_OF_S3)
    with refused("ValidationError", 400):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_ACCOUNT)
    with refused("ValidationError", 400):
        iam.get_role(RoleName=name)


@pytest.mark.parametrize("path", ["", "no-slash/", "/no-end", "/sp ace/", "/" + "x" * 511 + "/"])
def test_odd_paths(server, path):
    iam = lakegated.connect(server, "iam", parameter_validation=False)
    with refused("ValidationError", 400):
        iam.create_policy(PolicyName=unique("path"), PolicyDocument=ALL_OF_S3, Path=path)
    with refused("ValidationError", 400):
        iam.create_role(RoleName=unique("path"), AssumeRolePolicyDocument=TRUST_ACCOUNT, Path=path)


def test_list_policies(iam, server):
    path = f"/{unique('list')}/"
    arns = sorted(make_policy(server, Path=path + sub) for sub in ("", "a/", "a/b/", "c/"))
    user = make_user(server)
    iam.attach_user_policy(UserName=user.name, PolicyArn=arns[0])
    listed, _ = pages(iam.list_policies, "Policies", PathPrefix=path)
    assert sorted(p["Arn"] for p in listed) == arns
    assert all("Description" not in p and "Tags" not in p for p in listed)
    listed, count = pages(iam.list_policies, "Policies", PathPrefix=path, MaxItems=1)
    assert sorted(p["Arn"] for p in listed) == arns and count == 4
    assert len(pages(iam.list_policies, "Policies", PathPrefix=path + "a/")[0]) == 2
    listed, _ = pages(iam.list_policies, "Policies", PathPrefix=path, OnlyAttached=True)
    assert [(p["Arn"], p["AttachmentCount"]) for p in listed] == [(arns[0], 1)]
    everything = {p["Arn"] for p in pages(iam.list_policies, "Policies")[0]}
    assert set(arns) < everything and AWS_POLICY + "AdministratorAccess" in everything
    aws = {p["Arn"] for p in pages(iam.list_policies, "Policies", Scope="AWS")[0]}
    assert aws == {AWS_POLICY + n for n in ("AdministratorAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess")}
    local = {p["Arn"] for p in pages(iam.list_policies, "Policies", Scope="Local")[0]}
    assert local == everything - aws
    iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=arns[1])
    bounding, _ = pages(iam.list_policies, "Policies", PathPrefix=path, PolicyUsageFilter="PermissionsBoundary", OnlyAttached=True)
    assert [(p["Arn"], p["PermissionsBoundaryUsageCount"], p["AttachmentCount"]) for p in bounding] == [(arns[1], 1, 0)]


def test_policies_of_aws(iam, server):
    full = iam.get_policy(PolicyArn=AWS_POLICY + "AmazonS3FullAccess")["Policy"]
    assert full["PolicyName"] == "AmazonS3FullAccess" and full["DefaultVersionId"] == "v2"
    text = iam.get_policy_version(PolicyArn=full["Arn"], VersionId="v2")["PolicyVersion"]["Document"]
    assert text["Statement"][0]["Action"] == ["s3:*", "s3-object-lambda:*"]
    admin = iam.get_policy_version(PolicyArn=AWS_POLICY + "AdministratorAccess", VersionId="v1")["PolicyVersion"]
    assert admin["Document"]["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    for change in (
        lambda: iam.delete_policy(PolicyArn=full["Arn"]),
        lambda: iam.create_policy_version(PolicyArn=full["Arn"], PolicyDocument=ALL_OF_S3),
        lambda: iam.set_default_policy_version(PolicyArn=full["Arn"], VersionId="v2"),
        lambda: iam.delete_policy_version(PolicyArn=full["Arn"], VersionId="v2"),
        lambda: iam.tag_policy(PolicyArn=full["Arn"], Tags=[{"Key": "a", "Value": "b"}]),
    ):
        with refused("AccessDenied", 403):
            change()
    with refused("NoSuchEntity", 404):
        iam.get_policy(PolicyArn=AWS_POLICY + "AmazonEC2FullAccess")
    user = make_user(server)
    with refused("NoSuchEntity", 404):
        iam.attach_user_policy(UserName=user.name, PolicyArn=AWS_POLICY + "AmazonEC2FullAccess")


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_attachments(iam, server, kind):
    name = unique(kind)
    if kind == "role":
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_ACCOUNT)
    else:
        getattr(iam, f"create_{kind}")(**{f"{kind.title()}Name": name})
    entity = {f"{kind.title()}Name": name}
    attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
    attached = getattr(iam, f"list_attached_{kind}_policies")
    one, other = make_policy(server), make_policy(server, Path="/sub/")
    attach(**entity, PolicyArn=one)
    attach(**entity, PolicyArn=one)  # again: no error, no second attachment
    attach(**entity, PolicyArn=other)
    attach(**entity, PolicyArn=AWS_POLICY + "AmazonS3FullAccess")
    listed, count = pages(attached, "AttachedPolicies", MaxItems=1, **entity)
    assert {p["PolicyArn"] for p in listed} == {one, other, AWS_POLICY + "AmazonS3FullAccess"} and count == 3
    assert {p["PolicyName"] for p in listed} >= {"AmazonS3FullAccess"}
    assert [p["PolicyArn"] for p in attached(**entity, PathPrefix="/sub/")["AttachedPolicies"]] == [other]
    assert iam.get_policy(PolicyArn=one)["Policy"]["AttachmentCount"] == 1
    entities = iam.list_entities_for_policy(PolicyArn=one)
    found = {k: entities[f"Policy{k}s"] for k in ("User", "Group", "Role")}
    assert found[kind.title()][0][f"{kind.title()}Name"] == name
    assert found[kind.title()][0][f"{kind.title()}Id"].startswith({"user": "AIDA", "group": "AGPA", "role": "AROA"}[kind])
    assert sum(map(len, found.values())) == 1
    other_kind = "Group" if kind != "group" else "User"
    assert not any(
        iam.list_entities_for_policy(PolicyArn=one, EntityFilter=other_kind)[f"Policy{k}s"] for k in ("User", "Group", "Role")
    )
    with refused("DeleteConflict", 409):
        iam.delete_policy(PolicyArn=one)
    with refused("DeleteConflict", 409):
        getattr(iam, f"delete_{kind}")(**entity)
    detach(**entity, PolicyArn=one)
    with refused("NoSuchEntity", 404):
        detach(**entity, PolicyArn=one)
    iam.delete_policy(PolicyArn=one)
    with refused("NoSuchEntity", 404):
        attach(**entity, PolicyArn=one)
    with refused("NoSuchEntity", 404):
        attach(**{f"{kind.title()}Name": "nobody-there"}, PolicyArn=other)
    detach(**entity, PolicyArn=other)
    detach(**entity, PolicyArn=AWS_POLICY + "AmazonS3FullAccess")
    getattr(iam, f"delete_{kind}")(**entity)


def test_ten_policies_to_one(iam, server):
    user = make_user(server)
    for _ in range(10):
        iam.attach_user_policy(UserName=user.name, PolicyArn=make_policy(server))
    with refused("LimitExceeded", 409):
        iam.attach_user_policy(UserName=user.name, PolicyArn=make_policy(server))


def test_attached_policies_act_at_once(iam, server, bucket):
    user = make_user(server)
    with refused("AccessDenied", 403):
        user.s3.list_objects_v2(Bucket=bucket)
    arn = make_policy(server, policy(("Allow", "s3:ListBucket", "*")))
    iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    user.s3.list_objects_v2(Bucket=bucket)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(("Allow", "s3:GetObject", "*")), SetAsDefault=True)
    with refused("AccessDenied", 403):
        user.s3.list_objects_v2(Bucket=bucket)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    user.s3.list_objects_v2(Bucket=bucket)
    iam.detach_user_policy(UserName=user.name, PolicyArn=arn)
    with refused("AccessDenied", 403):
        user.s3.list_objects_v2(Bucket=bucket)


def test_s3_policies_of_aws_act(iam, server, bucket):
    user = make_user(server)
    iam.attach_user_policy(UserName=user.name, PolicyArn=AWS_POLICY + "AmazonS3ReadOnlyAccess")
    user.s3.list_objects_v2(Bucket=bucket)
    with refused("AccessDenied", 403):
        user.s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    iam.attach_user_policy(UserName=user.name, PolicyArn=AWS_POLICY + "AmazonS3FullAccess")
    user.s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert user.s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"
    with refused("AccessDenied", 403):
        user.iam.list_users()
    iam.attach_user_policy(UserName=user.name, PolicyArn=AWS_POLICY + "AdministratorAccess")
    user.iam.list_users()


def test_tags_of_policies_and_roles(iam, server):
    arn, role = make_policy(server), make_role(server)["RoleName"]
    for tag, untag, tags, target in (
        (iam.tag_policy, iam.untag_policy, iam.list_policy_tags, {"PolicyArn": arn}),
        (iam.tag_role, iam.untag_role, iam.list_role_tags, {"RoleName": role}),
    ):
        tag(**target, Tags=[{"Key": "team", "Value": "a"}, {"Key": "Cost", "Value": ""}])
        tag(**target, Tags=[{"Key": "TEAM", "Value": "b"}])  # the same key, in another case
        listed, _ = pages(tags, "Tags", MaxItems=1, **target)
        assert {t["Key"].lower(): t["Value"] for t in listed} == {"team": "b", "cost": ""}
        untag(**target, TagKeys=["cost", "none"])
        assert [t["Value"] for t in tags(**target)["Tags"]] == ["b"]
        with refused("InvalidInput", 400):
            tag(**target, Tags=[{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}])
        with refused("LimitExceeded", 409):
            tag(**target, Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(50)])


# ---- roles ----


def test_role_life(iam):
    name = unique("role")
    made = iam.create_role(
        RoleName=name, Path="/etl/", AssumeRolePolicyDocument=TRUST_ACCOUNT, Description="runs Spark",
        MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "lake"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/etl/{name}" and made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT)
    got = iam.get_role(RoleName=name)["Role"]
    assert (got["Description"], got["MaxSessionDuration"], got["Path"]) == ("runs Spark", 7200, "/etl/")
    assert got["Tags"] == [{"Key": "team", "Value": "lake"}] and got["CreateDate"] == made["CreateDate"]
    with refused("EntityAlreadyExists", 409):
        iam.create_role(RoleName=name.upper(), AssumeRolePolicyDocument=TRUST_ACCOUNT)
    iam.update_role(RoleName=name, Description="runs more", MaxSessionDuration=3600)
    got = iam.get_role(RoleName=name)["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("runs more", 3600)
    assert iam.update_role_description(RoleName=name, Description="again")["Role"]["Description"] == "again"
    iam.update_role(RoleName=name, MaxSessionDuration=43200)
    got = iam.get_role(RoleName=name)["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("again", 43200)
    other = trust({"Service": "glue.amazonaws.com"})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=other)
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == json.loads(other)
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    iam.delete_role(RoleName=name)
    for call in (iam.get_role, iam.delete_role, iam.list_role_policies, iam.list_attached_role_policies, iam.list_role_tags):
        with refused("NoSuchEntity", 404):
            call(RoleName=name)


def test_list_roles(iam, server):
    path = f"/{unique('roles')}/"
    names = sorted(make_role(server, Path=path)["RoleName"] for _ in range(5))
    listed, count = pages(iam.list_roles, "Roles", PathPrefix=path, MaxItems=2)
    assert sorted(r["RoleName"] for r in listed) == names and count == 3
    assert all(r["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT) and "Tags" not in r for r in listed)
    assert iam.list_roles(PathPrefix=path + "none/")["Roles"] == []


def test_inline_policies_of_roles(iam, server):
    role = make_role(server, allowed=None)["RoleName"]
    for n in range(3):
        iam.put_role_policy(RoleName=role, PolicyName=f"p{n}", PolicyDocument=ALL_OF_S3)
    assert pages(iam.list_role_policies, "PolicyNames", RoleName=role, MaxItems=2) == (["p0", "p1", "p2"], 2)
    text = policy(("Deny", "s3:DeleteObject", "*"))
    iam.put_role_policy(RoleName=role, PolicyName="p1", PolicyDocument=text)
    got = iam.get_role_policy(RoleName=role, PolicyName="p1")
    assert (got["RoleName"], got["PolicyName"], got["PolicyDocument"]) == (role, "p1", json.loads(text))
    with refused("DeleteConflict", 409):
        iam.delete_role(RoleName=role)
    for n in range(3):
        iam.delete_role_policy(RoleName=role, PolicyName=f"p{n}")
    with refused("NoSuchEntity", 404):
        iam.delete_role_policy(RoleName=role, PolicyName="p1")
    with refused("NoSuchEntity", 404):
        iam.get_role_policy(RoleName=role, PolicyName="p1")
    iam.delete_role(RoleName=role)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}',
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Resource":"*"}}',
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/never-made"}),
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:role/never-made"}),
        trust({"AWS": "nonsense"}),
        trust({"AWS": "123456789012"}),  # no such account
        trust({"AWS": "AIDAAAAAAAAAAAAAAAAAA"}),
        trust({"Odd": "x"}),
    ],
)
def test_trust_policies_that_are_refused(iam, server, text):
    role = make_role(server)["RoleName"]
    with refused("MalformedPolicyDocument", 400):
        iam.create_role(RoleName=unique("bad"), AssumeRolePolicyDocument=text)
    with refused("MalformedPolicyDocument", 400):
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=text)
    assert iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT)


@pytest.mark.parametrize("seconds", [3599, 43201, 0, -5])
def test_odd_session_durations_of_roles(server, seconds):
    iam = lakegated.connect(server, "iam", parameter_validation=False)
    with refused("ValidationError", 400):
        iam.create_role(RoleName=unique("bad"), AssumeRolePolicyDocument=TRUST_ACCOUNT, MaxSessionDuration=seconds)
    with refused("ValidationError", 400):
        iam.update_role(RoleName=make_role(server)["RoleName"], MaxSessionDuration=seconds)


# ---- boundaries ----


def test_boundary_of_a_user(iam, server, bucket):
    user = make_user(server, ALL_OF_S3)
    user.s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    boundary = make_policy(server, policy(("Allow", "s3:GetObject", "*")))
    iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=boundary)
    got = iam.get_user(UserName=user.name)["User"]["PermissionsBoundary"]
    assert got == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    assert user.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    with refused("AccessDenied", 403):
        user.s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert iam.get_policy(PolicyArn=boundary)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    entities = iam.list_entities_for_policy(PolicyArn=boundary, PolicyUsageFilter="PermissionsBoundary")
    assert [u["UserName"] for u in entities["PolicyUsers"]] == [user.name]
    assert iam.list_entities_for_policy(PolicyArn=boundary, PolicyUsageFilter="PermissionsPolicy")["PolicyUsers"] == []
    with refused("DeleteConflict", 409):
        iam.delete_policy(PolicyArn=boundary)
    iam.delete_user_permissions_boundary(UserName=user.name)
    user.s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    with refused("NoSuchEntity", 404):
        iam.delete_user_permissions_boundary(UserName=user.name)
    with refused("NoSuchEntity", 404):
        iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=boundary + "-none")
    iam.delete_policy(PolicyArn=boundary)


def test_boundary_of_a_role(iam, server):
    boundary = make_policy(server)
    role = make_role(server, PermissionsBoundary=boundary)
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    iam.put_role_permissions_boundary(RoleName=role["RoleName"], PermissionsBoundary=AWS_POLICY + "AmazonS3ReadOnlyAccess")
    got = iam.get_role(RoleName=role["RoleName"])["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert got == AWS_POLICY + "AmazonS3ReadOnlyAccess"
    iam.delete_policy(PolicyArn=boundary)
    iam.delete_role_permissions_boundary(RoleName=role["RoleName"])
    assert "PermissionsBoundary" not in iam.get_role(RoleName=role["RoleName"])["Role"]


# ---- all at once ----


def test_account_authorization_details(iam, server):
    user, role = make_user(server, ALL_OF_S3), make_role(server, Tags=[{"Key": "a", "Value": "b"}])
    group, attached = unique("group"), make_policy(server)
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=user.name)
    iam.put_group_policy(GroupName=group, PolicyName="inline", PolicyDocument=ALL_OF_S3)
    iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=attached)
    iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=attached)
    iam.create_policy_version(PolicyArn=attached, PolicyDocument=policy(("Deny", "*", "*")), SetAsDefault=True)

    found = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    arguments, count = {"MaxItems": 7}, 0
    while True:
        reply = iam.get_account_authorization_details(**arguments)
        assert sum(len(reply[member]) for member in found) <= 7
        for member, items in found.items():
            items += reply[member]
        count += 1
        if not reply["IsTruncated"]:
            break
        arguments["Marker"] = reply["Marker"]
    by_name = lambda member, key, name: [i for i in found[member] if i[key] == name]  # noqa: E731
    (one,) = by_name("UserDetailList", "UserName", user.name)
    assert one["GroupList"] == [group] and one["UserPolicyList"] == [{"PolicyName": "allowed", "PolicyDocument": json.loads(ALL_OF_S3)}]
    assert one["PermissionsBoundary"]["PermissionsBoundaryArn"] == attached
    (one,) = by_name("GroupDetailList", "GroupName", group)
    assert [p["PolicyName"] for p in one["GroupPolicyList"]] == ["inline"] and one["AttachedManagedPolicies"] == []
    (one,) = by_name("RoleDetailList", "RoleName", role["RoleName"])
    assert [p["PolicyArn"] for p in one["AttachedManagedPolicies"]] == [attached]
    assert one["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT) and one["Tags"] == [{"Key": "a", "Value": "b"}]
    assert one["InstanceProfileList"] == []
    (one,) = by_name("Policies", "Arn", attached)
    assert one["DefaultVersionId"] == "v2" and [v["VersionId"] for v in one["PolicyVersionList"]] == ["v2", "v1"]
    assert one["PolicyVersionList"][0]["Document"]["Statement"][0]["Effect"] == "Deny"

    only = iam.get_account_authorization_details(Filter=["Role"], MaxItems=1000)
    assert only["RoleDetailList"] and not (only["UserDetailList"] or only["GroupDetailList"] or only["Policies"])
    iam.attach_user_policy(UserName=user.name, PolicyArn=AWS_POLICY + "AmazonS3FullAccess")
    aws = iam.get_account_authorization_details(Filter=["AWSManagedPolicy"], MaxItems=1000)["Policies"]
    assert AWS_POLICY + "AmazonS3FullAccess" in [p["Arn"] for p in aws]
    assert all(p["Arn"].startswith(AWS_POLICY) for p in aws)
    assert all(p["AttachmentCount"] + p["PermissionsBoundaryUsageCount"] > 0 for p in aws)
    local = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"], MaxItems=1000)["Policies"]
    assert attached in [p["Arn"] for p in local] and not any(p["Arn"].startswith(AWS_POLICY) for p in local)


# ---- by the command, and as Terraform does it ----


def test_by_aws_cli(aws, tmp_path):
    run = lambda *a: aws.run("iam", *a, "--output", "text")  # noqa: E731
    name = unique("cli")
    (tmp_path / "trust.json").write_text(TRUST_ACCOUNT)
    (tmp_path / "policy.json").write_text(json.dumps(json.loads(ALL_OF_S3), indent=2))
    arn = run("create-policy", "--policy-name", name, "--policy-document", f"file://{tmp_path}/policy.json", "--query", "Policy.Arn").strip()
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    run("create-role", "--role-name", name, "--assume-role-policy-document", f"file://{tmp_path}/trust.json")
    run("attach-role-policy", "--role-name", name, "--policy-arn", arn)
    assert arn in run("list-attached-role-policies", "--role-name", name)
    assert name in run("list-entities-for-policy", "--policy-arn", arn)
    shown = json.loads(aws.run("iam", "get-policy-version", "--policy-arn", arn, "--version-id", "v1"))
    assert shown["PolicyVersion"]["Document"] == json.loads(ALL_OF_S3)
    run("detach-role-policy", "--role-name", name, "--policy-arn", arn)
    run("delete-role", "--role-name", name)
    run("delete-policy", "--policy-arn", arn)
    aws.run("iam", "get-role", "--role-name", name, code=(254, 255))
    assert "(NoSuchEntity)" in aws.stderr


def test_what_terraform_calls(iam, server):
    """The calls of its aws_iam_policy, aws_iam_role, aws_iam_role_policy_attachment, aws_iam_user and
    aws_iam_access_key resources: create, read, update, destroy."""
    tag = [{"Key": "Terraform", "Value": "yes"}]
    sts = lakegated.connect(server, "sts")
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    # apply
    made = iam.create_policy(PolicyName=unique("tf"), Path="/", Description="", PolicyDocument=ALL_OF_S3, Tags=tag)["Policy"]
    role = iam.create_role(RoleName=unique("tf"), Path="/", AssumeRolePolicyDocument=TRUST_ACCOUNT, MaxSessionDuration=3600, Tags=tag)["Role"]
    user = iam.create_user(UserName=unique("tf"), Path="/", Tags=tag)["User"]
    iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=made["Arn"])
    iam.attach_user_policy(UserName=user["UserName"], PolicyArn=made["Arn"])
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="inline", PolicyDocument=ALL_OF_S3)
    key = iam.create_access_key(UserName=user["UserName"])["AccessKey"]
    # plan
    for _ in range(2):
        default = iam.get_policy(PolicyArn=made["Arn"])["Policy"]["DefaultVersionId"]
        text = iam.get_policy_version(PolicyArn=made["Arn"], VersionId=default)["PolicyVersion"]["Document"]
        assert text == json.loads(ALL_OF_S3)
        assert iam.list_policy_tags(PolicyArn=made["Arn"])["Tags"] == tag
        read = iam.get_role(RoleName=role["RoleName"])["Role"]
        assert read["AssumeRolePolicyDocument"] == json.loads(TRUST_ACCOUNT) and read["Tags"] == tag
        assert iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"] == ["inline"]
        assert iam.get_role_policy(RoleName=role["RoleName"], PolicyName="inline")["PolicyDocument"] == json.loads(ALL_OF_S3)
        assert [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]] == [made["Arn"]]
        assert iam.get_user(UserName=user["UserName"])["User"]["Tags"] == tag
        assert [k["AccessKeyId"] for k in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]] == [key["AccessKeyId"]]
    # a changed policy document: versions are pruned, then a new one is made the default
    assert len(iam.list_policy_versions(PolicyArn=made["Arn"])["Versions"]) == 1
    iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=policy(("Allow", "s3:Get*", "*")), SetAsDefault=True)
    iam.update_role(RoleName=role["RoleName"], Description="new", MaxSessionDuration=7200)
    iam.tag_role(RoleName=role["RoleName"], Tags=[{"Key": "Terraform", "Value": "still"}])
    iam.update_user(UserName=user["UserName"], NewPath="/new/")
    # destroy
    iam.delete_access_key(UserName=user["UserName"], AccessKeyId=key["AccessKeyId"])
    iam.detach_user_policy(UserName=user["UserName"], PolicyArn=made["Arn"])
    for call, member in (
        (iam.list_groups_for_user, "Groups"),
        (iam.list_user_policies, "PolicyNames"),
        (iam.list_attached_user_policies, "AttachedPolicies"),
        (iam.list_access_keys, "AccessKeyMetadata"),
        (iam.list_mfa_devices, "MFADevices"),
        (iam.list_ssh_public_keys, "SSHPublicKeys"),
        (iam.list_signing_certificates, "Certificates"),
        (iam.list_service_specific_credentials, "ServiceSpecificCredentials"),
    ):
        assert call(UserName=user["UserName"])[member] == []
    assert user["UserName"] not in str(iam.list_virtual_mfa_devices()["VirtualMFADevices"])
    with refused("NoSuchEntity", 404):
        iam.delete_login_profile(UserName=user["UserName"])
    iam.delete_user(UserName=user["UserName"])
    iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=made["Arn"])
    iam.delete_role_policy(RoleName=role["RoleName"], PolicyName="inline")
    assert iam.list_instance_profiles_for_role(RoleName=role["RoleName"])["InstanceProfiles"] == []
    iam.delete_role(RoleName=role["RoleName"])
    for version in iam.list_policy_versions(PolicyArn=made["Arn"])["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=made["Arn"], VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=made["Arn"])
    with refused("NoSuchEntity", 404):
        iam.get_policy(PolicyArn=made["Arn"])
