"""Copy jobs by their REST, as docs/BULK-COPY.md has it, and sources to copy from."""
import concurrent.futures
import hashlib
import http.client
import json
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import lakegated

ENDED = {"done", "failed", "canceled"}


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class Copies:
    """Somebody who asks a daemon for copy jobs."""

    def __init__(self, server, access_key=lakegated.ACCESS_KEY, secret_key=lakegated.SECRET_KEY, token=None):
        self.server = server
        self.credentials = botocore.credentials.Credentials(access_key, secret_key, token)

    def open(self, method, path, body=b"", signed=True):
        request = botocore.awsrequest.AWSRequest(method, self.server.endpoint + path, data=body)
        request.headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        if signed:
            botocore.auth.S3SigV4Auth(self.credentials, "s3", lakegated.REGION).add_auth(request)
        address = urllib.parse.urlsplit(self.server.endpoint)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        connection.request(method, path, body, dict(request.headers.items()))
        return connection, connection.getresponse()

    def call(self, method, path, body=b"", signed=True):
        connection, reply = self.open(method, path, body, signed)
        text = reply.read()
        connection.close()
        if reply.status >= 300:
            raise Refused(reply.status, text.decode())
        return json.loads(text) if text else None

    def create(self, source, destination, **members):
        """source: {"bucket": …}; destination "bucket" or "bucket/prefix"."""
        bucket, _, prefix = destination.partition("/")
        job = {"source": source, "destination": {"bucket": bucket, "prefix": prefix}, **members}
        return self.call("POST", "/-/copies", json.dumps(job).encode())

    def get(self, job):
        return self.call("GET", f"/-/copies/{id_of(job)}")

    def list(self, query=""):
        return self.call("GET", "/-/copies" + query)

    def failures(self, job, query=""):
        return self.call("GET", f"/-/copies/{id_of(job)}/failures{query}")

    def change(self, job, what, body=b""):
        return self.call("POST", f"/-/copies/{id_of(job)}?{what}", body)

    def cancel(self, job):
        return self.call("DELETE", f"/-/copies/{id_of(job)}")

    def events(self, job):
        """(name, job) one after the other, until the stream ends."""
        connection, reply = self.open("GET", f"/-/copies/{id_of(job)}/events")
        if reply.status != 200:
            raise Refused(reply.status, reply.read().decode())
        assert reply.getheader("Content-Type") == "text/event-stream"
        name = None
        try:
            for line in reply:
                line = line.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])
        finally:
            connection.close()

    def until(self, job, *states, when=None):
        """The job as soon as it is in one of these states (ended ones, if none is named), or `when` holds."""
        wanted = set(states) or (ENDED if when is None else set())
        for _, shown in self.events(job):
            if shown["state"] in wanted or (when is not None and when(shown)):
                return shown
            if shown["state"] in ENDED:
                break
        shown = self.get(job)
        assert shown["state"] in wanted, shown
        return shown


def id_of(job):
    return job["id"] if isinstance(job, dict) else job


def allowing(*ports):
    """Arguments of a daemon that may reach these ports of the loopback."""
    return [
        *(word for port in ports for word in ("--remote-endpoints", f"http://127.0.0.1:{port}")),
        "--remote-endpoints", "aws",
        "--remote-addresses", "127.0.0.0/8",
    ]


def make_public(client, bucket):
    client.create_bucket(Bucket=bucket)
    client.delete_public_access_block(Bucket=bucket)
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:GetObjectTagging"],
             "Resource": f"arn:aws:s3:::{bucket}/*"},
            {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
        ],
    }))


def fill(server, bucket, contents, threads=8):
    """Puts (key, content) pairs, several at once."""
    def put_all(share):
        client = lakegated.client(server)
        for key, content in share:
            client.put_object(Bucket=bucket, Key=key, Body=content)

    contents = list(contents)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(put_all, contents[i::threads]) for i in range(threads)]:
            done.result()


def listing(client, bucket, prefix=""):
    """key -> (ETag, size) of all that is there."""
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            found[entry["Key"]] = (entry["ETag"], entry["Size"])
    return found


class FakeSource:
    """An S3 server that answers as a test wants. answer(request) is called for each request, with .method, .path, .query
    (a dict) and .headers, and returns (status, headers, body), or None to break the connection off."""

    def __init__(self, answer):
        import http.server
        import threading

        outer = self
        self.answer = answer
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_all(self):
                split = urllib.parse.urlsplit(self.path)
                self.method = self.command
                self.key = urllib.parse.unquote(split.path.partition("/")[2].partition("/")[2])
                self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
                outer.requests.append((self.command, self.key, self.query))
                answer = outer.answer(self)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                headers = {"Content-Length": str(len(body)), **headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                if int(headers["Content-Length"]) != len(body):
                    self.close_connection = True

            do_GET = do_HEAD = handle_all

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def page_of(entries, token=None):
    """A page of ListObjectsV2: (key, content) pairs."""
    contents = "".join(
        f"<Contents><Key>{urllib.parse.quote(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{hashlib.md5(body).hexdigest()}&quot;</ETag><Size>{len(body)}</Size></Contents>"
        for key, body in entries)
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    text = (f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>there</Name>'
            f"<EncodingType>url</EncodingType><IsTruncated>{'true' if token else 'false'}</IsTruncated>{more}{contents}"
            "</ListBucketResult>").encode()
    return 200, {"Content-Type": "application/xml"}, text


def object_of(body, **headers):
    return 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
                 "Content-Type": "text/plain", **{name.replace("_", "-"): value for name, value in headers.items()}}, body


def serving(objects, instead=None):
    """An answer function: these objects, unless instead(request) answers."""
    def answer(request):
        special = instead(request) if instead is not None else False
        if special is not False:
            return special
        if "list-type" in request.query:
            after = request.query.get("start-after", "")
            return page_of(sorted((key, body) for key, body in objects.items()
                                  if key > after and key.startswith(request.query.get("prefix", ""))))
        if request.key in objects:
            return object_of(objects[request.key])
        return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
    return answer
