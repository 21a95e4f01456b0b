"""The policy simulator: decisions, and the statements behind them."""
import http.client
import json

import pytest
from botocore.exceptions import ClientError

import lakegated
from conftest import refused
from iam import ACCOUNT, ALL_OF_S3, make_policy, make_role, make_user, policy, trust, unique

OBJECT = "arn:aws:s3:::lake/raw/a.csv"
BUCKET_READ = policy(("Allow", ["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::lake", "arn:aws:s3:::lake/*"]))


def custom(iam, texts, action="s3:GetObject", resource=OBJECT, **options):
    """The one result of a simulation."""
    texts = [texts] if isinstance(texts, str) else texts
    (result,) = iam.simulate_custom_policy(PolicyInputList=texts, ActionNames=[action], ResourceArns=[resource], **options)[
        "EvaluationResults"
    ]
    assert (result["EvalActionName"], result["EvalResourceName"]) == (action, resource)
    (same,) = result["ResourceSpecificResults"]
    assert (same["EvalResourceName"], same["EvalResourceDecision"]) == (resource, result["EvalDecision"])
    return result


def decision(*arguments, **options):
    return custom(*arguments, **options)["EvalDecision"]


def entry(name, *values, type="string"):
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": type}


def test_decisions(iam):
    assert decision(iam, BUCKET_READ) == "allowed"
    assert decision(iam, BUCKET_READ, "s3:PutObject") == "implicitDeny"
    assert decision(iam, BUCKET_READ, resource="arn:aws:s3:::other/raw/a.csv") == "implicitDeny"
    assert decision(iam, [BUCKET_READ, policy(("Deny", "*", "arn:aws:s3:::*/raw/*"))]) == "explicitDeny"
    assert decision(iam, policy(("Allow", "s3:*", "*")), "iam:CreateUser", "*") == "implicitDeny"
    assert decision(iam, policy(("Allow", "*", "*")), "lakegate:PutZones", "arn:aws:s3:::lake") == "allowed"


def test_matched_statements(iam):
    text = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Put*","Resource":"*"},{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}'
    (match,) = custom(iam, [ALL_OF_S3.replace("s3:*", "s3:List*"), text])["MatchedStatements"]
    assert match["SourcePolicyId"] == "PolicyInputList.2" and match["SourcePolicyType"] == "IAM Policy"
    start, end = match["StartPosition"], match["EndPosition"]
    assert (start["Line"], end["Line"]) == (1, 1)
    assert json.loads(text[start["Column"] - 1 : end["Column"] - 1])["Action"] == "s3:Get*"
    # Of what is denied only what denies it.
    (match,) = custom(iam, [text, policy(("Deny", "s3:GetObject", "*"))])["MatchedStatements"]
    assert match["SourcePolicyId"] == "PolicyInputList.2"
    assert custom(iam, text, "s3:DeleteObject")["MatchedStatements"] == []


def test_context(iam):
    text = policy(("Allow", "s3:GetObject", "*", {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "StringEquals": {"aws:PrincipalTag/team": "lake"}}))
    result = custom(iam, text)
    assert result["EvalDecision"] == "implicitDeny" and "aws:SourceIp" in result["MissingContextValues"]
    inside = [entry("aws:SourceIp", "10.1.2.3", type="ip"), entry("aws:PrincipalTag/team", "lake")]
    result = custom(iam, text, ContextEntries=inside)
    assert result["EvalDecision"] == "allowed" and result["MissingContextValues"] == []
    assert decision(iam, text, ContextEntries=[entry("AWS:sourceip", "11.1.2.3"), inside[1]]) == "implicitDeny"
    variable = policy(("Allow", "s3:*", "arn:aws:s3:::lake/${aws:username}/*"))
    assert decision(iam, variable, resource="arn:aws:s3:::lake/anna/x", ContextEntries=[entry("aws:username", "anna")]) == "allowed"
    assert decision(iam, variable, resource="arn:aws:s3:::lake/berta/x", ContextEntries=[entry("aws:username", "anna")]) == "implicitDeny"
    dated = policy(("Allow", "s3:*", "*", {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}))
    assert decision(iam, dated) == "implicitDeny"
    assert decision(iam, dated, ContextEntries=[entry("aws:CurrentTime", "2019-05-01T00:00:00Z", type="date")]) == "allowed"
    several = policy(("Allow", "s3:*", "*", {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "Null": {"aws:TagKeys": "false"}}))
    assert decision(iam, several, ContextEntries=[entry("aws:TagKeys", "a", "b", type="stringList")]) == "allowed"
    assert decision(iam, several, ContextEntries=[entry("aws:TagKeys", "a", "c", type="stringList")]) == "implicitDeny"


def test_boundary(iam):
    read = policy(("Allow", "s3:Get*", "*"))
    result = custom(iam, ALL_OF_S3, PermissionsBoundaryPolicyInputList=[read])
    assert result["EvalDecision"] == "allowed"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    result = custom(iam, ALL_OF_S3, "s3:PutObject", PermissionsBoundaryPolicyInputList=[read])
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


def test_resource_policy(iam, server):
    user = make_user(server)
    allows = lambda principal: json.dumps(  # noqa: E731
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/*"}]}
    )
    nothing = policy(("Allow", "s3:ListAllMyBuckets", "*"))
    ask = lambda text, **options: custom(iam, nothing, ResourcePolicy=text, CallerArn=user.arn, **options)  # noqa: E731
    result = ask(allows({"AWS": user.arn}))
    assert result["EvalDecision"] == "allowed"
    assert [(m["SourcePolicyId"], m["SourcePolicyType"]) for m in result["MatchedStatements"]] == [("ResourcePolicy", "Resource Policy")]
    assert ask(allows({"AWS": ACCOUNT}))["EvalDecision"] == "implicitDeny"  # it delegates, and nobody takes it up
    assert ask(allows("*"))["EvalDecision"] == "allowed"
    # Another account's bucket: both sides must allow.
    assert ask(allows("*"), ResourceOwner="arn:aws:iam::123456789012:root")["EvalDecision"] == "implicitDeny"
    assert custom(iam, ALL_OF_S3, ResourcePolicy=allows("*"), CallerArn=user.arn, ResourceOwner="123456789012")["EvalDecision"] == "allowed"
    with refused("InvalidInput", 400):
        custom(iam, nothing, ResourcePolicy=allows("*"))
    with refused("InvalidInput", 400):
        ask("{")
    with refused("InvalidInput", 400):
        custom(iam, nothing, resource="*", ResourcePolicy=allows("*"), CallerArn=user.arn)


def test_trust_policy_as_resource_policy(iam, server):
    user, role = make_user(server), make_role(server)
    ask = lambda text, mine: custom(  # noqa: E731
        iam, mine, "sts:AssumeRole", role["Arn"], ResourcePolicy=text, CallerArn=user.arn
    )["EvalDecision"]
    may, may_not = policy(("Allow", "sts:*", "*")), policy(("Allow", "s3:*", "*"))
    assert ask(trust({"AWS": ACCOUNT}), may) == "allowed"
    assert ask(trust({"AWS": ACCOUNT}), may_not) == "implicitDeny"
    assert ask(trust({"AWS": user.arn}), may_not) == "allowed"
    assert ask(trust({"Service": "glue.amazonaws.com"}), may) == "implicitDeny"


def test_principal(iam, server):
    user, group = make_user(server, policy(("Allow", "s3:PutObject", "*"))), unique("group")
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=user.name)
    iam.put_group_policy(GroupName=group, PolicyName="reads", PolicyDocument=BUCKET_READ)
    attached = make_policy(server, policy(("Deny", "s3:DeleteObject", "*"), ("Allow", "s3:*", "arn:aws:s3:::lake/${aws:username}/*")))
    iam.attach_user_policy(UserName=user.name, PolicyArn=attached)

    def ask(action, resource=OBJECT, source=user.arn, **options):
        (result,) = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=[action], ResourceArns=[resource], **options)[
            "EvaluationResults"
        ]
        return result["EvalDecision"], [m["SourcePolicyId"] for m in result["MatchedStatements"]]

    assert ask("s3:PutObject") == ("allowed", [f"user_{user.name}_allowed"])
    assert ask("s3:GetObject") == ("allowed", [f"group_{group}_reads"])
    assert ask("s3:DeleteObject") == ("explicitDeny", [attached.rsplit("/")[-1]])
    assert ask("s3:GetObjectAcl") == ("implicitDeny", [])
    assert ask("s3:GetObjectAcl", f"arn:aws:s3:::lake/{user.name}/x")[0] == "allowed"
    assert ask("s3:GetObjectAcl", PolicyInputList=[ALL_OF_S3]) == ("allowed", ["PolicyInputList.1"])
    iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    assert ask("s3:PutObject") == ("implicitDeny", [])
    assert ask("s3:GetObject")[0] == "allowed"
    arn = f"arn:aws:iam::{ACCOUNT}:group/{group}"
    assert ask("s3:GetObject", source=arn) == ("allowed", [f"group_{group}_reads"])
    assert ask("s3:PutObject", source=arn) == ("implicitDeny", [])
    role = make_role(server)
    assert ask("s3:PutObject", source=role["Arn"]) == ("allowed", [f"role_{role['RoleName']}_allowed"])
    for missing in ("user/nobody-here", "role/nobody-here", "group/nobody-here", "policy/x"):
        with refused("NoSuchEntity", 404):
            ask("s3:PutObject", source=f"arn:aws:iam::{ACCOUNT}:{missing}")
    with refused("InvalidInput", 400):
        ask("s3:PutObject", source="something-that-is-no-arn")


def test_pages(iam):
    resources = [f"arn:aws:s3:::lake/{n}" for n in range(7)]
    arguments = {"PolicyInputList": [BUCKET_READ], "ActionNames": ["s3:GetObject", "s3:PutObject"], "ResourceArns": resources, "MaxItems": 5}
    found, pages = [], 0
    while True:
        reply = iam.simulate_custom_policy(**arguments)
        found += [(r["EvalActionName"], r["EvalResourceName"], r["EvalDecision"]) for r in reply["EvaluationResults"]]
        pages += 1
        if not reply["IsTruncated"]:
            break
        arguments["Marker"] = reply["Marker"]
    assert pages == 3
    assert found == [("s3:GetObject", r, "allowed") for r in resources] + [("s3:PutObject", r, "implicitDeny") for r in resources]


def test_without_resources(iam):
    (result,) = iam.simulate_custom_policy(PolicyInputList=[ALL_OF_S3], ActionNames=["s3:ListAllMyBuckets"])["EvaluationResults"]
    assert (result["EvalResourceName"], result["EvalDecision"]) == ("*", "allowed")
    assert not result.get("ResourceSpecificResults")


def test_what_is_refused(iam, server):
    for texts in (["{"], [BUCKET_READ, '{"Version":"2012-10-17"}']):
        with refused("InvalidInput", 400):
            custom(iam, texts)
    with refused("InvalidInput", 400):
        custom(iam, BUCKET_READ, "GetObject")
    user = make_user(server, policy(("Allow", "iam:SimulateCustomPolicy", "*")))
    assert decision(user.iam, BUCKET_READ) == "allowed"
    with refused("AccessDenied", 403):
        user.iam.simulate_principal_policy(PolicySourceArn=user.arn, ActionNames=["s3:GetObject"])


def test_simulation_and_deed_agree(iam, server, s3, bucket):
    """The same policy, asked and acted on."""
    s3.put_object(Bucket=bucket, Key="in/a", Body=b"1")
    s3.put_object(Bucket=bucket, Key="out/a", Body=b"1")
    arn = f"arn:aws:s3:::{bucket}"
    text = policy(
        ("Allow", "s3:GetObject", f"{arn}/*"), ("Deny", "s3:GetObject", f"{arn}/out/*"),
        ("Allow", "s3:PutObject", f"{arn}/in/${{aws:username}}-*"), ("Allow", "s3:ListBucket", arn, {"StringLike": {"s3:prefix": "in/*"}}),
    )
    user = make_user(server, text)
    deeds = [
        ("s3:GetObject", f"{arn}/in/a", [], lambda: user.s3.get_object(Bucket=bucket, Key="in/a")),
        ("s3:GetObject", f"{arn}/out/a", [], lambda: user.s3.get_object(Bucket=bucket, Key="out/a")),
        ("s3:PutObject", f"{arn}/in/{user.name}-x", [], lambda: user.s3.put_object(Bucket=bucket, Key=f"in/{user.name}-x", Body=b"")),
        ("s3:PutObject", f"{arn}/in/other", [], lambda: user.s3.put_object(Bucket=bucket, Key="in/other", Body=b"")),
        ("s3:DeleteObject", f"{arn}/in/a", [], lambda: user.s3.delete_object(Bucket=bucket, Key="in/a")),
        ("s3:ListBucket", arn, [entry("s3:prefix", "in/")], lambda: user.s3.list_objects_v2(Bucket=bucket, Prefix="in/")),
        ("s3:ListBucket", arn, [entry("s3:prefix", "out/")], lambda: user.s3.list_objects_v2(Bucket=bucket, Prefix="out/")),
        ("s3:ListBucket", arn, [], lambda: user.s3.list_objects_v2(Bucket=bucket)),
    ]
    for action, resource, context, deed in deeds:
        (result,) = iam.simulate_principal_policy(
            PolicySourceArn=user.arn, ActionNames=[action], ResourceArns=[resource], ContextEntries=context
        )["EvaluationResults"]
        if result["EvalDecision"] == "allowed":
            deed()
        else:
            with refused("AccessDenied", 403):
                deed()


def test_by_aws_cli(aws):
    shown = json.loads(
        aws.run("iam", "simulate-custom-policy", "--policy-input-list", BUCKET_READ, "--action-names", "s3:GetObject", "s3:PutObject",
                "--resource-arns", OBJECT, "--context-entries", "ContextKeyName=aws:username,ContextKeyValues=anna,ContextKeyType=string")
    )
    assert [r["EvalDecision"] for r in shown["EvaluationResults"]] == ["allowed", "implicitDeny"]


def with_state(iam):
    """So that ACLs and the public access block count: a parameter that AWS's simulator does not have."""
    for action in "SimulateCustomPolicy", "SimulatePrincipalPolicy":
        iam.meta.events.register(f"before-call.iam.{action}", lambda params, **_: params["body"].update(LakegateResourceState="true"))
    return iam


def anonymous_gets(server, bucket, key):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/{bucket}/{key}")
    status = connection.getresponse().status
    connection.close()
    return status == 200


@pytest.mark.parametrize("ownership", ["BucketOwnerEnforced", "ObjectWriter"])
@pytest.mark.parametrize("acl", ["private", "public-read", "authenticated-read"])
@pytest.mark.parametrize("public", [False, True, "denied"])
@pytest.mark.parametrize("block", [(), ("IgnorePublicAcls",), ("RestrictPublicBuckets",)])
def test_acls_the_block_and_anonymous_callers_agree_with_the_deed(server, s3, bucket, ownership, acl, public, block):
    iam = with_state(lakegated.connect(server, "iam"))
    arn = f"arn:aws:s3:::{bucket}/k"
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", ACL=acl)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": ownership}]})
    text = None
    if public:
        statements = [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": arn}]
        if public == "denied":
            statements.append({**statements[0], "Effect": "Deny"})
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        s3.put_bucket_policy(Bucket=bucket, Policy=text)
    if block:
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={name: True for name in block})
    resource = {"ResourcePolicy": text} if text else {}
    (result,) = iam.simulate_custom_policy(PolicyInputList=[], CallerArn="anonymous", ActionNames=["s3:GetObject"], ResourceArns=[arn],
                                           **resource)["EvaluationResults"]
    assert (result["EvalDecision"] == "allowed") == anonymous_gets(server, bucket, "k")
    user = make_user(server, None)
    (result,) = iam.simulate_principal_policy(PolicySourceArn=user.arn, CallerArn=user.arn, ActionNames=["s3:GetObject"], ResourceArns=[arn],
                                              **resource)["EvaluationResults"]
    try:
        user.s3.get_object(Bucket=bucket, Key="k")
        done = True
    except ClientError:
        done = False
    assert (result["EvalDecision"] == "allowed") == done


def test_the_state_of_a_bucket_is_told_to_who_may_read_it(server, s3, bucket):
    user = make_user(server, policy(("Allow", "iam:*", "*")))
    with refused("AccessDenied", 403):
        decision(with_state(user.iam), BUCKET_READ, resource=f"arn:aws:s3:::{bucket}/k")
    assert decision(with_state(user.iam), BUCKET_READ, resource="arn:aws:s3:::there-is-no-such-bucket/k") == "implicitDeny"
    reader = make_user(server, policy(("Allow", ["iam:*", "s3:GetBucketAcl", "s3:GetBucketOwnershipControls", "s3:GetBucketPublicAccessBlock"], "*")))
    assert decision(with_state(reader.iam), BUCKET_READ, resource=f"arn:aws:s3:::{bucket}/k") == "implicitDeny"
    with refused("ValidationError", 400):
        iam = lakegated.connect(server, "iam")
        iam.simulate_custom_policy(PolicyInputList=[], ActionNames=["s3:GetObject"])


def test_tags_of_objects_agree_with_the_deed(server, s3, bucket):
    """One after the other, with tags and without, so that none is left of the one before."""
    objects = f"arn:aws:s3:::{bucket}/*"
    allowed = policy(("Allow", "s3:GetObject", objects, {"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}))
    user, iam = make_user(server, allowed), with_state(lakegated.connect(server, "iam"))
    keys = {"open": "open=yes", "closed": "open=no", "bare": "", "other": "open=yes&a=b", "bare2": ""}
    for key, tagging in keys.items():
        s3.put_object(Bucket=bucket, Key=key, Body=b"x", Tagging=tagging)

    def simulated(by, **more):
        arns = [f"arn:aws:s3:::{bucket}/{key}" for key in keys]
        results = by.simulate_principal_policy(PolicySourceArn=user.arn, ActionNames=["s3:GetObject"], ResourceArns=arns, **more)["EvaluationResults"]
        return [result["EvalDecision"] == "allowed" for result in results]

    def done(key):
        try:
            user.s3.get_object(Bucket=bucket, Key=key)
            return True
        except ClientError:
            return False

    assert simulated(iam) == [done(key) for key in keys] == [True, False, False, True, False]
    named = [{"ContextKeyName": "s3:ExistingObjectTag/open", "ContextKeyValues": ["yes"], "ContextKeyType": "string"}]
    assert simulated(iam, ContextEntries=named) == [True] * 5
    blind = make_user(server, policy(("Allow", ["iam:*", "s3:GetBucketAcl", "s3:GetBucketOwnershipControls", "s3:GetBucketPublicAccessBlock"], "*")))
    assert simulated(with_state(blind.iam)) == [False] * 5
