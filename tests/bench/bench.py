#!/usr/bin/env python3
"""One table of how fast an S3 endpoint is, with presigned requests over plain HTTP.

Without --endpoint-url it starts a lakegated of its own on a temporary folder ($LAKEGATED, else
build/lakegated), and then also measures start time, memory and the steps of the pipeline. The client runs on
the same machine and takes its share of it: compare only runs on one machine.
"""
import argparse
import functools
import hashlib
import hmac
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lakegated  # noqa: E402

MIB = 1 << 20


def row(name, value, more=""):
    print(f"  {name:44} {value:>16}  {more}", flush=True)


class Signer:
    """Presigned paths for one bucket, with the day's key made once."""

    def __init__(self, host, bucket, access_key, secret_key, region):
        self.host, self.bucket = host, bucket
        self.stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.scope = f"{self.stamp[:8]}/{region}/s3/aws4_request"
        self.credential = f"{access_key}/{self.scope}"
        self.key = b"AWS4" + secret_key.encode()
        for part in self.scope.split("/"):
            self.key = hmac.digest(self.key, part.encode(), "sha256")

    def sign(self, method, key=None, query=None):
        fields = {
            **(query or {}), "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": self.credential,
            "X-Amz-Date": self.stamp, "X-Amz-Expires": "86400", "X-Amz-SignedHeaders": "host",
        }
        text = "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(fields.items()))
        path = f"/{self.bucket}" + (f"/{urllib.parse.quote(key, safe='/-._~')}" if key is not None else "")
        canonical = f"{method}\n{path}\n{text}\nhost:{self.host}\n\nhost\nUNSIGNED-PAYLOAD"
        to_sign = f"AWS4-HMAC-SHA256\n{self.stamp}\n{self.scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        return f"{path}?{text}&X-Amz-Signature={hmac.digest(self.key, to_sign.encode(), 'sha256').hex()}"


@functools.lru_cache(1000)
def encode(text):
    return urllib.parse.quote(text, safe="-._~")


class Target:
    """An endpoint and presigned requests to it."""

    def __init__(self, options, server):
        self.server = server
        self.endpoint = server.endpoint if server else options.endpoint_url.rstrip("/")
        self.host = urllib.parse.urlsplit(self.endpoint).netloc
        self.access_key = lakegated.ACCESS_KEY if server else options.access_key
        self.secret_key = lakegated.SECRET_KEY if server else options.secret_key
        self.region = options.region
        self.bucket = f"bench-{int(time.time())}"
        self.signer_of_now = self.signer()

    def signer(self):
        return Signer(self.host, self.bucket, self.access_key, self.secret_key, self.region)

    def presign(self, method, key=None, query=None):
        """Path and query."""
        return self.signer_of_now.sign(method, key, query)

    def call(self, method, key=None, query=None, data=None):
        request = urllib.request.Request(self.endpoint + self.presign(method, key, query), data=data, method=method)
        with urllib.request.urlopen(request, timeout=300) as reply:
            return reply.read()

    def url(self, method, key):
        return self.endpoint + self.presign(method, key)


# Each of wrk's two threads walks the list of requests from a place of its own.
WRK_SCRIPT = """
local paths = {%(paths)s}
local headers, body = %(headers)s, %(body)s
local count, at, threads = #paths, 0, 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init() at = math.floor(count / 2) * number end
function request()
    at = at %% count + 1
    return wrk.format("%(method)s", paths[at], headers, body)
end
"""


def wrk(target, paths, method="GET", size=0, connections=32, seconds=8):
    """Requests a second, 99th percentile, and how many were refused."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        body = f'string.rep("x", {size})' if method == "PUT" else "nil"
        headers = f'{{["Content-Length"] = "{size}"}}' if method == "PUT" else "nil"
        script.write(WRK_SCRIPT % {"paths": ",".join(map(json.dumps, paths)), "headers": headers, "body": body, "method": method})
        script.flush()
        done = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, target.endpoint], capture_output=True, text=True)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if not rate:
        sys.exit(f"wrk failed:\n{done.stdout}{done.stderr}")
    slowest = re.search(r"99%\s+([\d.]+\w+)", done.stdout)[1]
    refused = sum(map(int, re.findall(r"(?:responses:|connect|read|write|timeout) (\d+)", done.stdout)))
    return float(rate[1]), slowest, refused


def rate_row(name, result, connections):
    rate, slowest, refused = result
    row(name, f"{rate:,.0f} /s", f"p99 {slowest}, {connections} connections" + (f", {refused} REFUSED" if refused else ""))
    return rate


def curl_rate(url, arguments, size_mib, times=5):
    """MB/s, the best of some."""
    best = 0.0
    for _ in range(times):
        done = subprocess.run(["curl", "-sSf", "-o", "/dev/null", "-w", "%{time_total}", *arguments, url], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"curl failed: {done.stderr}")
        best = max(best, size_mib * MIB / 1e6 / float(done.stdout))
    return best


def md5_rate():
    data, best = os.urandom(64 * MIB), 0.0
    for _ in range(3):
        started = time.perf_counter()
        hashlib.md5(data).digest()
        best = max(best, 64 * MIB / 1e6 / (time.perf_counter() - started))
    return best


def nginx_rate(file):
    """What nginx reaches with the same file; None without nginx."""
    program = shutil.which("nginx") or (os.access("/usr/sbin/nginx", os.X_OK) and "/usr/sbin/nginx")
    if not program:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as folder:
        os.chmod(folder, 0o755)
        shutil.copy(file, f"{folder}/big")
        os.chmod(f"{folder}/big", 0o644)
        port = lakegated.free_port()
        pathlib.Path(f"{folder}/nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes auto; events {{}}\n"
            f"http {{ access_log off; sendfile on; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n"
            f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
        )
        nginx = subprocess.Popen([program, "-c", f"{folder}/nginx.conf", "-p", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=5)
                except urllib.error.HTTPError:
                    break
                except OSError:
                    time.sleep(0.05)
            return curl_rate(f"http://127.0.0.1:{port}/big", [], 64)
        finally:
            nginx.terminate()
            nginx.wait()


# ---- the parts of the table ----


def small_objects(target, seconds):
    keys = [f"k/{i % 100:02d}/{i:06d}" for i in range(20_000)]
    rate_row("PUT 4 KiB", wrk(target, [target.presign("PUT", k) for k in keys], "PUT", 4096, seconds=seconds), 32)
    present = list_keys(target, 2000)
    rate_row("GET 4 KiB", wrk(target, [target.presign("GET", k) for k in present], seconds=seconds), 32)
    keys = [f"m/{i:06d}" for i in range(4000)]
    rate_row("PUT 64 KiB", wrk(target, [target.presign("PUT", k) for k in keys], "PUT", 65536, seconds=seconds), 32)
    present = list_keys(target, 1000, "m/")
    rate_row("GET 64 KiB", wrk(target, [target.presign("GET", k) for k in present], seconds=seconds), 32)


def list_keys(target, count, prefix=""):
    found, token = [], None
    while len(found) < count:
        page = target.call("GET", None, {"list-type": "2", "prefix": prefix, **({"continuation-token": token} if token else {})}).decode()
        found += re.findall(r"<Key>(.*?)</Key>", page)
        token = re.search(r"<NextContinuationToken>(.*?)</NextContinuationToken>", page)
        if not token:
            break
        token = token[1]
    return found[:count]


def listings(target, seconds):
    rate_row("LIST, a page of 1000 keys", wrk(target, [target.presign("GET", None, {"list-type": "2", "max-keys": "1000"})], connections=8, seconds=seconds), 8)
    delimiter = {"list-type": "2", "prefix": "k/", "delimiter": "/"}
    groups = target.call("GET", None, delimiter).count(b"<CommonPrefixes>")
    rate_row(f"LIST with delimiter, {groups} prefixes", wrk(target, [target.presign("GET", None, delimiter)], connections=8, seconds=seconds), 8)


def big_objects(target, folder):
    file = f"{folder}/big"
    with open(file, "wb") as out:
        out.write(os.urandom(64 * MIB))
    md5 = md5_rate()
    put = curl_rate(target.url("PUT", "big"), ["-T", file], 64)
    row("PUT 64 MiB", f"{put:,.0f} MB/s", f"{put / md5:.0%} of MD5 alone ({md5:,.0f} MB/s)")
    nginx = nginx_rate(file)
    get = curl_rate(target.url("GET", "big"), [], 64)
    row("GET 64 MiB", f"{get:,.0f} MB/s", f"{get / nginx:.0%} of nginx ({nginx:,.0f} MB/s)" if nginx else "")
    os.unlink(file)


class MemoryPeak(threading.Thread):
    """The highest RssAnon seen while it runs."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.peak, self.stopping = server, 0, threading.Event()

    def run(self):
        while not self.stopping.wait(0.05):
            self.peak = max(self.peak, self.server.memory_bytes())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()


def many_uploads(target, server, folder, clients, size_mib):
    free = shutil.disk_usage(server.data).free
    if free < clients * size_mib * MIB * 1.1:
        row(f"RssAnon, {clients} uploads of {size_mib} MiB at once", "-", "not enough disk")
        return
    file = f"{folder}/sparse"
    with open(file, "wb") as out:
        out.truncate(size_mib * MIB)
    started = time.monotonic()
    with MemoryPeak(server) as memory:
        uploads = [subprocess.Popen(["curl", "-sSf", "-o", "/dev/null", "-T", file, target.url("PUT", f"upload/{i}")]) for i in range(clients)]
        failed = sum(upload.wait() != 0 for upload in uploads)
    rate = clients * size_mib * MIB / 1e6 / (time.monotonic() - started)
    row(f"RssAnon, {clients} uploads of {size_mib} MiB at once", f"{memory.peak / MIB:.1f} MiB", f"{rate:,.0f} MB/s together" + (f", {failed} FAILED" if failed else ""))
    for i in range(clients):
        target.call("DELETE", f"upload/{i}")
    os.unlink(file)


def fill_part(endpoint, signer, first, end, connections):
    """Puts empty objects fill/<number>, many requests ahead on each of many connections."""
    host, port = urllib.parse.urlsplit(endpoint).netloc.split(":")
    faults = []

    def put(numbers):
        with socket.create_connection((host, int(port)), timeout=120) as connection:
            for at in range(0, len(numbers), 32):
                batch = numbers[at : at + 32]
                connection.sendall(b"".join(
                    f"PUT {signer.sign('PUT', f'fill/{n % 1000:03d}/{n:08d}')} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 0\r\n\r\n".encode()
                    for n in batch))
                answered, rest = 0, b""
                while answered < len(batch):
                    data = connection.recv(65536)
                    if not data:
                        faults.append("the connection was closed")
                        return
                    heads = (rest + data).split(b"\r\n\r\n")
                    rest = heads.pop()
                    answered += len(heads)
                    faults.extend(head.split(b"\r\n")[0].decode() for head in heads if not head.startswith(b"HTTP/1.1 200"))

    threads = [threading.Thread(target=put, args=(range(first + i, end, connections),)) for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        sys.exit(f"filling failed {len(faults)} times: {faults[0]}")


def fill(target, count):
    """Objects for the start: through the API, from two processes."""
    started = time.monotonic()
    signer = target.signer()
    workers = [multiprocessing.Process(target=fill_part, args=(target.endpoint, signer, count * i // 2, count * (i + 1) // 2, 32)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit("filling failed")
    return count / (time.monotonic() - started)


def kill_under_load(target, server):
    """SIGKILL while objects of 4 KiB are put; the seconds that the next start takes until it is ready."""
    signer, body = target.signer(), b"x" * 4096
    host, port = urllib.parse.urlsplit(target.endpoint).netloc.split(":")

    def put(number):
        try:
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                for n in range(1_000_000):
                    path = signer.sign("PUT", f"load/{number}/{n}")
                    connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                    if not connection.recv(65536):
                        return
        except OSError:
            pass

    threads = [threading.Thread(target=put, args=(i,), daemon=True) for i in range(32)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    server.kill9()
    for thread in threads:
        thread.join()
    before = time.monotonic()
    server.start()
    return time.monotonic() - before


def starts(target, server, count):
    rate = fill(target, count)
    row(f"PUT empty, {count:,} objects to fill", f"{rate:,.0f} /s", "64 connections, requests sent ahead")
    times = []
    for _ in range(3):
        server.stop(300)
        before = time.monotonic()
        server.start()
        times.append(time.monotonic() - before)
    row(f"start until ready, over {count:,} objects", f"{min(times) * 1000:.0f} ms", f"worst of 3: {max(times) * 1000:.0f} ms")
    times = [kill_under_load(target, server) for _ in range(3)]
    row("the same after kill -9 under 32 writers", f"{min(times) * 1000:.0f} ms", f"worst of 3: {max(times) * 1000:.0f} ms")
    time.sleep(1)
    row("RssAnon behind that start", f"{server.memory_bytes() / MIB:.1f} MiB")


STEP = re.compile(r'lakegate_step_seconds_total\{step="(\w+)"\} ([\d.e+-]+)')


def steps(target, seconds):
    """Where the time of small requests goes: the share of each step of the pipeline, waiting included."""

    def read():
        with urllib.request.urlopen(target.endpoint + "/-/metrics", timeout=30) as reply:
            return {name: float(value) for name, value in STEP.findall(reply.read().decode())}

    keys = [f"k/{i % 100:02d}/{i:06d}" for i in range(2000)]
    for method, size in (("PUT", 4096), ("GET", 0)):
        before = read()
        wrk(target, [target.presign(method, k) for k in keys], method, size, seconds=max(1, seconds // 2))
        spent = {name: value - before.get(name, 0) for name, value in read().items()}
        total = sum(spent.values())
        if total > 0:
            for name, value in spent.items():
                row(f"{method} 4 KiB, step {name}", f"{value / total:.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint-url", help="measure this endpoint instead of a lakegated of its own")
    parser.add_argument("--access-key", default=os.environ.get("AWS_ACCESS_KEY_ID", ""))
    parser.add_argument("--secret-key", default=os.environ.get("AWS_SECRET_ACCESS_KEY", ""))
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--seconds", type=int, default=8, help="of each row with requests a second (8)")
    parser.add_argument("--objects", type=int, default=1_000_000, help="in the store whose start is timed; 0: not (1000000)")
    parser.add_argument("--uploads", type=int, default=64, help="clients that upload at once; 0: not (64)")
    parser.add_argument("--upload-mib", type=int, default=128, help="what each of them uploads (128; the project's own figure is 1024)")
    parser.add_argument("--data", help="folder for the store of one's own; must not exist")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the lakegated, such as verify_reads=off")
    parser.add_argument("--copy", action="store_true", help="measure bulk copy alone, from a second lakegated")
    parser.add_argument("--copy-objects", type=int, default=100_000, help="of 10 KiB (100000)")
    parser.add_argument("--copy-gib", type=int, default=10, help="objects of 1 GiB; 0: none (10)")
    options = parser.parse_args()
    settings = {f"LAKEGATE_{name.upper()}": value for name, _, value in (text.partition("=") for text in options.set)}
    if options.copy:
        import copy_bench

        (lakegated.ROOT / "build").mkdir(exist_ok=True)
        return copy_bench.run(options, settings)
    server = None
    own_folder = None
    if not options.endpoint_url:
        if not options.data:  # beside the build, since /tmp may be no disk
            (lakegated.ROOT / "build").mkdir(exist_ok=True)
            own_folder = tempfile.TemporaryDirectory(prefix="bench-", dir=lakegated.ROOT / "build")
        server = lakegated.Lakegated(data=options.data or f"{own_folder.name}/data", environment={"LAKEGATE_ACCESS_LOG": "off", **settings})
    try:
        target = Target(options, server)
        print(f"{target.endpoint}, {os.cpu_count()} processors{', ' + ' '.join(options.set) if options.set else ''}", flush=True)
        target.call("PUT")
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            if server:
                time.sleep(1)
                row("RssAnon at rest", f"{server.memory_bytes() / MIB:.1f} MiB")
                with MemoryPeak(server) as memory:
                    small_objects(target, options.seconds)
                    listings(target, options.seconds)
                    big_objects(target, folder)
                row("RssAnon, highest under this load", f"{memory.peak / MIB:.1f} MiB")
                if options.uploads:
                    many_uploads(target, server, folder, options.uploads, options.upload_mib)
                steps(target, options.seconds)
                if options.objects:
                    starts(target, server, options.objects)
            else:
                small_objects(target, options.seconds)
                listings(target, options.seconds)
                big_objects(target, folder)
    finally:
        if server:
            server.close()
        if own_folder:
            own_folder.cleanup()


if __name__ == "__main__":
    main()
