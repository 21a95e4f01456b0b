"""scripts/run: what it prints works, and a taken port is told."""
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
import threading

import pytest

import lakegated


@pytest.fixture
def environment(tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAKEGATE_"))}
    tools = os.path.dirname(sys.executable)
    return {**kept, "PATH": f"{tools}:{kept['PATH']}", "LAKEGATE_DATA": str(tmp_path / "data"), "LAKEGATE_LISTEN": f"127.0.0.1:{lakegated.free_port()}"}


def read_until(stream, wanted, seconds=60):
    """Lines of the stream up to one with this text; fails when there is none in time."""
    lines, timer = [], threading.Timer(seconds, lambda: os.close(stream.fileno()))
    timer.start()
    try:
        for line in stream:
            lines.append(line)
            if wanted in line:
                return "".join(lines)
    finally:
        timer.cancel()
    raise AssertionError(f"no '{wanted}' in:\n{''.join(lines)}")


def start(environment, *options):
    return subprocess.Popen([lakegated.ROOT / "scripts/run", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_the_lines_to_paste_work(environment, tmp_path):
    first = start(environment)
    try:
        printed = read_until(first.stdout, "mc alias set")
        assert f"endpoint    http://{environment['LAKEGATE_LISTEN']}\n" in printed
        console = re.search(r"console     (.+)\n", printed)[1]
        if not console.startswith("none"):  # tests/http/test_console.py is skipped, and counted, without one
            assert console == f"http://{environment['LAKEGATE_LISTEN']}/-/console/"
            assert b"<html" in urllib.request.urlopen(console, timeout=30).read()
        access_key, secret_key = re.search(r"access key  (\S+)\n  secret key  (\S+)\n", printed).groups()
        assert len(access_key) >= 16 and len(secret_key) >= 30
        assert oct((tmp_path / "data/root-credentials").stat().st_mode & 0o777) == "0o600"
        lines = {name: rest for name, rest in re.findall(r"^(aws-cli|boto3|mc) +(.*)$", printed, re.M)}
        made = subprocess.run(["bash", "-c", lines["aws-cli"]], capture_output=True, text=True, env=environment)
        assert made.stdout == "make_bucket: first\n", made.stderr
        listed = subprocess.run([sys.executable, "-c", lines["boto3"] + "; print(s3.list_buckets()['Buckets'][0]['Name'])"], capture_output=True, text=True, env=environment)
        assert listed.stdout == "first\n", listed.stderr
        assert shlex.split(lines["mc"])[-2:] == [access_key, secret_key]

        second = start({**environment, "LAKEGATE_DATA": str(tmp_path / "other")})
        assert second.wait(30) != 0
        assert "already listens on" in second.stderr.read()
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 0
    assert "/dev/tcp" not in first.stderr.read()

    again = start(environment)
    try:
        assert f"secret key  {secret_key}\n" in read_until(again.stdout, "mc alias set")
    finally:
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 0


def make_bucket(printed, environment, **more):
    line = re.search(r"^aws-cli +(.*)$", printed, re.M)[1]
    made = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env={**environment, **more})
    assert made.stdout == "make_bucket: first\n", made.stderr


def test_keys_are_printed_at_an_ipv6_address_and_the_lines_name_region_and_folder_of_the_options(environment, tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    listen = f"[::1]:{lakegated.free_port()}"
    process = start({**environment, "LAKEGATE_LISTEN": listen}, "--region", "eu-west-1", f"--data={tmp_path / 'elsewhere'}")
    try:
        printed = read_until(process.stdout, "mc alias set")
        assert f"endpoint    http://{listen}\n" in printed and f"data        {tmp_path / 'elsewhere'}\n" in printed
        assert re.search(r"secret key  \S{30,}\n", printed)
        make_bucket(printed, environment)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_keys_are_printed_over_tls(environment, tmp_path):
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    process = start(environment, "--tls-cert", certificate, "--tls-key", key)
    try:
        printed = read_until(process.stdout, "mc alias set")
        assert f"endpoint    https://{environment['LAKEGATE_LISTEN']}\n" in printed
        make_bucket(printed, environment, AWS_CA_BUNDLE=certificate)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_socket_that_cannot_be_waited_at_is_told(environment):
    process = start({**environment, "LAKEGATE_LISTEN": "unix:/tmp/socket"})
    assert process.wait(60) == 2
    assert "--listen unix:/tmp/socket" in process.stderr.read()
