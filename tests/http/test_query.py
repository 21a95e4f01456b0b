"""The Query API's door on the wire: forms, signatures over them, and what does not get in."""
import pytest

import raw
import sigv4

FORM = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
WHO = "Action=GetCallerIdentity&Version=2011-06-15"
MAX_BYTES = 256 * 1024


def ask(server, form, service="iam", headers=(), **options):
    options.setdefault("signer", sigv4.Signer(service=service))
    form = form if isinstance(form, bytes) else form.encode()
    return raw.request(server, "POST", "/", [*FORM, *headers], form, **options)


def refused(reply, code, status):
    assert (reply.code, reply.status) == (code, status), reply
    assert reply.body.startswith((f'<ErrorResponse xmlns="{IAM}"><Error><Type>Sender</Type>'.encode(), f'<ErrorResponse xmlns="{STS}"><Error><Type>Sender</Type>'.encode())), reply
    assert reply.field("RequestId") == reply.header("x-amz-request-id")


def test_the_answers_shape(server):
    reply = ask(server, "Action=CreateGroup&Version=2010-05-08&GroupName=shape")
    assert reply.status == 200 and reply.header("content-type") == "application/xml"
    assert reply.body.startswith(f'<CreateGroupResponse xmlns="{IAM}"><CreateGroupResult><Group><Path>/</Path><GroupName>shape</GroupName><GroupId>AGPA'.encode())
    assert reply.body.endswith(f"</Group></CreateGroupResult><ResponseMetadata><RequestId>{reply.header('x-amz-request-id')}</RequestId></ResponseMetadata></CreateGroupResponse>".encode())
    reply = ask(server, "Version=2010-05-08&GroupName=shape&Action=DeleteGroup")
    assert reply.body == f'<DeleteGroupResponse xmlns="{IAM}"><ResponseMetadata><RequestId>{reply.header("x-amz-request-id")}</RequestId></ResponseMetadata></DeleteGroupResponse>'.encode()
    reply = ask(server, WHO, "sts")
    assert reply.body.startswith(f'<GetCallerIdentityResponse xmlns="{STS}"><GetCallerIdentityResult>'.encode()) and reply.field("Arn") == "arn:aws:iam::000000000001:root"


def test_an_errors_shape(server):
    reply = ask(server, "Action=GetUser&UserName=nobody-here")
    assert reply.status == 404
    assert reply.body == (
        f'<ErrorResponse xmlns="{IAM}"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name nobody-here cannot be found.</Message></Error>'
        f'<RequestId>{reply.header("x-amz-request-id")}</RequestId></ErrorResponse>').encode()


@pytest.mark.parametrize("form,code", [
    ("", "MissingAction"), ("Version=2010-05-08", "MissingAction"), ("Action", "InvalidAction"), ("Action=", "InvalidAction"), ("Action=NoSuchThing", "InvalidAction"),
    ("Action=listusers", "InvalidAction"), ("Action=ListUsers&Version=2011-06-15", "InvalidAction"), ("Action=ListUsers&Version=", "InvalidAction"),
    ("Action=ListUsers%00", "InvalidAction"), ("Action=%1b%5b31m%3cx%3e", "InvalidAction"), ("Action=" + "x" * 100_000, "InvalidAction"),
    ("Action=ListUsers&Action=ListUsers", "MalformedQueryString"), ("Action=ListUsers&X=%", "MalformedQueryString"), ("Action=ListUsers&X=%zz", "MalformedQueryString"),
    ("Action=ListUsers&X=%ff", "MalformedQueryString"), ("Action=ListUsers&X=\N{LATIN SMALL LETTER A WITH DIAERESIS}".encode("latin-1"), "MalformedQueryString"),
    ("Action=ListUsers&" + "&".join(f"p{i}=" for i in range(2048)), "MalformedQueryString"), (b"\0\1\2\xff", "MalformedQueryString"),
    ('{"Action": "ListUsers"}', "MissingAction"), ("<ListUsers/>", "MissingAction"),
], ids=lambda value: str(value)[:30])
def test_broken_forms(server, form, code):
    refused(ask(server, form), code, 400)


@pytest.mark.parametrize("form", [
    "Action=ListUsers&Version=2010-05-08", "Action=ListUsers", "&&Action=ListUsers&&", "%41ction=List%55sers", "Action=ListUsers&Unknown=x&Unknown.member.1=y",
    "Action=ListUsers&" + "&".join(f"p{i}" for i in range(2047)), "Action=ListUsers&Padding=" + "x" * (MAX_BYTES - 25),
], ids=lambda value: value[:30])
def test_forms_that_are_taken(server, form):
    assert ask(server, form).status == 200


def test_too_much(server):
    refused(ask(server, "Action=ListUsers&Padding=" + "x" * (MAX_BYTES - 24)), "MaxMessageLengthExceeded", 400)
    body = b"Action=ListUsers&Padding=" + b"x" * MAX_BYTES
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[i:i + 9999] for i in range(0, len(body), 9999))) + b"0\r\n\r\n"
    with raw.Connection(server) as connection:
        connection.start("POST", "/", [*FORM, ("Transfer-Encoding", "chunked"), ("Connection", "close")], signer=sigv4.Signer(service="iam"), payload=sigv4.sha256(body), length=False)
        connection.send_what_goes(chunks)
        refused(connection.reply(), "MaxMessageLengthExceeded", 400)


def test_chunked_by_http(server):
    body = WHO.encode()
    with raw.Connection(server) as connection:
        connection.start("POST", "/", [*FORM, ("Transfer-Encoding", "chunked"), ("Connection", "close")], signer=sigv4.Signer(service="sts"), payload=sigv4.sha256(body), length=False)
        connection.send(b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        assert connection.reply().field("Account") == "000000000001"


def test_the_body_is_signed_whatever_the_header_says(server):
    for payload in (sigv4.UNSIGNED, sigv4.UNSIGNED_TRAILER, sigv4.CHUNKED, sigv4.sha256(b""), sigv4.sha256(b"Action=DeleteUser")):
        reply = ask(server, WHO, "sts", payload=payload)
        assert reply.status in (400, 403) and reply.code in ("XAmzContentSHA256Mismatch", "SignatureDoesNotMatch", "InvalidArgument"), reply
    # The hash was signed, but not sent.
    with raw.Connection(server) as connection:
        signer = sigv4.Signer(service="sts")
        headers = [("Host", connection.host), *FORM, ("Content-Length", len(WHO)), ("x-amz-date", signer.timestamp), ("Connection", "close")]
        for signed_body, status in ((WHO, 200), (WHO + "x", 403)):
            signature = signer.sign("POST", "/", headers, ["host", "x-amz-date"], sigv4.sha256(signed_body.encode()))
            authorization = f"AWS4-HMAC-SHA256 Credential={signer.access_key}/{signer.scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
            reply = raw.exchange(server, raw.head("POST", "/", [*headers, ("Authorization", authorization)]) + WHO.encode())
            assert reply.status == status, reply


def test_scopes(server):
    for region in ("us-east-1", "eu-west-3", "aws-global", "x"):
        assert ask(server, WHO, signer=sigv4.Signer(service="sts", region=region)).status == 200
    refused(ask(server, WHO, "iam"), "InvalidAction", 400)
    refused(ask(server, "Action=ListUsers", "sts"), "InvalidAction", 400)
    for service in ("s3", "ec2", "IAM", ""):
        reply = ask(server, WHO, service)
        assert reply.status in (400, 403) and reply.code in ("IncompleteSignature", "InvalidAction"), reply
    for service in ("iam", "sts"):
        reply = raw.request(server, "GET", "/", signer=sigv4.Signer(service=service))
        assert (reply.status, reply.code) == (400, "AuthorizationHeaderMalformed"), reply


def test_who_is_not_known(server):
    refused(ask(server, WHO, signer=sigv4.Signer(service="sts", access_key="AKIAAAAAAAAAAAAAAAAA")), "InvalidClientTokenId", 403)
    refused(ask(server, WHO, signer=sigv4.Signer(service="sts", secret="wrong")), "SignatureDoesNotMatch", 403)
    refused(ask(server, WHO, signer=sigv4.Signer(service="sts", skew=-3600)), "SignatureDoesNotMatch", 403)
    unsigned = lambda form: raw.exchange(server, raw.head("POST", "/", [("Host", "x"), *FORM, ("Content-Length", len(form)), ("Connection", "close")]) + form.encode())  # noqa: E731
    refused(unsigned(WHO), "MissingAuthenticationToken", 403)
    refused(unsigned("Action=CreateUser&UserName=x"), "MissingAuthenticationToken", 403)
    refused(unsigned("Action=AssumeRoleWithWebIdentity&RoleArn=x"), "InvalidAction", 400)
    refused(unsigned(""), "MissingAction", 400)


def test_in_a_url(server):
    signer = sigv4.Signer(service="sts")
    assert raw.request(server, "GET", "/?" + WHO, signer=signer).field("Account") == "000000000001"
    with raw.Connection(server) as connection:
        host = connection.host
    send = lambda target: raw.exchange(server, raw.head("GET", target, [("Host", host), ("Connection", "close")]))  # noqa: E731
    empty = sigv4.sha256(b"")
    assert send(sigv4.Signer(service="sts").presigned("GET", "/?" + WHO, host, payload=empty)).field("Account") == "000000000001"
    assert send(sigv4.Signer(service="sts").presigned("GET", "/?" + WHO, host)).status == 403  # signed as a body that is not
    assert send(sigv4.Signer(service="sts", skew=-3600).presigned("GET", "/?" + WHO, host, payload=empty)).status == 403
    old = sigv4.presigned_version_2("GET", "/?" + WHO)
    assert send(old).status in (400, 403)
    refused(send("/?" + WHO), "MissingAuthenticationToken", 403)
    assert raw.request(server, "POST", "/?" + WHO, signer=sigv4.Signer(service="sts")).field("Account") == "000000000001"
    refused(raw.request(server, "POST", "/?" + WHO, FORM, b"Action=ListUsers", signer=sigv4.Signer(service="sts")), "MalformedQueryString", 400)
    refused(raw.request(server, "GET", "/?Action=NoSuchThing", signer=signer), "InvalidAction", 400)


def test_actions_do_not_reach_objects(server, present):
    """A parameter of that name makes no other operation of a request."""
    for method in ("PUT", "POST", "DELETE", "GET"):
        reply = raw.request(server, method, f"{present}?Action=GetCallerIdentity", body=b"<X/>" if method in ("PUT", "POST") else b"")
        assert (reply.status, reply.code) == (501, "NotImplemented"), reply
    assert raw.request(server, "GET", present).body == b"0123456789"


def test_one_connection_goes_on(server):
    with raw.Connection(server) as connection:
        for _ in range(3):
            for form, status in ((WHO, 200), ("Action=%", 400), ("Action=GetCallerIdentity&x=" + "y" * 50_000, 200)):
                assert connection.request("POST", "/", FORM, form.encode(), signer=sigv4.Signer(service="sts")).status == status


def test_a_body_that_does_not_end(server):
    with raw.Connection(server) as connection:
        connection.start("POST", "/", FORM, b"x" * 1000, signer=sigv4.Signer(service="iam"))
        connection.send(b"Action=ListUsers")
    assert ask(server, WHO, "sts").status == 200
