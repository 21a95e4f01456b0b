"""Starts that must fail: one line on standard error that says what to do, and an exit code."""
import os
import socket
import subprocess

import pytest

import lakegated


def run(data, *arguments, environment=None, seconds=30):
    """Starts it where it cannot start: exit code and standard error."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEGATE_", "MINIO_"))}
    done = subprocess.run([lakegated.program(), "--data", str(data), *arguments], capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL,
                          env={**clean, "LAKEGATE_ROOT_ACCESS_KEY": "lakegate-test", "LAKEGATE_ROOT_SECRET_KEY": "test-secret", **(environment or {})})
    return done.returncode, done.stderr.decode(errors="replace")


def assert_refused(outcome, *words):
    code, text = outcome
    assert code != 0 and code > 0, (code, text)
    assert len(text.splitlines()) == 1, text
    for word in words:
        assert word.lower() in text.lower(), text


FREE = ("--listen", "127.0.0.1:0")


def test_port_in_use(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert_refused(run(tmp_path / "data", "--listen", address), address, "use")


def test_second_process_on_one_folder(start):
    server = start()
    assert_refused(run(server.data, *FREE), server.data, "another lakegated")
    assert server.ready()


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    assert_refused(run(tmp_path / "file" / "data", *FREE), "file/data")
    assert_refused(run(tmp_path / "file", *FREE), "file")


def run_as_nobody(folder):
    """Root may write everywhere, so it becomes somebody else."""
    for path in (folder.parent, *folder.parents):
        if not os.stat(path).st_mode & 0o001:
            os.chmod(path, os.stat(path).st_mode | 0o011)
    done = subprocess.run([lakegated.program(), "--data", str(folder), *FREE], capture_output=True, timeout=30, user=65534, group=65534, extra_groups=[],
                          env={"LAKEGATE_ROOT_ACCESS_KEY": "lakegate-test", "LAKEGATE_ROOT_SECRET_KEY": "test-secret"})
    return done.returncode, done.stderr.decode()


def test_folder_that_cannot_be_written(tmp_path):
    assert_refused(run("/proc/lakegate-data", *FREE), "/proc/lakegate-data")
    folder = tmp_path / "data"
    folder.mkdir(mode=0o555)
    try:
        outcome = run_as_nobody(folder) if os.geteuid() == 0 else run(folder, *FREE)
    except PermissionError:
        return  # the program itself lies where nobody may go
    assert_refused(outcome, str(folder), "written")


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def test_folder_of_a_newer_format(start):
    """The record of the store in the index: a byte, the schema's number and 32 bytes more, a CRC32C of key and all of it."""
    server = start()
    assert server.stop() == 0
    path = os.path.join(server.data, "index", "data.mdb")
    good = open(path, "rb").read()
    newer, at = bytearray(good), good.find(b"store")
    while at >= 0:
        record = good[at + 5:at + 42]
        if crc32c(b"store" + record) == int.from_bytes(good[at + 42:at + 46], "little"):
            record = record[:1] + (int.from_bytes(record[1:5], "little") + 1).to_bytes(4, "little") + record[5:]
            newer[at + 5:at + 46] = record + crc32c(b"store" + record).to_bytes(4, "little")
        at = good.find(b"store", at + 1)
    assert newer != good
    open(path, "wb").write(newer)
    assert_refused(run(server.data, *FREE), server.data, "newer release")
    open(path, "wb").write(good)
    server.start()


def test_bad_certificates(tmp_path, certificates):
    certificate, key = certificates("good")
    other_certificate, other_key = certificates("other")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    data = tmp_path / "data"
    for pair, word in (((str(tmp_path / "none.pem"), key), "none.pem"), ((certificate, str(tmp_path / "none.key")), "none.key"), ((str(garbage), key), "garbage.pem"),
                       ((certificate, str(garbage)), "garbage.pem"), ((str(empty), key), "empty.pem"), ((certificate, other_key), "belong"), ((key, certificate), "pem")):
        assert_refused(run(data, *FREE, "--tls-cert", pair[0], "--tls-key", pair[1]), word)
    assert_refused(run(data, *FREE, "--tls-cert", certificate), "together")
    assert_refused(run(data, *FREE, "--tls-key", key), "together")


BAD_ENVIRONMENTS = {
    "connections-word": ({"LAKEGATE_CONNECTIONS": "many"}, "connections"),
    "connections-zero": ({"LAKEGATE_CONNECTIONS": "0"}, "connections"),
    "connections-negative": ({"LAKEGATE_CONNECTIONS": "-5"}, "connections"),
    "connections-huge": ({"LAKEGATE_CONNECTIONS": "99999999999999999999"}, "connections"),
    "size-unit": ({"LAKEGATE_STAGING": "64X"}, "staging"),
    "size-overflow": ({"LAKEGATE_STAGING": "99999999T"}, "staging"),
    "bool": ({"LAKEGATE_VERIFY_READS": "perhaps"}, "verify_reads"),
    "choice": ({"LAKEGATE_METRICS": "secret"}, "metrics"),
    "region-empty": ({"LAKEGATE_REGION": ""}, "region"),
    "access-key-alone": ({"LAKEGATE_ROOT_SECRET_KEY": ""}, "secret"),
    "secret-short": ({"LAKEGATE_ROOT_SECRET_KEY": "short"}, "secret"),
    "access-key-slash": ({"LAKEGATE_ROOT_ACCESS_KEY": "a/b/c/d"}, "access key"),
    "access-key-space": ({"LAKEGATE_ROOT_ACCESS_KEY": "a b c d"}, "access key"),
    "too-many-addresses": ({"LAKEGATE_LISTEN": ",".join(["127.0.0.1:0"] * 17)}, "listen"),
}


@pytest.mark.parametrize("name", BAD_ENVIRONMENTS)
def test_bad_setting_in_the_environment(tmp_path, name):
    environment, word = BAD_ENVIRONMENTS[name]
    arguments = FREE if "LISTEN" not in str(environment) else ()
    outcome = run(tmp_path / "data", *arguments, environment=environment)
    assert_refused(outcome, word)
    assert "test-secret" not in outcome[1]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:99999", "127.0.0.1:-1", "256.0.0.1:80", "[::1", "[::1]", "::1:80:x",
                                     "unix:", "unix:/" + "x" * 200, "unix:/no/such/folder/socket", "192.0.2.1:0", "localhost:http:x"])
def test_bad_addresses(tmp_path, address):
    assert_refused(run(tmp_path / "data", "--listen", address), address[:40])


@pytest.mark.parametrize("arguments,word", [(["--nonsense"], "--nonsense"), (["--listen"], "--listen"), (["hello"], "hello"), (["--connections", "x"], "connections"),
                                            (["--config", "/no/such/file"], "/no/such/file"), (["--root-secret-key", "x"], "root-secret-key")])
def test_bad_arguments(tmp_path, arguments, word):
    assert_refused(run(tmp_path / "data", *arguments), word)


@pytest.mark.parametrize("text,word", [("nonsense", "line 1"), ("\n\nunknown = 1\n", "unknown"), ("connections = x", "connections"), ("a" * 300_000, "256"), ("region = a\0b", "nul"),
                                       ("[other]\n", "line 1")])
def test_bad_config_files(tmp_path, text, word):
    path = tmp_path / "lakegate.conf"
    path.write_text(text)
    assert_refused(run(tmp_path / "data", *FREE, "--config", str(path)), word)


def test_log_that_cannot_be_written(tmp_path):
    assert_refused(run(tmp_path / "data", *FREE, "--log", str(tmp_path / "no" / "such" / "log")), "log")


def test_root_credentials_that_others_can_read(tmp_path):
    import lakegated as module
    with module.Lakegated(data=str(tmp_path / "data"), environment={"LAKEGATE_ROOT_ACCESS_KEY": "", "LAKEGATE_ROOT_SECRET_KEY": ""}) as server:
        path = os.path.join(server.data, "root-credentials")
    os.chmod(path, 0o644)
    outcome = run(tmp_path / "data", *FREE, environment={"LAKEGATE_ROOT_ACCESS_KEY": "", "LAKEGATE_ROOT_SECRET_KEY": ""})
    assert_refused(outcome, "chmod 600")
    os.chmod(path, 0o600)
    open(path, "w").write("garbage")
    assert_refused(run(tmp_path / "data", *FREE, environment={"LAKEGATE_ROOT_ACCESS_KEY": "", "LAKEGATE_ROOT_SECRET_KEY": ""}), "root-credentials")
