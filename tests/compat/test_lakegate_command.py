"""The command `lakegate` against running and stopped daemons."""
import json
import os
import subprocess

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


def test_folder_without_keys_is_named(tmp_path, server):
    """A daemon that has its keys from its settings leaves none in the folder."""
    command = Client(lakegated.program("lakegate"))
    command.run("status", "--endpoint-url", server.endpoint, "--data", server.data, code=3)
    assert f"{server.data}/root-credentials" in command.stderr and command.stderr.count("\n") == 1


def test_too_little_address_space_is_named(tmp_path):
    """Here and not among the tests of starts, since the sanitizers want more address space than there is."""
    done = subprocess.run(["prlimit", f"--as={500 << 20}", lakegated.program(), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=30)
    assert done.returncode > 0 and "address space" in done.stderr and len(done.stderr.splitlines()) == 1, done


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


@pytest.mark.parametrize("name,body,status,said", [
    ("no JSON", b"<html>", 200, "no status"),
    ("a list", b"[1, 2]", 200, "no status"),
    ("deep", b"[" * 100_000, 200, "no status"),
    ("escapes", b'{"name": "\\u001b[31mred\\u0007", "store": {"a_bytes": 1048576, "on": true, "none": null, "list": [1.5, "x"]}}', 200, None),
    ("nothing", b"", 200, "no status"),
    ("redirect", b"", 302, "answered 302"),
    ("an error of another kind", b"<Code>" + b"x" * 100_000, 500, "answered 500"),
    ("an error to paint with", b"<Error><Code>\x1b[31mCode</Code><Message>two\nlines</Message></Error>", 403, "403 ?[31mCode: two?lines"),
    ("too much", b" " * (17 << 20), 200, "over 16 MiB"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_status_of_a_strange_server(lakegate, name, body, status, said):
    """Whatever answers, it ends with one line, and no control character reaches the terminal."""
    import http.server
    import threading

    class Strange(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                pass

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Strange) as strange:
        threading.Thread(target=strange.serve_forever, daemon=True).start()
        try:
            printed = lakegate.run("status", "--endpoint-url", f"http://127.0.0.1:{strange.server_port}", code=3 if said else 0)
        finally:
            strange.shutdown()
    if said:
        assert said in lakegate.stderr and lakegate.stderr.count("\n") == 1
    else:
        assert printed.splitlines() == [
            "name                          \\x1b[31mred\\x07", "store.a_bytes                 1.0 MiB", "store.on                      yes",
            "store.none                    -", "store.list.0                  1.5", "store.list.1                  x"]
