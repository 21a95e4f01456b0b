"""Each worker of pytest-xdist starts a lakegated of its own and stops it at its end."""
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import copying  # noqa: E402
import lakegated  # noqa: E402

_numbers = itertools.count(1)
_servers = []
DOMAIN = "s3.lake.test"


def _start(**options):
    server = lakegated.Lakegated(arguments=["--domain", DOMAIN, "--domain", "localhost"], **options)
    _servers.append(server)
    return server


@pytest.fixture(scope="session")
def server():
    with _start() as server:
        yield server
        _servers.remove(server)


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    with _start(tls=(certificate, key, certificate)) as server:
        yield server
        _servers.remove(server)


@pytest.fixture(params=["http", "https"])
def any_server(request):
    """The test runs twice: in the clear and over TLS."""
    return request.getfixturevalue("server" if request.param == "http" else "tls_server")


@pytest.fixture
def s3(server):
    return lakegated.client(server)


def new_name(prefix="bucket"):
    return f"{prefix}-{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}-{next(_numbers)}"


# Of modules that copy into a daemon of their own: their fixture `target`.


@pytest.fixture
def here(target):
    return lakegated.client(target)


@pytest.fixture
def copies(target):
    return copying.Copies(target)


@pytest.fixture
def lake(here):
    """A bucket there."""
    name = new_name("lake")
    here.create_bucket(Bucket=name)
    return name


@pytest.fixture
def bucket(s3):
    name = new_name()
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def filled(s3, bucket):
    """A bucket with the object k."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    return bucket


@pytest.fixture
def secret(s3):
    """A bucket that the tests' users may not read, with the object k."""
    name = new_name("secret")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"secret")
    return name


@pytest.fixture
def iam(server):
    return lakegated.connect(server, "iam")


def content(size, seed=0):
    """Bytes that are the same in every run."""
    return random.Random(seed * 1_000_003 + size).randbytes(size)


class Refused(Exception):
    """What refused() found: code, status and message of S3's error."""


class refused:
    """A block that must end in this error: `with refused("NoSuchKey", 404): …`."""

    def __init__(self, code, status=None):
        self.code, self.status = code, status

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        assert kind is not None, f"nothing was refused; expected {self.code}"
        if not issubclass(kind, ClientError):
            return False
        self.response = error.response
        got = error.response["Error"]["Code"]
        got_status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert (got, got_status) == (self.code, self.status or got_status), error
        return True


def cannot(call, *arguments, **options):
    with refused("AccessDenied", 403):
        call(*arguments, **options)


class Client:
    """A command-line client with the settings it needs; run() gives what it printed."""

    def __init__(self, program, environment=None, arguments=()):
        self.program, self.environment, self.arguments = program, environment or {}, list(arguments)

    def run(self, *arguments, code=0, input=None, environment=None):
        base = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAKEGATE_", "MC_", "RCLONE_"))}
        done = subprocess.run(
            [self.program, *self.arguments, *map(str, arguments)],
            capture_output=True, input=input, timeout=300, env={**base, **self.environment, **(environment or {})},
        )
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        accepted = code if isinstance(code, (tuple, list)) else (code,)
        assert done.returncode in accepted, (
            f"{os.path.basename(self.program)} {' '.join(map(str, arguments))} ended with {done.returncode}\n{out[-3000:]}{err[-3000:]}"
        )
        self.stderr, self.stdout_bytes, self.returncode = err, done.stdout, done.returncode
        return out


def find_program(name, *places):
    """A client's program, or the test is skipped."""
    for place in places:
        if os.access(place, os.X_OK):
            return str(place)
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def make_mc(server, tmp_path):
    """MinIO's client with an alias "lake": of the PATH, or as scripts/install-deps builds it."""
    environment = {"MC_CONFIG_DIR": str(tmp_path / "mc"), "MC_NO_COLOR": "1", "MC_DISABLE_PAGER": "1", "HOME": str(tmp_path)}
    client = Client(find_program("mc", lakegated.ROOT / "build" / "bin" / "mc"), environment, ["--quiet"])
    if "minio" not in client.run("--version").lower():
        pytest.skip("mc is not the MinIO client")
    client.run("alias", "set", "lake", server.endpoint, lakegated.ACCESS_KEY, lakegated.SECRET_KEY)
    return client


@pytest.fixture
def aws(any_server, tmp_path):
    program = find_program("aws", pathlib.Path(sys.executable).parent / "aws")
    config = tmp_path / "aws-config"
    config.write_text("[default]\nregion = us-east-1\ns3 =\n  addressing_style = path\ncli_pager =\n")
    environment = {
        "AWS_ACCESS_KEY_ID": lakegated.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": lakegated.SECRET_KEY,
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": any_server.endpoint,
        "LC_ALL": "C.UTF-8",
    }
    if any_server.tls:
        environment["AWS_CA_BUNDLE"] = any_server.tls[2]
    return Client(program, environment)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    item.log_offsets = {id(server): server.log_size() for server in _servers}
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for server in _servers:
            offset = getattr(item, "log_offsets", {}).get(id(server), 0)
            report.sections.append((f"lakegated at {server.endpoint}", server.log_tail(30, offset)))
    return report
