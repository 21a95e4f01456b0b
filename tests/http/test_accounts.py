"""An account that is removed while a request of its root is under way: nothing is left that belongs to nobody."""
import json
import uuid
from urllib.parse import quote

import raw
import sigv4

EXPECT = [("Expect", "100-continue")]
LOCATION = b"<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>"


def make_account(server):
    reply = raw.request(server, "POST", f"/-/accounts?name={uuid.uuid4().hex}")
    assert reply.status == 200, reply
    return json.loads(reply.body)


def remove_account(server, account):
    return raw.request(server, "DELETE", f"/-/accounts/{account['id']}")


def signer(account, service="s3"):
    return sigv4.Signer(account["access_key"], account["secret_key"], service=service)


def let_in_then_removed(server, account, method, target, headers, body, service="s3"):
    """The head is answered with 100: who comes is known. Then the account goes, and then the body comes."""
    with raw.Connection(server) as connection:
        connection.start(method, target, [*headers, *EXPECT], body, signer=signer(account, service))
        assert connection.take_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        assert remove_account(server, account).status == 204
        connection.send(body)
        return connection.reply()


def test_no_bucket_of_nobody(server):
    account, bucket = make_account(server), f"nobodys-{uuid.uuid4().hex}"
    reply = let_in_then_removed(server, account, "PUT", f"/{bucket}", [], LOCATION)
    assert (reply.status, reply.code) == (403, "InvalidAccessKeyId"), reply
    assert raw.request(server, "GET", f"/{bucket}?location").code == "NoSuchBucket"


def test_no_user_of_nobody(server):
    account = make_account(server)
    form = f"Action=CreateUser&Version=2010-05-08&UserName={quote(uuid.uuid4().hex)}".encode()
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    reply = let_in_then_removed(server, account, "POST", "/", headers, form, "iam")
    assert (reply.status, reply.code) == (403, "InvalidClientTokenId"), reply


def test_an_account_with_a_bucket_stays(server):
    account, bucket = make_account(server), f"owned-{uuid.uuid4().hex}"
    assert raw.request(server, "PUT", f"/{bucket}", body=LOCATION, signer=signer(account)).status == 200
    assert remove_account(server, account).status == 409
    assert raw.request(server, "DELETE", f"/{bucket}", signer=signer(account)).status == 204
    assert remove_account(server, account).status == 204
