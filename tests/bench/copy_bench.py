"""Bulk copy: how fast, beside what clients reach that put the same objects directly. The source is a second lakegated on
the same machine, and takes its share of it. Called by bench.py --copy."""
import datetime
import hashlib
import http.client
import json
import os
import subprocess
import tempfile
import time

import bench
import lakegated

MIB = 1 << 20


def call(server, method, path, body=b""):
    """A request signed with root's keys, as JSON."""
    import hmac

    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{lakegated.REGION}/s3/aws4_request"
    sha, host = hashlib.sha256(body).hexdigest(), f"127.0.0.1:{server.port}"
    headers = {"host": host, "x-amz-content-sha256": sha, "x-amz-date": now}
    names = ";".join(headers)
    canonical = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, sha])
    key = b"AWS4" + lakegated.SECRET_KEY.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={lakegated.ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={signature}")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    if reply.status >= 300:
        raise SystemExit(f"{method} {path}: {reply.status} {text.decode()}")
    return json.loads(text) if text else None


def copy(server, source, destination, **members):
    """Runs a job; the job at its end, and seconds."""
    bucket, _, prefix = destination.partition("/")
    job = call(server, "POST", "/-/copies", json.dumps(
        {"source": source, "destination": {"bucket": bucket, "prefix": prefix}, **members}).encode())
    while job["state"] in ("queued", "running"):
        time.sleep(0.2)
        job = call(server, "GET", f"/-/copies/{job['id']}")
    if job["state"] != "done" or job["progress"]["failed_objects"]:
        raise SystemExit(f"the job failed: {job}")
    times = [datetime.datetime.fromisoformat(job[name].replace("Z", "+00:00")) for name in ("started", "finished")]
    return job, (times[1] - times[0]).total_seconds()


def fill_small(source, endpoint_of, count):
    target = endpoint_of(source)
    keys = [f"seed/{i:04d}" for i in range(1000)]
    for key in keys:
        target.call("PUT", key, data=os.urandom(10240))
    for i in range(count // 1000):
        copy(source, {"bucket": target.bucket, "prefix": "seed/", "endpoint": "local"}, f"{target.bucket}/small/{i:03d}/")
    return target


def small(source, target_server, endpoint_of, count, seconds):
    direct = endpoint_of(target_server)
    rates = {}
    for connections in 32, 64:
        paths = [direct.presign("PUT", f"direct/{i:06d}") for i in range(20000)]
        rates[connections] = bench.rate_row(f"PUT 10 KiB, {connections} connections",
                                            bench.wrk(direct, paths, "PUT", 10240, connections, seconds), connections)
    there = fill_small(source, endpoint_of, count)
    make_public(source, there.bucket)
    with bench.MemoryPeak(target_server) as memory:
        job, took = copy(target_server, {"bucket": there.bucket, "prefix": "small/", "endpoint": source.endpoint}, f"{direct.bucket}/copied/")
    rate = job["progress"]["copied_objects"] / took
    bench.row(f"copy job, {count:,} objects of 10 KiB", f"{rate:,.0f} /s", f"{rate / max(rates.values()):.0%} of the best direct PUTs; {took:.1f} s")
    bench.row("RssAnon, highest during it", f"{memory.peak / MIB:.1f} MiB")
    return there, direct


def make_public(server, bucket):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"],
                                                       "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}
    target = Endpoint(server, bucket)
    target.call("DELETE", None, {"publicAccessBlock": ""})
    target.call("PUT", None, {"policy": ""}, json.dumps(policy).encode())


class Endpoint(bench.Target):
    """A bucket of a server of our own."""

    def __init__(self, server, bucket):
        self.server, self.endpoint, self.bucket = server, server.endpoint, bucket
        self.host = f"127.0.0.1:{server.port}"
        self.access_key, self.secret_key, self.region = lakegated.ACCESS_KEY, lakegated.SECRET_KEY, lakegated.REGION
        self.signer_of_now = self.signer()


def large(source, target_server, there, direct, gib):
    md5 = bench.md5_rate()
    with tempfile.NamedTemporaryFile(dir=lakegated.ROOT / "build") as file:
        file.truncate(1024 * MIB)
        done = subprocess.run(["curl", "-sSf", "-o", "/dev/null", "-w", "%{time_total}", "-T", file.name, direct.url("PUT", "direct-large")], capture_output=True, text=True, check=True)
        put = 1024 * MIB / 1e6 / float(done.stdout)
        subprocess.run(["curl", "-sSf", "-o", "/dev/null", "-T", file.name, there.url("PUT", "large-seed/0")], check=True)
    direct.call("DELETE", "direct-large")
    bench.row("PUT 1 GiB", f"{put:,.0f} MB/s", f"MD5 alone {md5:,.0f} MB/s a core")
    for i in range(gib):
        copy(source, {"bucket": there.bucket, "prefix": "large-seed/", "endpoint": "local"}, f"{there.bucket}/large/{i:02d}/")
    with bench.MemoryPeak(target_server) as memory:
        job, took = copy(target_server, {"bucket": there.bucket, "prefix": "large/", "endpoint": source.endpoint}, f"{direct.bucket}/large/")
    rate = job["progress"]["copied_bytes"] / 1e6 / took
    bench.row(f"copy job, {gib} objects of 1 GiB", f"{rate:,.0f} MB/s", f"{rate / md5:.0%} of MD5 on one core; {took:.1f} s")
    bench.row("RssAnon, highest during it", f"{memory.peak / MIB:.1f} MiB")


def run(options, settings):
    environment = {"LAKEGATE_ACCESS_LOG": "off", **settings}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=lakegated.ROOT / "build") as folder:
        with lakegated.Lakegated(data=f"{folder}/source", environment=environment) as source:
            allowed = ["--remote-endpoints", f"http://127.0.0.1:{source.port}", "--remote-addresses", "127.0.0.1/32"]
            with lakegated.Lakegated(data=f"{folder}/target", environment=environment, arguments=allowed) as target:
                def endpoint_of(server):
                    made = Endpoint(server, "bench")
                    made.call("PUT")
                    return made

                there, direct = small(source, target, endpoint_of, options.copy_objects, options.seconds)
                if options.copy_gib:
                    large(source, target, there, direct, options.copy_gib)
