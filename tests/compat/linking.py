"""Buckets elsewhere to be linked: a second lakegated with a public bucket, or a server that answers as no S3 server
does. The gateway may reach both, and nothing else."""
import contextlib
import http.server
import json
import pathlib
import socket
import sys
import threading

import pytest

import iam
import lakegated
from conftest import Client, content, find_program, new_name

BUCKET = "public-data"
KEYS = {f"trips/2024-{month:02}.parquet": content(1000 + month) for month in range(1, 13)}
OTHERS = {"a file +%ü.txt": b"odd", "empty": b"", "trips/": b"", "zones/lookup.csv": b"id,name\n1,x\n"}


def make_public(server, bucket, actions=("s3:GetObject", "s3:ListBucket")):
    s3 = lakegated.client(server)
    s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": resources}]}))
    return s3


@pytest.fixture(scope="module")
def source():
    with lakegated.Lakegated(arguments=["--region", "eu-west-3"]) as server:
        session = make_public(server, BUCKET)
        for key, data in {**KEYS, **OTHERS}.items():
            session.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType="text/x-test",
                               CacheControl="max-age=7", Metadata={"origin": "there"})
        yield server


class Answers:
    """What the odd server answers: for each path a function of the handler."""

    def __init__(self):
        self.paths, self.asked = {}, []


@pytest.fixture(scope="module")
def odd():
    """A server that says what it is told to."""
    answers = Answers()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answers.asked.append((self.command, self.path, dict(self.headers)))
            self.close_connection = True
            for prefix, answer in answers.paths.items():
                if self.path.startswith(prefix):
                    with contextlib.suppress(OSError):
                        answer(self)
                    return
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    answers.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def silent_port():
    """One that never answers who connects: its queue is full."""
    with socket.socket() as listening, contextlib.ExitStack() as clients:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(64):
            client = clients.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(listening.getsockname())
            except TimeoutError:
                break
        else:
            pytest.fail("the queue of a socket that accepts nobody does not become full")
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def gateway(source, odd, silent_port):
    arguments = ["--remote-endpoints", "http://127.0.0.1:*", "--remote-endpoints", "http://localhost:*",
                 "--remote-endpoints", "https://127.0.0.1:*",
                 "--remote-addresses", f"127.0.0.1:{source.port}",
                 "--remote-addresses", f"127.0.0.1:{silent_port}",
                 "--remote-addresses", odd.endpoint.removeprefix("http://")]
    with lakegated.Lakegated(arguments=arguments) as server:
        yield server


def post(server, body, keys=None):
    """Status and answer of POST /-/links."""
    status, text = iam.send(server, "POST", "/-/links", body=json.dumps(body).encode(), keys=keys)
    return status, text.decode()


def link(server, endpoint, source="s3://" + BUCKET, name=None, **more):
    name = name or new_name("link")
    status, text = post(server, {"name": name, "source": source, "endpoint_url": endpoint, **more})
    assert status == 200, text
    return name


@pytest.fixture(scope="module")
def linked(gateway, source):
    return link(gateway, source.endpoint, name="public-data")


@pytest.fixture
def s3(gateway):
    return lakegated.client(gateway)


def listed(pages):
    pages = list(pages)
    return ([entry["Key"] for page in pages for entry in page.get("Contents", [])],
            [group["Prefix"] for page in pages for group in page.get("CommonPrefixes", [])])


@pytest.fixture
def bucket(s3):
    name = new_name()
    s3.create_bucket(Bucket=name)
    return name


def run_aws(server, *arguments, code=0):
    program = find_program("aws", pathlib.Path(sys.executable).parent / "aws")
    client = Client(program, {
        "AWS_ACCESS_KEY_ID": lakegated.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": lakegated.SECRET_KEY,
        "AWS_DEFAULT_REGION": lakegated.REGION, "AWS_EC2_METADATA_DISABLED": "true",
    }, ["--endpoint-url", server.endpoint])
    return client.run(*arguments, code=code)


# ---- sources that lie ----

LISTING = (b'<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>5</Size>'
           b'<ETag>"5d41402abc4b2a76b9719d911017c592"</ETag></Contents></ListBucketResult>')


def answer(handler, body, status=200, length=None, **headers):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in {"ETag": '"5d41402abc4b2a76b9719d911017c592"', **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(body)


@pytest.fixture
def lying(gateway, odd):
    """A link to the odd server; its objects' paths are still to be set."""
    odd.paths = {"/odd-bucket?": lambda handler: answer(handler, LISTING)}
    name = new_name("odd")
    link(gateway, odd.endpoint, "s3://odd-bucket", name=name)
    return name


def object_is(odd, serve):
    odd.paths["/odd-bucket/k"] = serve
