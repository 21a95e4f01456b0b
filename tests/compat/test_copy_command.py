"""`lakegate copy` and `lakegate copies`, on a terminal and without one."""
import json
import os
import pty
import re
import select
import subprocess

import copying
import lakegated
import pytest

COLUMNS = 100


@pytest.fixture(scope="module")
def source():
    with lakegated.Lakegated() as server:
        client = lakegated.client(server)
        copying.make_public(client, "public")
        copying.fill(server, "public", ((f"data/{i:03}.bin", bytes([i]) * 20000) for i in range(100)), 4)
        yield server


@pytest.fixture(scope="module")
def target(source):
    with lakegated.Lakegated(arguments=copying.allowing(source.port)) as server:
        yield server


def environment(server, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEGATE_", "AWS_", "LC_"))}
    return {**kept, "LAKEGATE_ENDPOINT_URL": server.endpoint, "LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY,
            "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY, "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}


def run(server, *arguments, **more):
    return subprocess.run([lakegated.program("lakegate"), *arguments], env=environment(server, **more),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


class Terminal:
    """A command on a terminal of 100 columns."""

    def __init__(self, server, *arguments, **more):
        import fcntl
        import struct
        import termios

        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, COLUMNS, 0, 0))
            os.execvpe(lakegated.program("lakegate"), ["lakegate", *arguments], environment(server, **more))
        self.text = ""

    def until(self, pattern, seconds=60):
        """Reads until the pattern has come; all that came."""
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.fd], [], [], seconds)
            assert ready, f"{pattern!r} did not come:\n{self.text}"
            try:
                piece = os.read(self.fd, 65536)
            except OSError:  # the other end is closed
                piece = b""
            assert piece, f"{pattern!r} did not come:\n{self.text}"
            self.text += piece.decode(errors="replace")
        return self.text

    def send(self, text):
        self.text = ""
        os.write(self.fd, text.encode())

    def end(self):
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                break
            if not piece:
                break
            self.text += piece.decode(errors="replace")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def visible(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def test_a_bar_with_objects_bytes_rate_and_time(source, target, lake):
    terminal = Terminal(target, "copy", "s3://public/data/", f"s3://{lake}/raw/", "--no-sign-request",
                        "--source-endpoint-url", source.endpoint, "--bytes-per-second", "800000")
    text = visible(terminal.until(r" left"))
    assert "s3://public/data/ → s3://" + lake + "/raw/" in text
    assert re.search(r"[━╸]+ +\d+ %  \d+ of 100 objects  [\d.]+ [KM]?i?B of 1\.9 MiB", text), text
    assert re.search(r"[\d.]+ [KM]iB/s   \d+ objects/s   \d+ s left", text), text
    assert terminal.end() == 0
    last = visible(terminal.text).splitlines()
    assert any("100 %  100 of 100 objects  1.9 MiB of 1.9 MiB" in line for line in last), last
    assert any(line.strip() == "done" for line in last)
    assert max(len(line) for line in last) <= COLUMNS
    assert len(copying.listing(lakegated.client(target), lake)) == 100


def test_without_utf8_and_colors_it_is_plain(source, target, lake):
    terminal = Terminal(target, "copy", "s3://public/data/", f"s3://{lake}/", "--no-sign-request",
                        "--source-endpoint-url", source.endpoint, LANG="C", NO_COLOR="1")
    assert terminal.end() == 0
    assert terminal.text.isascii() and "#" in terminal.text and " -> " in terminal.text
    assert not re.search(r"\x1b\[[0-9;]*m", terminal.text)


@pytest.mark.parametrize("answer, code, state", [("n\n", 0, "canceled"), ("y\n", 0, "running"), ("\n", 0, "running")])
def test_interrupted_it_asks_whether_the_job_should_go_on(source, target, lake, answer, code, state):
    terminal = Terminal(target, "copy", "s3://public/data/", f"s3://{lake}/", "--no-sign-request",
                        "--source-endpoint-url", source.endpoint, "--bytes-per-second", "100000")
    job = re.search(r"\b[0-9a-f]{16}\b", visible(terminal.until(r" left"))).group()
    terminal.send("\x03")
    terminal.until(r"go on\?")
    terminal.send(answer)
    assert terminal.end() == code
    copies = copying.Copies(target)
    assert copies.until(job, state)["state"] == state
    if state == "running":
        assert f"lakegate copies watch {job}" in terminal.text
        copies.cancel(job)
        copies.until(job)


def test_interrupted_it_can_be_watched_on(source, target, lake):
    terminal = Terminal(target, "copy", "s3://public/data/", f"s3://{lake}/", "--no-sign-request",
                        "--source-endpoint-url", source.endpoint, "--bytes-per-second", "800000")
    terminal.until(r" left")
    terminal.send("\x03")
    terminal.until(r"go on\?")
    terminal.send("w\n")
    assert terminal.end() == 0
    assert "100 of 100 objects" in visible(terminal.text)


def test_without_a_terminal_there_are_lines(source, target, lake):
    done = run(target, "copy", "s3://public/data/", f"s3://{lake}/", "--no-sign-request", "--source-endpoint-url", source.endpoint,
               "--include", "00?.bin", "--exclude", "003*")
    assert done.returncode == 0, done
    assert "done  9 objects, 176 KiB copied, 0 failed" in done.stdout
    assert "\x1b" not in done.stdout


def test_endpoint_url_names_the_source_as_with_no_sign_request(source, target, lake):
    """As one writes it who knows aws-cli: the gateway is the environment's, or --gateway's."""
    asked = ["copy", "s3://public/data/", f"s3://{lake}/raw/", "--no-sign-request"]
    done = run(target, *asked, "--endpoint-url", source.endpoint, "--include", "00?.bin")
    assert done.returncode == 0 and "10 objects" in done.stdout, done
    done = run(target, *asked, f"--endpoint-url={source.endpoint}", "--gateway", target.endpoint, LAKEGATE_ENDPOINT_URL="http://127.0.0.1:1")
    assert done.returncode == 0 and "done" in done.stdout, done
    assert len(copying.listing(lakegated.client(target), lake)) == 100
    # Where the source has options of its own, the others are the gateway's, as with other commands.
    done = run(target, *asked, "--source-endpoint-url", source.endpoint, "--endpoint-url", target.endpoint,
               "--region", lakegated.REGION, LAKEGATE_ENDPOINT_URL="http://127.0.0.1:1")
    assert done.returncode == 0 and "0 objects" in done.stdout, done


def test_a_request_for_the_gateway_is_not_sent_to_a_source(lake, target):
    """It would carry the gateway's access key, and a signature."""
    with copying.FakeSource(lambda request: (200, {}, b"{}")) as other:
        run(target, "copy", "s3://public/", f"s3://{lake}/", "--no-sign-request", "--endpoint-url", other.endpoint)
        run(target, "link", "add", "public", "--source", "s3://public", "--no-sign-request", "--endpoint-url", other.endpoint)
    assert not [request for request in other.requests if request[0] == "POST"]


def test_the_gateways_own_address_is_a_bucket_here(target, lake):
    client = lakegated.client(target)
    client.put_object(Bucket=lake, Key="a/1", Body=b"one")
    for endpoint in target.endpoint, target.endpoint + "/", "local":
        done = run(target, "copy", f"s3://{lake}/a/", f"s3://{lake}/b/", "--endpoint-url", endpoint)
        assert done.returncode == 0, done
    assert client.get_object(Bucket=lake, Key="b/1")["Body"].read() == b"one"


def test_all_pages_are_listed_as_json_too(source, target, lake):
    copies = copying.Copies(target)
    jobs = [copies.create({"bucket": "public", "prefix": f"none/{i}", "endpoint": source.endpoint}, lake) for i in range(101)]
    for job in jobs:
        copies.until(job)
    wanted = {job["id"] for job in jobs}
    assert wanted <= set(re.findall("(?m)^([0-9a-f]{16})  ", run(target, "copies").stdout))
    pages, text = [], run(target, "copies", "list", "--json").stdout
    while text.strip():
        page, end = json.JSONDecoder().raw_decode(text.lstrip())
        pages, text = [*pages, page], text.lstrip()[end:]
    assert len(pages) > 1 and wanted <= {job["id"] for page in pages for job in page["copies"]}
    for job in jobs:
        copies.cancel(job)


def test_jobs_are_listed_and_handled(source, target, lake):
    started = run(target, "copy", "s3://public/data/", f"s3://{lake}/", "--no-sign-request", "--source-endpoint-url", source.endpoint,
                  "--bytes-per-second", "100000", "--detach")
    job = started.stdout.strip()
    assert re.fullmatch("[0-9a-f]{16}", job), started
    assert re.search(rf"(?m)^{job}  (queued|running) ", run(target, "copies").stdout)
    assert run(target, "copies", "pause", job).returncode == 0
    copies = copying.Copies(target)
    copies.until(job, "paused")
    watched = run(target, "copies", "watch", job)
    assert watched.returncode == 3 and "paused (Requested)" in watched.stdout
    assert run(target, "copies", "resume", job).returncode == 0
    assert '"state":"' in run(target, "copies", "show", job).stdout
    assert run(target, "copies", "cancel", job).returncode == 0
    copies.until(job, "canceled")
    assert run(target, "copies", "cancel", job).returncode == 0
    assert job not in run(target, "copies", "list").stdout


def test_what_failed_is_told(source, target, lake):
    client = lakegated.client(source)
    client.put_object(Bucket="public", Key="secret/a", Body=b"a")
    client.put_bucket_policy(Bucket="public", Policy=client.get_bucket_policy(Bucket="public")["Policy"].replace(
        '"Statement": [', '"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", '
        '"Resource": "arn:aws:s3:::public/secret/*"}, '))
    done = run(target, "copy", "s3://public/secret/", f"s3://{lake}/", "--no-sign-request", "--source-endpoint-url", source.endpoint)
    assert done.returncode == 1, done
    job = re.search(r"copies failures ([0-9a-f]{16})", done.stdout).group(1)
    assert "secret/a  SourceDenied  403 AccessDenied" in run(target, "copies", "failures", job).stdout


@pytest.mark.parametrize("arguments, text", [
    ((), "name source and destination"),
    (("s3://a", "here"), "is no place"),
    (("s3://a", "s3://b", "s3://c"), "is too much"),
    (("s3://a", "s3://b", "--nonsense"), "unknown argument"),
    (("s3://a", "s3://b", "--min-bytes", "x"), "--min-bytes must be a whole number"),
    (("s3://a", "s3://b", "--exists"), "needs a value"),
])
def test_wrong_usage(target, arguments, text):
    done = run(target, "copy", *arguments)
    assert done.returncode == 2 and text in done.stderr, done


def test_what_the_gateway_refuses_is_said(target):
    done = run(target, "copy", "s3://public/", "s3://no-such-bucket-here/", "--no-sign-request")
    assert done.returncode == 3 and "404 NoSuchBucket" in done.stderr, done
