"""One lakegated for the tests of a worker, and what must be true of it after all of them: that it still
serves, and that no descriptor, thread or staged file is left over."""
import collections
import itertools
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lakegated  # noqa: E402
import raw  # noqa: E402

DOMAIN = "s3.lake.test"
_names = itertools.count(1)


def descriptors(server):
    """Open ones, without those that the store keeps at hand for reading (at most 512)."""
    folder, kept, count = f"/proc/{server.process.pid}/fd", (server.data + "/files/", server.data + "/segments/"), 0
    for name in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{name}")
        except FileNotFoundError:
            continue
        count += not target.startswith(kept) or target.endswith(" (deleted)")
    return count


def threads(server):
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


def open_connections(server):
    """With the one that asks."""
    return json.loads(raw.request(server, "GET", "/-/status").body)["connections"]["open"]


def large_files(server):
    """The files that hold a body each: of objects, and of uploads under way."""
    return {name for _, _, names in os.walk(os.path.join(server.data, "files")) for name in names}


def back_to(server, before, count, seconds=30):
    """The count is not above what it was before, at the latest after that time."""
    assert raw.wait_for(lambda: count(server) <= before, seconds), f"{count.__name__}: {before} before, {count(server)} after"


def assert_serves(server):
    name = f"/serves-{next(_names)}-{os.getpid()}"
    assert raw.request(server, "PUT", name).status == 200
    assert raw.request(server, "PUT", name + "/k", body=b"still here").status == 200
    assert raw.request(server, "GET", name + "/k").body == b"still here"
    assert raw.request(server, "DELETE", name + "/k").status == 204
    assert raw.request(server, "DELETE", name).status == 204


def assert_clean(server):
    """Of a build with sanitizers: they found nothing."""
    with open(server.log_path, errors="replace") as log:
        found = [line for line in log if "Sanitizer" in line or "runtime error" in line]
    assert not found, found[0] + server.log_tail(80)


@pytest.fixture(scope="session")
def server():
    with lakegated.Lakegated(arguments=["--domain", DOMAIN]) as server:
        assert_serves(server)
        before = descriptors(server), threads(server)
        yield server
        assert server.process.poll() is None, server.log_tail()
        assert_serves(server)
        back_to(server, before[0], descriptors)
        back_to(server, before[1], threads)
        assert server.stop() == 0, server.log_tail()
        assert_clean(server)


@pytest.fixture(autouse=True)
def unharmed(request):
    """Whatever a test did, the daemon runs on."""
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        assert server.process.poll() is None, server.log_tail()


@pytest.fixture(scope="session")
def bucket(server):
    name = f"http-{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}"
    assert raw.request(server, "PUT", "/" + name).status == 200
    return name


@pytest.fixture
def key(bucket):
    """The target of a key that nobody has used."""
    return f"/{bucket}/key-{next(_names)}"


@pytest.fixture
def present(server, key):
    """The target of a small object."""
    assert raw.request(server, "PUT", key, body=b"0123456789").status == 200
    return key


@pytest.fixture
def start(request):
    """Starts more daemons, with settings of their own; they end with the test."""
    servers = []

    def begin(*arguments, **options):
        servers.append(lakegated.Lakegated(arguments=arguments, **options))
        return servers[-1]

    yield begin
    for server in servers:
        try:
            server.stop(20)
            assert_clean(server)
        finally:
            server.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Makes self-signed certificates: certificates("name") → (certificate file, key file)."""
    folder = tmp_path_factory.mktemp("tls")

    def make(name):
        certificate, key = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )
        return certificate, key

    return make


HOSTILE = {
    "test_desync.py": "that two readers could take apart differently", "test_smuggling.py": "smuggled", "test_stops.py": "that stop",
    "test_slow_clients.py": "slow", "test_truncated.py": "cut off", "test_mutations.py": "damaged by chance",
}


def pytest_terminal_summary(terminalreporter):
    """How much of it was hostile, for docs/RELIABILITY.md."""
    passed = collections.Counter(report.nodeid.partition("::")[0].rpartition("/")[2] for report in terminalreporter.stats.get("passed", ()))
    told = ", ".join(f"{passed[name]} {words}" for name, words in HOSTILE.items() if passed[name])
    if told:
        terminalreporter.write_line(f"{sum(passed[name] for name in HOSTILE)} hostile cases had the answer that they should have: {told}")
