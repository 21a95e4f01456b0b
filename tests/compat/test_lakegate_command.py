"""The command `lakegate` against running and stopped daemons."""
import json
import os

import pytest

import lakegated
from conftest import Client, content

KEYS = {"LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY, "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY}


@pytest.fixture
def lakegate():
    return Client(lakegated.program("lakegate"), KEYS)


def test_help_and_usage(lakegate):
    assert "usage:" in lakegate.run("--help")
    assert lakegate.run("--version").startswith("lakegate ")
    for wrong in ([], ["no-such-command"], ["status", "--no-such-option"], ["status", "--region"], ["verify"], ["verify", "a", "b"], ["status", "--endpoint-url", "ftp://x"]):
        lakegate.run(*wrong, code=2)
        assert lakegate.stderr


def test_status(lakegate, any_server):
    trust = {"AWS_CA_BUNDLE": any_server.tls[2]} if any_server.tls else {}
    answer = json.loads(lakegate.run("status", "--endpoint-url", any_server.endpoint, "--json", environment=trust))
    assert answer["version"] and answer["store"]["disk_free_bytes"] > 0
    text = lakegate.run("status", f"--endpoint-url={any_server.endpoint}/", environment=trust)
    assert "store.disk_free_bytes" in text and "GiB" in text
    by_aws_names = Client(lakegate.program, {"AWS_ACCESS_KEY_ID": lakegated.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": lakegated.SECRET_KEY, "AWS_ENDPOINT_URL": any_server.endpoint, **trust})
    assert by_aws_names.run("status")


def test_status_with_the_keys_of_the_folder(tmp_path):
    """Keys that the daemon made itself, and a Unix socket."""
    socket = tmp_path / "socket"
    environment = {"LAKEGATE_ROOT_ACCESS_KEY": "", "LAKEGATE_ROOT_SECRET_KEY": ""}
    with lakegated.Lakegated(data=tmp_path / "data", arguments=["--listen", f"unix:{socket}"], environment=environment) as server:
        command = Client(lakegated.program("lakegate"))
        assert command.run("status", "--endpoint-url", server.endpoint, "--data", server.data)
        assert command.run("status", "--endpoint-url", f"unix:{socket}", "--data", server.data)
        command.run("status", "--endpoint-url", server.endpoint, code=3)
        assert "no keys" in command.stderr


def test_status_refusals(lakegate, server):
    lakegate.run("status", "--endpoint-url", f"http://127.0.0.1:{lakegated.free_port()}", code=3)
    assert lakegate.stderr.startswith("lakegate: http://127.0.0.1:") and lakegate.stderr.count("\n") == 1
    lakegate.run("status", "--endpoint-url", server.endpoint, "--secret-key", "wrong-secret", code=3)
    assert "403 SignatureDoesNotMatch" in lakegate.stderr and lakegate.stderr.count("\n") == 1
    lakegate.run("status", "--endpoint-url", server.endpoint, "--access-key", "nobody-here", code=3)
    assert "InvalidAccessKeyId" in lakegate.stderr


def test_verify(lakegate, tmp_path):
    lakegate.run("verify", tmp_path / "missing", code=3)
    assert "there is no folder" in lakegate.stderr
    with lakegated.Lakegated(data=tmp_path / "data") as server:
        s3 = lakegated.client(server)
        s3.create_bucket(Bucket="verified")
        for i, size in enumerate((0, 100, 5000, 70_000, 3 << 20)):
            s3.put_object(Bucket="verified", Key=f"k{i}", Body=content(size, i))
        lakegate.run("verify", server.data, code=3)
        assert "stop lakegated first" in lakegate.stderr
        assert server.stop() == 0
        assert "is clean" in lakegate.run("verify", server.data)
        damage(server.data, content(70_000, 3)[30_000:30_064])
        assert "finding" in lakegate.run("verify", server.data, code=1)


def damage(folder, wanted):
    """Turns one byte of these, wherever in the folder they lie."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "r+b") as file:
                at = file.read().find(wanted)
                if at >= 0:
                    file.seek(at)
                    file.write(bytes([wanted[0] ^ 1]))
                    return
    raise AssertionError("the object's bytes are in no file")
