"""DELETE /-/session: who logs out is out, at once and for good."""
import urllib.error
import urllib.request

import iam
import pytest
from conftest import refused

import lakegated


def end_session(server, keys):
    return iam.send(server, "DELETE", "/-/session", keys)


def session_of(server, someone):
    return iam.Someone(server, "session", None, iam.keys_of(someone.sts.get_session_token()))


def test_a_session_that_was_ended_is_over_at_once_and_for_good(tmp_path):
    with lakegated.Lakegated(data=tmp_path / "data") as server:
        user = iam.make_user(server, iam.ALL_OF_S3)
        ended, other = session_of(server, user), session_of(server, user)
        user.s3.create_bucket(Bucket="sessions")
        ended.s3.put_object(Bucket="sessions", Key="k", Body=b"x")
        link = ended.s3.generate_presigned_url("get_object", Params={"Bucket": "sessions", "Key": "k"})
        assert urllib.request.urlopen(link, timeout=30).read() == b"x"
        assert end_session(server, ended.keys)[0] == 204
        for _ in range(2):
            with refused("ExpiredToken", 400):
                ended.s3.get_object(Bucket="sessions", Key="k")
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(link, timeout=30)
            assert end_session(server, ended.keys)[0] == 204  # the answer may have been lost
            assert other.s3.get_object(Bucket="sessions", Key="k")["Body"].read() == b"x"
            assert user.s3.get_object(Bucket="sessions", Key="k")["Body"].read() == b"x"
            server.kill9()
            server.start()


def test_nobody_ends_what_is_not_his_session(server):
    user = iam.make_user(server, iam.ALL_OF_S3)
    session = session_of(server, user)
    status, answer = end_session(server, user.keys)
    assert status == 400 and b"no session" in answer
    status, answer = iam.send(server, "DELETE", "/-/session")
    assert status == 400 and b"no session" in answer
    key, secret, token = session.keys
    assert end_session(server, (key, secret[:-1] + ("a" if secret[-1] != "a" else "b"), token))[0] == 403
    with pytest.raises(urllib.error.HTTPError) as anonymous:
        urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/-/session", method="DELETE"), timeout=30)
    assert anonymous.value.code == 403
    assert session.s3.list_buckets()
