"""`lakegate user`, `group`, `role`, `policy` and `whoami`: short forms over IAM's API."""
import json

import pytest

import lakegated
from conftest import Client, new_name
from iam import ACCOUNT, TRUST_ACCOUNT, make_user, policy, unique

ARN = f"arn:aws:iam::{ACCOUNT}:"
TEXT = """{"Version": "2012-10-17",
 "Statement": [
  {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "glue:GetTable"], "Resource": "arn:aws:s3:::NAME/*"},
  {"Sid": "Secret", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::NAME/secret/*"}]}"""


@pytest.fixture
def lakegate(server):
    return Client(lakegated.program("lakegate"), {
        "LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY, "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY, "LAKEGATE_ENDPOINT_URL": server.endpoint,
    })


@pytest.fixture
def files(tmp_path):
    (tmp_path / "policy.json").write_text(TEXT)
    (tmp_path / "trust.json").write_text(TRUST_ACCOUNT)
    return tmp_path


def fields(text):
    """What "name   value" lines say."""
    return dict(line.split(None, 1) for line in text.splitlines() if len(line.split(None, 1)) == 2)


def test_usage(lakegate):
    for words in (["user"], ["user", "key"], ["policy", "version"]):
        lakegate.run(*words, code=2)
        assert f"lakegate {' '.join(words)} " in lakegate.stderr
        assert f"lakegate {' '.join(words)} " in lakegate.run(*words, "--help")
    for wrong, said in (
        (["user", "add"], "USER is missing"), (["user", "add", "a", "b"], "'b' does not belong there"), (["user", "add", "a", "--path"], "--path needs a value"),
        (["user", "add", "a", "--path", "/", "--path=/"], "given too often"), (["user", "add", "a", "--none", "x"], "'--none' does not belong there"),
        (["user", "add", "a", "--tag", "team"], "KEY=VALUE"), (["user", "tag", "a"], "--tag is missing"), (["user", "untag", "a"], "--key is missing"),
        (["policy", "attach", "p"], "lakegate policy attach POLICY --user"), (["policy", "attach", "p", "--user", "a", "--group", "b"], "lakegate policy attach"),
        (["policy", "test", "--action", "s3:GetObject"], "--principal"), (["policy", "test", "--principal", "a", "--action"], "--action needs a value"),
        (["policy", "test", "--principal", "a", "--action", "s3:x", "--context", "novalue"], "KEY=VALUE"), (["whoami", "x"], "does not belong there"),
    ):
        if "novalue" in wrong:
            wrong[wrong.index("a")] = "arn:aws:iam::000000000001:root"
        lakegate.run(*wrong, code=2)
        assert said in lakegate.stderr, wrong


def test_users(lakegate, server):
    name = unique("Cli")
    shown = fields(lakegate.run("user", "add", name, "--path=/team/", "--tag", "team=a=b", "--tag", "größe=€"))
    assert shown["Arn"] == f"{ARN}user/team/{name}" and shown["Tags.team"] == "a=b" and shown["Tags.größe"] == "€"
    lakegate.run("user", "add", name, code=3)
    assert lakegate.stderr == f"lakegate: {server.endpoint} answered 409 EntityAlreadyExists: User with name {name} already exists.\n"
    table = lakegate.run("user", "list", "--path-prefix", "/team/").splitlines()
    assert table[0].split() == ["UserName", "UserId", "Path", "CreateDate"] and any(line.startswith(name + " ") for line in table[1:])
    lakegate.run("user", "tag", name, "--tag", "c=d")
    lakegate.run("user", "untag", name, "--key", "team", "--key=größe")
    whole = json.loads(lakegate.run("user", "show", name, "--json"))
    assert whole["User"]["Tags"] == [{"Key": "c", "Value": "d"}] and whole["Groups"] == whole["PolicyNames"] == whole["AttachedPolicies"] == []
    lakegate.run("user", "update", name, "--name", name + "2", "--path", "/")
    assert fields(lakegate.run("user", "show", name + "2"))["Arn"] == f"{ARN}user/{name}2"
    lakegate.run("user", "remove", name + "2")
    lakegate.run("user", "show", name + "2", code=3)
    assert "404 NoSuchEntity" in lakegate.stderr


def test_keys(lakegate, server):
    name = unique("cli-keys")
    lakegate.run("user", "add", name)
    key = json.loads(lakegate.run("user", "key", "add", name, "--json"))["AccessKey"]
    as_user = Client(lakegate.program, {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"], "AWS_ENDPOINT_URL": server.endpoint})
    assert fields(as_user.run("whoami"))["Arn"] == f"{ARN}user/{name}"
    as_user.run("user", "list", code=3)
    assert "403 AccessDenied: User: " in as_user.stderr
    assert key["AccessKeyId"] in lakegate.run("user", "key", "list", name)
    lakegate.run("user", "key", "disable", name, key["AccessKeyId"])
    as_user.run("whoami", code=3)
    assert "InvalidClientTokenId" in as_user.stderr
    lakegate.run("user", "key", "enable", name, key["AccessKeyId"])
    as_user.run("whoami")
    token = lakegated.connect(server, "sts", (key["AccessKeyId"], key["SecretAccessKey"])).get_session_token()["Credentials"]
    session = {"AWS_ACCESS_KEY_ID": token["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": token["SecretAccessKey"], "AWS_SESSION_TOKEN": token["SessionToken"]}
    assert fields(Client(lakegate.program, {**session, "AWS_ENDPOINT_URL": server.endpoint}).run("whoami"))["Arn"] == f"{ARN}user/{name}"
    lakegate.run("user", "key", "remove", name, key["AccessKeyId"])
    assert lakegate.run("user", "key", "list", name) == ""
    lakegate.run("user", "remove", name)


def test_lists_longer_than_a_page(lakegate, server):
    """The command asks for pages of 1000; the daemon may give fewer at once."""
    iam = lakegated.connect(server, "iam")
    path = f"/{unique('many')}/"
    names = sorted(unique("many") for _ in range(110))
    for name in names:
        iam.create_user(UserName=name, Path=path)
    listed = json.loads(lakegate.run("user", "list", "--path-prefix", path, "--json"))
    assert sorted(user["UserName"] for user in listed["Users"]) == names


def test_groups_and_policies(lakegate, files):
    user, group, name = unique("cli-user"), unique("cli-group"), unique("CliPolicy")
    lakegate.run("user", "add", user)
    lakegate.run("group", "add", group)
    lakegate.run("group", "member", "add", group, user)
    assert user in lakegate.run("group", "show", group)
    lakegate.run("group", "policy", "put", group, "inline", files / "policy.json")
    assert lakegate.run("group", "policy", "show", group, "inline") == TEXT + "\n"
    assert fields(lakegate.run("policy", "create", name, files / "policy.json", "--path", "/p/"))["Arn"] == f"{ARN}policy/p/{name}"
    lakegate.run("policy", "attach", name, "--group", group)
    lakegate.run("user", "policy", "attach", user, f"{ARN}policy/p/{name}")
    lakegate.run("user", "policy", "attach", user, "AmazonS3ReadOnlyAccess")
    shown = lakegate.run("policy", "show", name)
    assert "PolicyGroups.0.GroupName" in shown and "PolicyUsers.0.UserName" in shown
    assert "AmazonS3ReadOnlyAccess" in lakegate.run("user", "policy", "list", user)
    lakegate.run("policy", "version", "add", name, "-", "--default", input=policy(("Allow", "s3:*", "*")).encode())
    assert json.loads(lakegate.run("policy", "version", "show", name, "v2")) == json.loads(policy(("Allow", "s3:*", "*")))
    lakegate.run("policy", "version", "default", name, "v1")
    lakegate.run("policy", "version", "remove", name, "v2")
    lakegate.run("policy", "remove", name, code=3)
    assert "DeleteConflict" in lakegate.stderr
    lakegate.run("policy", "detach", name, "--group", group)
    lakegate.run("user", "policy", "detach", user, name)
    lakegate.run("policy", "remove", name)
    lakegate.run("policy", "show", name, code=3)
    assert lakegate.stderr == f"lakegate: there is no managed policy '{name}'\n"
    lakegate.run("user", "policy", "put", user, "p", files / "missing.json", code=3)
    assert "cannot read" in lakegate.stderr
    (files / "wrong.json").write_text("{}")
    lakegate.run("user", "policy", "put", user, "p", files / "wrong.json", code=3)
    assert "MalformedPolicyDocument" in lakegate.stderr
    (files / "large.json").write_bytes(b" " * 300_000)
    lakegate.run("user", "policy", "put", user, "p", files / "large.json", code=3)
    assert "too long" in lakegate.stderr


def test_roles(lakegate, files):
    name = unique("cli-role")
    shown = lakegate.run("role", "add", name, files / "trust.json", "--description", "a b", "--max-session", "7200", "--tag", "x=y")
    assert fields(shown)["MaxSessionDuration"] == "7200" and TRUST_ACCOUNT in shown
    lakegate.run("role", "policy", "put", name, "inline", files / "policy.json")
    lakegate.run("role", "boundary", "set", name, "AmazonS3FullAccess")
    whole = json.loads(lakegate.run("role", "show", name, "--json"))
    assert whole["PolicyNames"] == ["inline"] and whole["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    assert json.loads(whole["Role"]["AssumeRolePolicyDocument"]) == json.loads(TRUST_ACCOUNT)
    lakegate.run("role", "boundary", "remove", name)
    lakegate.run("role", "remove", name, code=3)
    lakegate.run("role", "policy", "remove", name, "inline")
    lakegate.run("role", "remove", name)


def test_policy_test(lakegate, server, s3, files):
    bucket = new_name()
    s3.create_bucket(Bucket=bucket)
    text = TEXT.replace("NAME", bucket)
    someone = make_user(server, text)
    out = lakegate.run("policy", "test", "--principal", someone.name, "--action", "s3:GetObject", "--resource", f"{bucket}/a")
    assert out.splitlines() == [
        f"allowed  s3:GetObject  arn:aws:s3:::{bucket}/a",
        f"    by user_{someone.name}_allowed (IAM Policy), the statement at line 2, column 16 to 3, {len(text.splitlines()[2])}",
        f"warning: user_{someone.name}_allowed: Statement[0].Action[1]: glue:GetTable is an action of another service, never asked for here",
    ]
    out = lakegate.run("policy", "test", "--principal", f"user/{someone.name}", "--action=s3:GetObject", "--action=s3:PutObject", "--resource", f"arn:aws:s3:::{bucket}/secret/a", "--resource", f"{bucket}/b", code=1)
    assert [line.split()[0] for line in out.splitlines() if line[0] != " " and "warning" not in line] == ["denied", "allowed", "denied", "denied"]
    assert "    no statement allows it" in out
    # The bucket's own policy counts, and what it looks at may be missing.
    s3.put_bucket_policy(Bucket=bucket, Policy=policy({
        "Effect": "Allow", "Principal": {"AWS": someone.arn}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}))
    ask = ["policy", "test", "--principal", someone.arn, "--action", "s3:PutObject", "--resource", f"{bucket}/b"]
    assert "not said: aws:SourceIp" in lakegate.run(*ask, code=1)
    assert "by ResourcePolicy (Resource Policy)" in lakegate.run(*ask, "--context", "aws:SourceIp=192.0.2.7")
    assert lakegate.run(*ask, "--context", "aws:SourceIp=198.51.100.7", code=1).startswith("denied")
    (files / "bucket.json").write_text(policy({"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}))
    assert lakegate.run(*ask, "--bucket-policy", files / "bucket.json").startswith("allowed")
    # A policy that nobody has yet.
    (files / "new.json").write_text(policy(("Allow", "s3:List*", "*")))
    results = json.loads(lakegate.run("policy", "test", "--policy", files / "new.json", "--action", "s3:ListBucket", "--resource", bucket, "--json"))["EvaluationResults"]
    assert [(one["EvalActionName"], one["EvalDecision"]) for one in results] == [("s3:ListBucket", "allowed")]
    lakegate.run("policy", "test", "--policy", files / "new.json", "--action", "s3:GetObject", code=1)
    lakegate.run("policy", "test", "--principal", "nobody-here", "--action", "s3:GetObject", code=3)
    assert "NoSuchEntity" in lakegate.stderr
