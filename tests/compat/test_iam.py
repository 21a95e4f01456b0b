"""Users, groups and access keys by boto3 and aws-cli: what IAM answers, in its words, and with which errors."""
import json
import re
import urllib.error
import urllib.request

import botocore
import pytest
from botocore.exceptions import ClientError

import lakegated
from conftest import refused
from iam import ACCOUNT, ALL_OF_S3, Someone, make_policy, make_user, policy, unique

ARN = f"arn:aws:iam::{ACCOUNT}:"


@pytest.fixture
def user(iam):
    name = unique("someone")
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def group(iam):
    name = unique("some-group")
    iam.create_group(GroupName=name)
    return name


def message(call, **arguments):
    """What an error says."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Message"]


def everything(call, member, **arguments):
    """All items of a listing, by Marker; and how many pages it took."""
    items, count = [], 0
    while True:
        reply = call(**arguments)
        items += reply[member]
        count += 1
        if not reply["IsTruncated"]:
            assert "Marker" not in reply
            return items, count
        assert reply[member]
        arguments["Marker"] = reply["Marker"]


# ---- users ----


def test_user_life(iam):
    name = unique("Life")
    tags = [{"Key": "team", "Value": "lake"}, {"Key": "größe €", "Value": ""}]
    made = iam.create_user(UserName=name, Path="/a/b/", Tags=tags)["User"]
    assert made["Arn"] == f"{ARN}user/a/b/{name}" and made["UserName"] == name and made["Path"] == "/a/b/"
    assert re.fullmatch("AIDA[A-Z2-7]{17}", made["UserId"]) and made["Tags"] == tags
    got = iam.get_user(UserName=name.upper())["User"]
    assert got == made
    with refused("EntityAlreadyExists", 409):
        iam.create_user(UserName=name.swapcase())
    iam.update_user(UserName=name, NewUserName=name + "-new", NewPath="/c/")
    moved = iam.get_user(UserName=name + "-new")["User"]
    assert moved["Arn"] == f"{ARN}user/c/{name}-new" and moved["UserId"] == made["UserId"] and moved["Tags"] == tags
    with refused("NoSuchEntity", 404):
        iam.get_user(UserName=name)
    iam.delete_user(UserName=name + "-new")
    with refused("NoSuchEntity", 404):
        iam.delete_user(UserName=name + "-new")
    again = iam.create_user(UserName=name)["User"]
    assert again["UserId"] != made["UserId"] and "Tags" not in again and again["Path"] == "/"


def test_names_keep_their_case_and_differ_in_more(iam):
    name = unique("CaseOf")
    iam.create_user(UserName=name)
    other = unique("other")
    iam.create_user(UserName=other)
    iam.update_user(UserName=name, NewUserName=name.lower())
    assert iam.get_user(UserName=name)["User"]["UserName"] == name.lower()
    with refused("EntityAlreadyExists", 409):
        iam.update_user(UserName=other, NewUserName=name.upper())


@pytest.mark.parametrize("arguments,words", [
    ({"UserName": "a b"}, "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"),
    ({"UserName": "ü"}, "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"),
    ({"UserName": "x" * 65}, "1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"),
    ({"UserName": "x", "Path": "/no-end"}, "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."),
    ({"UserName": "x", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}, "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
    ({"UserName": "x", "Tags": [{"Key": "aws:a", "Value": "1"}]}, "User defined tags cannot begin with the prefix aws:"),
    ({"UserName": "x", "Tags": [{"Key": str(i), "Value": ""} for i in range(51)]}, "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"),
])
def test_wrong_input(server, arguments, words):
    unchecked = lakegated.connect(server, "iam", parameter_validation=False)
    assert message(unchecked.create_user, **arguments) == words


def test_missing_and_several(server):
    unchecked = lakegated.connect(server, "iam", parameter_validation=False)
    assert message(unchecked.create_user) == "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null"
    assert message(unchecked.add_user_to_group, UserName="").startswith("2 validation errors detected: Value ")
    with refused("ValidationError", 400):
        unchecked.list_users(MaxItems=0)
    with refused("ValidationError", 400):
        unchecked.list_users(MaxItems=1001)
    for marker in ("no base64", "AAAA"):
        with refused("ValidationError", 400):
            unchecked.list_users(Marker=marker)


def test_words_of_what_is_not_there(iam, user, group):
    assert message(iam.get_user, UserName="nobody-here") == "The user with name nobody-here cannot be found."
    assert message(iam.get_group, GroupName="none-here") == "The group with name none-here cannot be found."
    assert message(iam.get_user_policy, UserName=user, PolicyName="none") == "The user policy with name none cannot be found."
    assert message(iam.get_group_policy, GroupName=group, PolicyName="none") == "The group policy with name none cannot be found."
    assert message(iam.delete_access_key, UserName=user, AccessKeyId="AKIAAAAAAAAAAAAAAAAA") == "The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found."
    assert message(iam.get_access_key_last_used, AccessKeyId="AKIAAAAAAAAAAAAAAAAA") == "The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found."
    assert message(iam.create_user, UserName=user) == f"User with name {user} already exists."
    assert message(iam.create_group, GroupName=group) == f"Group with name {group} already exists."


def test_list_users_by_pages(iam):
    path = f"/{unique('pages')}/"
    names = [f"{unique('page')}-{letter}" for letter in "gBaFcDe"]
    for name in names:
        iam.create_user(UserName=name, Path=path)
    ordered = sorted(names, key=str.lower)
    for size in (1, 2, 3, 7, 8):
        got, pages = everything(iam.list_users, "Users", PathPrefix=path, MaxItems=size)
        assert [user["UserName"] for user in got] == ordered and pages == -(-7 // size)
    by_paginator = [u["UserName"] for page in iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 2}) for u in page["Users"]]
    assert by_paginator == ordered
    assert iam.list_users(PathPrefix=path + "none/")["Users"] == []
    assert {"Tags", "PermissionsBoundary"}.isdisjoint(got[0])
    with refused("ValidationError", 400):
        iam.list_users(PathPrefix="relative/")


def test_delete_conflicts(iam, user, group, server):
    iam.add_user_to_group(GroupName=group, UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    iam.put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=ALL_OF_S3)
    arn = make_policy(server)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)
    iam.put_group_policy(GroupName=group, PolicyName="inline", PolicyDocument=ALL_OF_S3)
    undo = [
        (iam.remove_user_from_group, {"GroupName": group, "UserName": user}),
        (iam.delete_access_key, {"UserName": user, "AccessKeyId": key}),
        (iam.delete_user_policy, {"UserName": user, "PolicyName": "inline"}),
        (iam.detach_user_policy, {"UserName": user, "PolicyArn": arn}),
    ]
    for call, arguments in undo:
        with refused("DeleteConflict", 409):
            iam.delete_user(UserName=user)
        call(**arguments)
    iam.delete_user(UserName=user)
    with refused("DeleteConflict", 409):
        iam.delete_group(GroupName=group)
    iam.detach_group_policy(GroupName=group, PolicyArn=arn)
    with refused("DeleteConflict", 409):
        iam.delete_group(GroupName=group)
    iam.delete_group_policy(GroupName=group, PolicyName="inline")
    iam.delete_group(GroupName=group)


def test_races(server, iam, user):
    """Of racing calls as many win as there is room for."""
    import threading

    def race(count, call):
        results = []

        def run(number):
            try:
                call(lakegated.connect(server, "iam"), number)
                results.append("won")
            except ClientError as error:
                results.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(results, key=lambda result: result != "won")

    name = unique("racing")
    assert race(8, lambda one, n: one.create_user(UserName=name if n % 2 else name.upper())) == ["won"] + ["EntityAlreadyExists"] * 7
    assert race(6, lambda one, n: one.create_access_key(UserName=user)) == ["won"] * 2 + ["LimitExceeded"] * 4
    assert len(iam.list_access_keys(UserName=user)["AccessKeyMetadata"]) == 2
    assert race(6, lambda one, n: one.delete_user(UserName=name)) == ["won"] + ["NoSuchEntity"] * 5
    assert race(8, lambda one, n: one.tag_user(UserName=user, Tags=[{"Key": f"k{n}", "Value": ""}])) == ["won"] * 8
    assert len(iam.list_user_tags(UserName=user)["Tags"]) == 8


# ---- tags ----


def test_user_tags(iam, user):
    iam.tag_user(UserName=user, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}, {"Key": "ü/=+@", "Value": "€ x"}])
    iam.tag_user(UserName=user, Tags=[{"Key": "A", "Value": "3"}])
    tags = {tag["Key"].lower(): tag["Value"] for tag in iam.list_user_tags(UserName=user)["Tags"]}
    assert tags == {"a": "3", "b": "2", "ü/=+@": "€ x"}
    got, pages = everything(iam.list_user_tags, "Tags", UserName=user, MaxItems=2)
    assert len(got) == 3 and pages == 2
    iam.untag_user(UserName=user, TagKeys=["a", "not-there"])
    assert len(iam.list_user_tags(UserName=user)["Tags"]) == 2
    iam.tag_user(UserName=user, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(48)])
    with refused("LimitExceeded", 409):
        iam.tag_user(UserName=user, Tags=[{"Key": "one-more", "Value": ""}])
    with refused("NoSuchEntity", 404):
        iam.tag_user(UserName="nobody-here", Tags=[{"Key": "a", "Value": ""}])
    with refused("ValidationError", 400):
        iam.untag_user(UserName=user, TagKeys=[])


# ---- groups ----


def test_group_life(iam, user):
    name = unique("Group")
    made = iam.create_group(GroupName=name, Path="/g/")["Group"]
    assert made["Arn"] == f"{ARN}group/g/{name}" and re.fullmatch("AGPA[A-Z2-7]{17}", made["GroupId"])
    for _ in range(2):  # who is in already stays in
        iam.add_user_to_group(GroupName=name, UserName=user)
    got = iam.get_group(GroupName=name.lower())
    assert got["Group"] == made and [u["UserName"] for u in got["Users"]] == [user]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=user)["Groups"]] == [name]
    iam.update_group(GroupName=name, NewGroupName=name + "2", NewPath="/h/")
    assert iam.list_groups_for_user(UserName=user)["Groups"][0]["Arn"] == f"{ARN}group/h/{name}2"
    new_user = unique("renamed")
    iam.update_user(UserName=user, NewUserName=new_user)
    assert [u["UserName"] for u in iam.get_group(GroupName=name + "2")["Users"]] == [new_user]
    iam.remove_user_from_group(GroupName=name + "2", UserName=new_user)
    assert iam.list_groups_for_user(UserName=new_user)["Groups"] == []
    with refused("NoSuchEntity", 404):
        iam.add_user_to_group(GroupName=name + "2", UserName="nobody-here")
    with refused("NoSuchEntity", 404):
        iam.add_user_to_group(GroupName="none-here", UserName=new_user)
    iam.delete_group(GroupName=name + "2")


def test_members_and_groups_by_pages(iam, group):
    users = [unique("member") for _ in range(5)]
    for name in users:
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName=group, UserName=name)
    got, pages = everything(iam.get_group, "Users", GroupName=group, MaxItems=2)
    assert sorted(u["UserName"] for u in got) == sorted(users) and pages == 3
    groups = [group] + [unique("more") for _ in range(9)]
    for name in groups[1:]:
        iam.create_group(GroupName=name)
        iam.add_user_to_group(GroupName=name, UserName=users[0])
    got, pages = everything(iam.list_groups_for_user, "Groups", UserName=users[0], MaxItems=4)
    assert sorted(g["GroupName"] for g in got) == sorted(groups) and pages == 3
    eleventh = unique("eleventh")
    iam.create_group(GroupName=eleventh)
    with refused("LimitExceeded", 409):
        iam.add_user_to_group(GroupName=eleventh, UserName=users[0])


def test_groups_grant(iam, server, s3, bucket, group):
    someone = make_user(server)
    with refused("AccessDenied", 403):
        someone.s3.list_objects_v2(Bucket=bucket)
    iam.put_group_policy(GroupName=group, PolicyName="list", PolicyDocument=policy(("Allow", "s3:ListBucket", "*")))
    iam.add_user_to_group(GroupName=group, UserName=someone.name)
    someone.s3.list_objects_v2(Bucket=bucket)
    iam.remove_user_from_group(GroupName=group, UserName=someone.name)
    with refused("AccessDenied", 403):
        someone.s3.list_objects_v2(Bucket=bucket)


# ---- inline policies ----


@pytest.mark.parametrize("kind", ["user", "group"])
def test_inline_policies(iam, kind, request):
    who = {f"{kind.capitalize()}Name": request.getfixturevalue(kind)}
    put, get, delete, names = (getattr(iam, f"{verb}_{kind}_{noun}") for verb, noun in (("put", "policy"), ("get", "policy"), ("delete", "policy"), ("list", "policies")))
    text = '{ "Version": "2012-10-17",\n\t"Statement": {"Effect": "Allow", "Action": ["s3:Get*", "glue:*"], "Resource": "arn:aws:s3:::büro/${aws:username}/*+&%=<>" } }'
    put(**who, PolicyName="Odd+=,.@_-Name", PolicyDocument=text)
    got = get(**who, PolicyName="Odd+=,.@_-Name")
    assert got["PolicyDocument"] == json.loads(text) and got["PolicyName"] == "Odd+=,.@_-Name"
    assert got.items() >= who.items()
    put(**who, PolicyName="b", PolicyDocument=ALL_OF_S3)
    put(**who, PolicyName="b", PolicyDocument=policy(("Deny", "s3:*", "*")))
    assert got["PolicyDocument"] != get(**who, PolicyName="b")["PolicyDocument"]
    listed, pages = everything(names, "PolicyNames", **who, MaxItems=1)
    assert sorted(listed) == ["Odd+=,.@_-Name", "b"] and pages == 2
    delete(**who, PolicyName="b")
    with refused("NoSuchEntity", 404):
        delete(**who, PolicyName="b")
    for wrong in ("{}", "no JSON", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}', '{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"s3:*","Resource":"*"}]}',
                  policy({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}), policy(("Allow", "s3:*", "*", {"StringLike": {"s3:no-such-key": "x"}}))):
        with refused("MalformedPolicyDocument", 400):
            put(**who, PolicyName="wrong", PolicyDocument=wrong)
    large = policy(*(("Allow", "s3:GetObject", f"arn:aws:s3:::bucket-{i}/{'x' * 200}") for i in range(30)))
    with refused("LimitExceeded", 409):
        put(**who, PolicyName="large", PolicyDocument=large)


# ---- access keys ----


def test_access_keys(iam, server, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    assert re.fullmatch("AKIA[A-Z2-7]{16}", key["AccessKeyId"]) and len(key["SecretAccessKey"]) == 40
    assert key["Status"] == "Active" and key["UserName"] == user
    someone = Someone(server, user, None, (key["AccessKeyId"], key["SecretAccessKey"]))
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["UserName"] == user and used["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    assert someone.sts.get_caller_identity()["Arn"] == f"{ARN}user/{user}"
    for _ in range(1000):  # written beside, as on AWS
        used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
        if used["ServiceName"] != "N/A":
            break
    assert used["ServiceName"] == "sts" and used["Region"] == lakegated.REGION and used["LastUsedDate"]
    second = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    with refused("LimitExceeded", 409):
        iam.create_access_key(UserName=user)
    listed, pages = everything(iam.list_access_keys, "AccessKeyMetadata", UserName=user, MaxItems=1)
    assert {k["AccessKeyId"] for k in listed} == {key["AccessKeyId"], second} and pages == 2
    assert all("SecretAccessKey" not in k for k in listed)
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId", 403):
        someone.sts.get_caller_identity()
    with refused("InvalidAccessKeyId", 403):
        someone.s3.list_buckets()
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Active")
    someone.sts.get_caller_identity()
    with refused("NoSuchEntity", 404):
        iam.delete_access_key(UserName=make_user(server).name, AccessKeyId=second)
    iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    with refused("InvalidClientTokenId", 403):
        someone.sts.get_caller_identity()


def test_own_keys_without_a_name(iam, server):
    """UserName omitted is the caller; for root, root's own keys."""
    someone = make_user(server, policy(("Allow", ["iam:*AccessKey*", "iam:GetUser"], f"{ARN}user/${{aws:username}}")))
    assert someone.iam.get_user()["User"]["UserName"] == someone.name
    made = someone.iam.create_access_key()["AccessKey"]
    assert made["UserName"] == someone.name and len(someone.iam.list_access_keys()["AccessKeyMetadata"]) == 2
    someone.iam.update_access_key(AccessKeyId=made["AccessKeyId"], Status="Inactive")
    someone.iam.delete_access_key(AccessKeyId=made["AccessKeyId"])
    other = make_user(server)
    with refused("AccessDenied", 403):
        someone.iam.create_access_key(UserName=other.name)
    with refused("AccessDenied", 403):
        someone.iam.list_access_keys(UserName=other.name)
    root = iam.get_user()["User"]
    assert root["Arn"] == f"{ARN}root" and root["UserId"] == ACCOUNT


def test_secrets_rest_nowhere_in_the_clear(iam, server, user):
    import os

    secret = iam.create_access_key(UserName=user)["AccessKey"]["SecretAccessKey"].encode()
    for place, _, names in os.walk(server.data):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                assert secret not in file.read()
    assert secret.decode() not in server.log_tail(10_000)


# ---- who may ----


def test_permissions_are_asked_before_anything_is_told(server, user):
    nobody = make_user(server)
    refusals = [
        (nobody.iam.create_user, {"UserName": "new"}), (nobody.iam.get_user, {"UserName": user}), (nobody.iam.get_user, {"UserName": "nobody-here"}),
        (nobody.iam.list_users, {}), (nobody.iam.delete_user, {"UserName": user}), (nobody.iam.update_user, {"UserName": user, "NewUserName": "x"}),
        (nobody.iam.create_group, {"GroupName": "new"}), (nobody.iam.get_group, {"GroupName": "none-here"}), (nobody.iam.list_groups, {}),
        (nobody.iam.get_account_summary, {}), (nobody.iam.list_account_aliases, {}), (nobody.iam.list_mfa_devices, {"UserName": user}),
        (nobody.iam.put_user_policy, {"UserName": nobody.name, "PolicyName": "all", "PolicyDocument": ALL_OF_S3}),
        (nobody.iam.get_access_key_last_used, {"AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"}), (nobody.iam.tag_user, {"UserName": user, "Tags": [{"Key": "a", "Value": ""}]}),
    ]
    for call, arguments in refusals:
        with refused("AccessDenied", 403):
            call(**arguments)
    assert message(nobody.iam.get_user, UserName=user) == (
        f"User: {nobody.arn} is not authorized to perform: iam:GetUser on resource: {ARN}user/{user} "
        "because no identity-based policy allows the iam:GetUser action"
    )


def test_conditions_on_tags_and_paths(server, iam):
    """Who may only make what is tagged for the team, in the team's path."""
    helper = make_user(server, policy(
        ("Allow", ["iam:CreateUser", "iam:TagUser"], f"{ARN}user/team/*", {"StringEquals": {"aws:RequestTag/team": "lake"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
        ("Allow", ["iam:DeleteUser", "iam:UpdateUser", "iam:UntagUser"], "*", {"StringEquals": {"aws:ResourceTag/team": "lake"}}),
        ("Deny", "iam:UpdateUser", f"{ARN}user/admins/*"),
        ("Deny", "iam:UntagUser", "*", {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}),
    ))
    tag = [{"Key": "team", "Value": "lake"}]
    ours, theirs = unique("ours"), unique("theirs")
    iam.create_user(UserName=theirs)
    helper.iam.create_user(UserName=ours, Path="/team/", Tags=tag)
    for call, arguments in [
        (helper.iam.create_user, {"UserName": "x", "Path": "/team/"}), (helper.iam.create_user, {"UserName": "x", "Tags": tag}),
        (helper.iam.create_user, {"UserName": "x", "Path": "/team/", "Tags": tag + [{"Key": "admin", "Value": "1"}]}),
        (helper.iam.delete_user, {"UserName": theirs}), (helper.iam.update_user, {"UserName": ours, "NewPath": "/admins/"}),
        (helper.iam.untag_user, {"UserName": ours, "TagKeys": ["team"]}), (helper.iam.tag_user, {"UserName": theirs, "Tags": tag}),
    ]:
        with refused("AccessDenied", 403):
            call(**arguments)
    helper.iam.untag_user(UserName=ours, TagKeys=["other"])
    helper.iam.update_user(UserName=ours, NewPath="/team/sub/")
    helper.iam.delete_user(UserName=ours)


def test_boundary_is_a_condition(server, iam):
    """A delegate who may make users only within a boundary."""
    arn = make_policy(server)
    delegate = make_user(server, policy(
        ("Allow", ["iam:CreateUser", "iam:PutUserPolicy", "iam:DeleteUserPolicy"], "*", {"StringEquals": {"iam:PermissionsBoundary": arn}})))
    bound, free = unique("bound"), unique("free")
    with refused("AccessDenied", 403):
        delegate.iam.create_user(UserName=free)
    made = delegate.iam.create_user(UserName=bound, PermissionsBoundary=arn)["User"]
    assert made["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    delegate.iam.put_user_policy(UserName=bound, PolicyName="all", PolicyDocument=policy(("Allow", "*", "*")))
    iam.create_user(UserName=free)
    with refused("AccessDenied", 403):
        delegate.iam.put_user_policy(UserName=free, PolicyName="all", PolicyDocument=ALL_OF_S3)
    with refused("NoSuchEntity", 404):
        iam.create_user(UserName=unique("lost"), PermissionsBoundary=f"{ARN}policy/none-here")


# ---- the account, and what nobody has ----


def test_account_summary(iam, server):
    before = iam.get_account_summary()["SummaryMap"]
    make_user(server)
    iam.create_group(GroupName=unique("counted"))
    after = iam.get_account_summary()["SummaryMap"]
    assert after["Users"] > before["Users"] and after["Groups"] > before["Groups"]
    assert (after["AccessKeysPerUserQuota"], after["GroupsPerUserQuota"], after["VersionsPerPolicyQuota"]) == (2, 10, 5)


def test_empty_lists(iam, user, server):
    assert iam.list_mfa_devices(UserName=user)["MFADevices"] == []
    assert iam.list_mfa_devices()["MFADevices"] == []
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Any")["VirtualMFADevices"] == []
    assert iam.list_ssh_public_keys(UserName=user)["SSHPublicKeys"] == []
    assert iam.list_signing_certificates(UserName=user)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=user)["ServiceSpecificCredentials"] == []
    assert iam.list_account_aliases()["AccountAliases"] == []
    for call in (iam.get_login_profile, iam.delete_login_profile):
        assert message(call, UserName=user) == f"Login Profile for User {user} cannot be found."
        with refused("NoSuchEntity", 404):
            call(UserName=user)
    with refused("NoSuchEntity", 404):
        iam.list_ssh_public_keys(UserName="nobody-here")
    with refused("NoSuchEntity", 404):
        iam.list_instance_profiles_for_role(RoleName="none-here")


def test_other_actions(iam, server, user):
    for call, arguments in [
        (iam.create_login_profile, {"UserName": user, "Password": "x"}), (iam.create_account_alias, {"AccountAlias": "abc"}),
        (iam.create_saml_provider, {"Name": "a", "SAMLMetadataDocument": "x" * 1000}), (iam.enable_mfa_device, {"UserName": user, "SerialNumber": "123456789", "AuthenticationCode1": "123456", "AuthenticationCode2": "123456"}),
    ]:
        with refused("InvalidAction", 400):
            call(**arguments)
    assert message(iam.create_account_alias, AccountAlias="abc") == "Could not find operation CreateAccountAlias for version 2010-05-08"


def test_wrong_keys(server):
    with refused("InvalidClientTokenId", 403):
        lakegated.connect(server, "iam", ("AKIAAAAAAAAAAAAAAAAA", "x")).list_users()
    with refused("SignatureDoesNotMatch", 403):
        lakegated.connect(server, "iam", (lakegated.ACCESS_KEY, "wrong")).list_users()
    with refused("InvalidClientTokenId", 403):
        lakegated.connect(server, "iam", (lakegated.ACCESS_KEY, lakegated.SECRET_KEY, "a token")).list_users()
    unsigned = lakegated.connect(server, "iam", signature_version=botocore.UNSIGNED)
    with refused("MissingAuthenticationToken", 403):
        unsigned.list_users()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_presigned_identity(server, method):
    """How programs prove to others who they are: the URL is handed on, and whoever has it asks."""
    someone = make_user(server)
    url = someone.sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod=method)
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as reply:
        assert f"<Arn>{someone.arn}</Arn>" in reply.read().decode()
    for altered in (url.replace("Action=GetCallerIdentity", "Action=GetSessionToken"), url + "&DurationSeconds=900", url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(altered, method=method))


def test_requests_of_a_deleted_user(iam, server, s3, bucket):
    someone = make_user(server, ALL_OF_S3)
    someone.s3.list_objects_v2(Bucket=bucket)
    for key in iam.list_access_keys(UserName=someone.name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=someone.name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=someone.name, PolicyName="allowed")
    iam.delete_user(UserName=someone.name)
    with refused("InvalidAccessKeyId", 403):
        someone.s3.list_objects_v2(Bucket=bucket)


def test_everything_survives_a_restart(tmp_path):
    with lakegated.Lakegated(data=tmp_path / "data") as server:
        iam = lakegated.connect(server, "iam")
        someone = make_user(server, ALL_OF_S3, Tags=[{"Key": "a", "Value": "b"}])
        iam.create_group(GroupName="kept")
        iam.add_user_to_group(GroupName="kept", UserName=someone.name)
        before = iam.get_user(UserName=someone.name)["User"]
        assert server.stop() == 0
        server.start()
        assert lakegated.connect(server, "iam").get_user(UserName=someone.name)["User"] == before
        again = Someone(server, someone.name, someone.arn, someone.keys)
        assert again.sts.get_caller_identity()["Arn"] == someone.arn
        assert again.s3.list_buckets()["Buckets"] == []
        assert lakegated.connect(server, "iam").get_group(GroupName="kept")["Users"][0]["UserName"] == someone.name


# ---- aws-cli ----


def test_aws_cli(aws, tmp_path):
    name, group = unique("cli"), unique("cli-group")
    document = tmp_path / "policy.json"
    document.write_text(policy(("Allow", "s3:GetObject", "arn:aws:s3:::b/*")))
    made = json.loads(aws.run("iam", "create-user", "--user-name", name, "--path", "/x/", "--tags", "Key=team,Value=a b"))["User"]
    assert made["Arn"] == f"{ARN}user/x/{name}"
    aws.run("iam", "create-group", "--group-name", group)
    aws.run("iam", "add-user-to-group", "--group-name", group, "--user-name", name)
    aws.run("iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", f"file://{document}")
    assert json.loads(aws.run("iam", "get-user-policy", "--user-name", name, "--policy-name", "p"))["PolicyDocument"] == json.loads(document.read_text())
    key = json.loads(aws.run("iam", "create-access-key", "--user-name", name))["AccessKey"]
    as_user = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    assert json.loads(aws.run("sts", "get-caller-identity", environment=as_user))["Arn"] == made["Arn"]
    aws.run("iam", "list-users", environment=as_user, code=(254, 255))
    assert "(AccessDenied)" in aws.stderr and "iam:ListUsers" in aws.stderr
    listed = json.loads(aws.run("iam", "list-users", "--path-prefix", "/x/", "--page-size", "1"))["Users"]
    assert name in [user["UserName"] for user in listed]
    aws.run("iam", "update-access-key", "--user-name", name, "--access-key-id", key["AccessKeyId"], "--status", "Inactive")
    aws.run("sts", "get-caller-identity", environment=as_user, code=(254, 255))
    assert "(InvalidClientTokenId)" in aws.stderr
    aws.run("iam", "delete-user", "--user-name", name, code=(254, 255))
    assert "(DeleteConflict)" in aws.stderr
    aws.run("iam", "remove-user-from-group", "--group-name", group, "--user-name", name)
    aws.run("iam", "delete-access-key", "--user-name", name, "--access-key-id", key["AccessKeyId"])
    aws.run("iam", "delete-user-policy", "--user-name", name, "--policy-name", "p")
    aws.run("iam", "delete-user", "--user-name", name)
    aws.run("iam", "delete-group", "--group-name", group)
    aws.run("iam", "get-user", "--user-name", name, code=(254, 255))
    assert "(NoSuchEntity)" in aws.stderr
