"""Users, roles and policies for tests: made through the API as root, with what tests need of them."""
import itertools
import json
import os

import lakegated

ACCOUNT = "000000000001"
_numbers = itertools.count(1)


def unique(prefix):
    """Not a name of conftest.new_name(), which counts by itself."""
    return f"{prefix}-{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}-u{next(_numbers)}"


def policy(*statements):
    """A policy's text. Each statement: (effect, actions, resources[, condition]), or a dict as it is."""
    written = []
    for statement in statements:
        if not isinstance(statement, dict):
            effect, actions, resources, *condition = statement
            statement = {"Effect": effect, "Action": actions, "Resource": resources}
            if condition:
                statement["Condition"] = condition[0]
        written.append(statement)
    return json.dumps({"Version": "2012-10-17", "Statement": written})


def trust(principal, condition=None, actions="sts:AssumeRole", effect="Allow"):
    """A role's trust policy: who may assume it."""
    statement = {"Effect": effect, "Principal": principal, "Action": actions}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


ANY = policy(("Allow", "*", "*"))
ALL_OF_S3 = policy(("Allow", "s3:*", "*"))
MAY_ASSUME = policy(("Allow", "sts:*", "*"))
TRUST_ACCOUNT = trust({"AWS": ACCOUNT})


def only(bucket, *actions):
    """A policy that allows these actions in one bucket, all of S3 there when none is named."""
    return policy(("Allow", list(actions) or "s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]))


class Someone:
    """A user with an access key, or a session; keys are for lakegated.connect."""

    def __init__(self, server, name, arn, keys):
        self.server, self.name, self.arn, self.keys = server, name, arn, keys

    def __getattr__(self, service):
        if service not in ("s3", "iam", "sts"):
            raise AttributeError(service)
        client = lakegated.connect(self.server, service, self.keys)
        setattr(self, service, client)
        return client


def make_user(server, allowed=None, prefix="user", **options):
    """allowed: the text of an inline policy."""
    root = lakegated.connect(server, "iam")
    name = unique(prefix)
    user = root.create_user(UserName=name, **options)["User"]
    if allowed:
        root.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=allowed)
    key = root.create_access_key(UserName=name)["AccessKey"]
    return Someone(server, name, user["Arn"], (key["AccessKeyId"], key["SecretAccessKey"]))


def make_role(server, trusted=TRUST_ACCOUNT, allowed=ALL_OF_S3, prefix="role", **options):
    """The role as the API tells it."""
    root = lakegated.connect(server, "iam")
    role = root.create_role(RoleName=unique(prefix), AssumeRolePolicyDocument=trusted, **options)["Role"]
    if allowed:
        root.put_role_policy(RoleName=role["RoleName"], PolicyName="allowed", PolicyDocument=allowed)
    return role


def make_policy(server, text=ALL_OF_S3, prefix="policy", **options):
    """A managed policy's ARN."""
    root = lakegated.connect(server, "iam")
    return root.create_policy(PolicyName=unique(prefix), PolicyDocument=text, **options)["Policy"]["Arn"]


def assume(someone, role, name="session", **options):
    """The session of a role, as Someone."""
    reply = someone.sts.assume_role(RoleArn=role["Arn"], RoleSessionName=name, **options)
    return Someone(someone.server, name, reply["AssumedRoleUser"]["Arn"], keys_of(reply))


def reads(someone, bucket):
    assert someone.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"


def writes(someone, bucket):
    someone.s3.put_object(Bucket=bucket, Key="k", Body=b"content")


def keys_of(reply):
    made = reply["Credentials"]
    return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]


def send(server, method, path, keys=None, body=b"", headers=None):
    """A signed request to one of the daemon's own paths: (status, answer)."""
    import urllib.error
    import urllib.request

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method, server.endpoint + path, headers=headers or {}, data=body)
    S3SigV4Auth(Credentials(*(keys or (lakegated.ACCESS_KEY, lakegated.SECRET_KEY))), "s3", lakegated.REGION).add_auth(request)
    prepared = request.prepare()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(prepared.url, data=body or None, headers=dict(prepared.headers), method=method)
        ) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def make_account(server):
    """Another account's root; name is its 12 digits."""
    status, answer = send(server, "POST", f"/-/accounts?name={unique('account')}")
    assert status == 200, answer
    made = json.loads(answer)
    return Someone(server, made["id"], f"arn:aws:iam::{made['id']}:root", (made["access_key"], made["secret_key"]))


def make_member(owner, allowed=None):
    """A user of that account."""
    name = unique("member")
    arn = owner.iam.create_user(UserName=name)["User"]["Arn"]
    if allowed:
        owner.iam.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=allowed)
    key = owner.iam.create_access_key(UserName=name)["AccessKey"]
    return Someone(owner.server, name, arn, (key["AccessKeyId"], key["SecretAccessKey"]))
