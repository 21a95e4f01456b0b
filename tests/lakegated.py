"""A lakegated of one's own, for tests and benchmarks: on a free port of the loopback, with a data folder.

The program is $LAKEGATED, else build/lakegated.
"""
import hashlib
import hmac
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCESS_KEY = "lakegate-test"
SECRET_KEY = "test-secret/with+odd=characters"
REGION = "us-east-1"


def program(name="lakegated"):
    """The path of a built program."""
    build = pathlib.Path(os.environ["LAKEGATED"]).parent if "LAKEGATED" in os.environ else ROOT / "build"
    return str((build / name).resolve())


def free_port():
    with reserved_port() as probe:
        return probe.getsockname()[1]


def reserved_port():
    """A socket whose port stays the caller's until it is closed, though nobody listens: the system gives it to nobody else,
    neither to a client for its end of a connection, and a daemon can listen there, end, and listen again."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


class Lakegated:
    """A running daemon. stop() or kill9() ends it; start() begins again on the same folder and port."""

    def __init__(self, data=None, arguments=(), tls=None, environment=None, command=()):
        self.temporary = None
        if data is None:
            self.temporary = tempfile.TemporaryDirectory(prefix="lakegate-test-")
            data = os.path.join(self.temporary.name, "data")
        self.data = str(data)
        self.log_path = self.data.rstrip("/") + ".log"
        self.arguments = list(arguments)
        self.tls = tls  # (certificate file, key file, authorities file)
        self.command = list(command)  # what the program is run under
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("LAKEGATE_", "AWS_"))},
            "LAKEGATE_ROOT_ACCESS_KEY": ACCESS_KEY,
            "LAKEGATE_ROOT_SECRET_KEY": SECRET_KEY,
            **(environment or {}),
        }
        self.process = None
        self.reserved = reserved_port()
        self.port = self.reserved.getsockname()[1]
        try:
            self.start()
        except RuntimeError:
            self.reserved.close()
            raise

    @property
    def endpoint(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def start(self, seconds=60):
        command = [*self.command, program(), "--data", self.data, "--listen", f"127.0.0.1:{self.port}", *self.arguments]
        if self.tls:
            command += ["--tls-cert", self.tls[0], "--tls-key", self.tls[1]]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )
        deadline = time.monotonic() + seconds
        while not self.ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"lakegated ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill9()
                raise RuntimeError(f"lakegated was not ready within {seconds} s:\n{self.log_tail()}")
            time.sleep(0.01)

    def ready(self):
        context = None
        if self.tls:
            import ssl

            context = ssl.create_default_context(cafile=self.tls[2])
        try:
            with urllib.request.urlopen(f"{self.endpoint}/-/health/ready", timeout=5, context=context) as reply:
                return reply.status == 200
        except OSError:
            return False

    def stop(self, seconds=60):
        """SIGTERM; the exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise RuntimeError(f"lakegated did not stop within {seconds} s:\n{self.log_tail()}")
        self.process = None
        return code

    def kill9(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        """Stops it however it goes and removes a temporary folder."""
        try:
            self.stop(20)
        except RuntimeError:
            pass
        self.reserved.close()
        if self.temporary:
            self.temporary.cleanup()

    def log_tail(self, lines=40, offset=0):
        """The log's last lines, of what came behind offset."""
        try:
            with open(self.log_path, errors="replace") as log:
                log.seek(offset)
                return "".join(log.readlines()[-lines:])
        except OSError:
            return ""

    def log_size(self):
        try:
            return os.path.getsize(self.log_path)
        except OSError:
            return 0

    def memory_bytes(self):
        """RssAnon of the process."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no RssAnon in /proc")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect(server, service="s3", keys=None, **config):
    """A boto3 client: path style, no retries. keys: (access key, secret key[, session token]) of somebody else
    than root; config: options of botocore.config.Config."""
    import boto3
    from botocore.config import Config

    options = {"s3": {"addressing_style": "path"}, "retries": {"total_max_attempts": 1}, "read_timeout": 120, **config}
    options.setdefault("max_pool_connections", 32)
    access_key, secret_key, token = (*(keys or (ACCESS_KEY, SECRET_KEY)), None)[:3]
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=token,
        region_name=REGION,
        verify=server.tls[2] if server.tls else None,
        config=Config(**options),
    )


def client(server, **config):
    """root's client of S3."""
    return connect(server, **config)


def presign(server, method, path, query=None, expires=3600, headers=None):
    """The path and query of a presigned request, for plain HTTP clients. path: decoded, with its slash;
    headers: names in lower case, to be sent along."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    signed = {"host": f"127.0.0.1:{server.port}", **(headers or {})}
    fields = {
        **(query or {}),
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{ACCESS_KEY}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": ";".join(sorted(signed)),
    }
    encode = lambda text: urllib.parse.quote(text, safe="-._~")  # noqa: E731
    text = "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(fields.items()))
    raw_path = urllib.parse.quote(path, safe="/-._~")
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(signed.items()))
    canonical = f"{method}\n{raw_path}\n{text}\n{lines}\n{';'.join(sorted(signed))}\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + SECRET_KEY.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"{raw_path}?{text}&X-Amz-Signature={hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()}"
