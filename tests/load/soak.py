#!/usr/bin/env python3
"""Mixed clients on a store of a million small objects: memory and descriptors stay as they are; and whatever is deleted
then, the data folder comes down to what lives in it.

usage: soak.py [--minutes N] [--objects N] [--connections N] [--seed N]
wrk (mixed.lua) reads, writes, deletes and lists over 64 connections, or N, that need no signature; beside it clients with
boto3 upload in parts, copy and delete in batches. What is deleted afterwards: half, by chance, then all but a tenth,
in a row.
"""
import argparse
import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))
import conftest  # noqa: E402
import lakegated  # noqa: E402
import raw  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUCKET = "soak"
SLICE_S = 10  # of wrk, between two looks at the daemon
MEMORY_GROWTH_BYTES = 8 << 20  # what the median of the last third may be above that of the second
WHOLE = 1.25
SLACK_BYTES = 2 * (256 << 20) // 16  # docs/LIMITS.md: a sixteenth of a segment, and as much that is not looked at yet
CATCH_UP_S = 300
PENDING = 500  # what may be on its way
PENDING_OF_AN_UPLOAD = 2  # itself, for a day, and what its copy was made from
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": f"arn:aws:s3:::{BUCKET}/*"},
    {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"}]}


def status(server):
    return json.loads(raw.request(server, "GET", "/-/status").body)


class Client(threading.Thread):
    """Uploads in parts, copies, deletes in batches, over and over; what it wrote it reads, and lists at once."""

    def __init__(self, server, number, stopping):
        super().__init__(daemon=True)
        self.s3, self.number, self.stopping = lakegated.client(server), number, stopping
        self.rounds, self.fault = 0, None

    def round(self):
        key, body = f"client-{self.number}/{self.rounds % 50}", os.urandom(5 << 20)
        upload = self.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        parts = []
        for number, part in enumerate([body, b"the end"], 1):
            etag = self.s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=part)["ETag"]
            parts.append({"PartNumber": number, "ETag": etag})
        if self.rounds % 3 == 0:
            self.s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
        else:
            self.s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
            assert self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body + b"the end"
            self.s3.copy_object(Bucket=BUCKET, Key=key + "-copy", CopySource={"Bucket": BUCKET, "Key": key})
            listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]
            assert [one["Key"] for one in listed if one["Key"] in (key, key + "-copy")] == [key, key + "-copy"]
        if self.rounds % 10 == 9:
            keys = [{"Key": f"client-{self.number}/{number % 50}{end}"} for number in range(self.rounds - 9, self.rounds) for end in ("", "-copy")]
            assert "Errors" not in self.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys, "Quiet": True})
        self.rounds += 1

    def run(self):
        try:
            while not self.stopping.is_set():
                self.round()
        except Exception as error:  # told by who waits for it
            self.fault = error


def command_of(server, seconds, options, seed):
    return ["wrk", "-t", str(min(2, options.connections)), "-c", str(options.connections), "-d", f"{seconds}s", "--timeout", "20s",
            "-s", str(HERE / "mixed.lua"), server.endpoint, "--", str(options.objects), str(seed)]


def wrk(server, seconds, options, seed):
    done = subprocess.run(command_of(server, seconds, options, seed), capture_output=True, text=True, timeout=seconds + 120)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1]), done.stderr
    except (ValueError, IndexError):
        raise SystemExit(f"wrk ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def median(values):
    return sorted(values)[len(values) // 2]


def mixed(server, options, faults):
    """(requests, median of the slices' 99th percentiles in ms, rounds of the other clients)"""
    stopping = threading.Event()
    clients = [Client(server, number, stopping) for number in range(2)]
    for client in clients:
        client.start()
    slices, memory, descriptors = [], [], []
    for number in range(max(3, round(options.minutes * 60 / SLICE_S))):
        got, words = wrk(server, SLICE_S, options, options.seed + number)
        slices.append(got)
        memory.append(server.memory_bytes())
        descriptors.append(conftest.descriptors(server))
        if got["broken"] or got["refused"]:
            faults.append(f"{got['refused']} requests were refused, {got['broken']} connections broken: {words[:500]}")
    stopping.set()
    for client in clients:
        client.join(120)
        if client.fault:
            faults.append(f"client {client.number}: {client.fault!r}")
    third = len(memory) // 3
    grown = median(memory[-third:]) - median(memory[third:2 * third])
    print(f"memory of the daemon in MiB: {' '.join(str(one >> 20) for one in memory)}; descriptors: {' '.join(map(str, descriptors))}")
    if grown > MEMORY_GROWTH_BYTES:
        faults.append(f"memory grew by {grown} bytes within a third of the time")
    return sum(one["requests"] for one in slices), median([one["p99_us"] for one in slices]) / 1000, sum(client.rounds for client in clients)


def opened_after_a_kill(server, options):
    """Milliseconds from the start of the daemon, which was killed under its clients, until it is ready: a figure, no test."""
    clients = subprocess.Popen(command_of(server, SLICE_S, options, options.seed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert raw.wait_for(lambda: conftest.open_connections(server) > options.connections // 2)
    server.kill9()
    began = time.monotonic()
    server.start()
    took_ms = (time.monotonic() - began) * 1000
    clients.kill()
    clients.wait()
    return took_ms


def delete(server, keys):
    """In batches of a thousand, four at once."""
    def one(batch):
        xml = "".join(f"<Object><Key>{key}</Key></Object>" for key in batch)
        xml = f"<Delete><Quiet>true</Quiet>{xml}</Delete>".encode()
        md5 = base64.b64encode(hashlib.md5(xml).digest()).decode()
        reply = raw.request(server, "POST", f"/{BUCKET}?delete", [("Content-MD5", md5)], xml)
        assert reply.status == 200 and b"<Error>" not in reply.body, reply

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, [keys[at:at + 1000] for at in range(0, len(keys), 1000)]))


def folder_bytes(*paths):
    total = 0
    for path in paths:
        for folder, _, names in os.walk(path):
            total += sum(os.stat(os.path.join(folder, name)).st_blocks * 512 for name in names)
    return total


def within(server, what, uploads, faults):
    """Waits until compaction has caught up; then the daemon ends, so that what it has in advance is cut off, and the
    files are measured. The index keeps the pages that it has no use for now, and writes to them again. uploads: of the
    clients, which leave rows behind that are not due yet."""
    def caught_up():
        store = status(server)["store"]
        return (store["freed_pending"] <= PENDING + PENDING_OF_AN_UPLOAD * uploads
                and store["segment_bytes"] <= store["segment_live_bytes"] * WHOLE + SLACK_BYTES)

    began = time.monotonic()
    if not raw.wait_for(caught_up, CATCH_UP_S):
        faults.append(f"{what}: compaction has not caught up within {CATCH_UP_S} s: {status(server)['store']}")
    took = time.monotonic() - began
    live = status(server)["store"]
    assert server.stop() == 0
    found = folder_bytes(server.data + "/segments", server.data + "/files")
    wanted = live["segment_live_bytes"] + live["file_bytes"]
    print(f"{what}: caught up in {took:.0f} s; {found} bytes of files for {wanted} live ones, {found / wanted:.2f}")
    if found > wanted * WHOLE + SLACK_BYTES:
        faults.append(f"{what}: {found} bytes for {wanted} live ones")
    server.start()
    return found / wanted


def remaining(server):
    keys, after = [], ""
    with raw.Connection(server) as connection:
        while True:
            page = connection.request("GET", f"/{BUCKET}?list-type=2&start-after={after}").body
            keys += [key.decode() for key in re.findall(rb"<Key>([^<]*)</Key>", page)]
            if b"<IsTruncated>true" not in page:
                return keys
            after = keys[-1].replace("/", "%2F")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    options = parser.parse_args()
    faults, chance, began = [], random.Random(options.seed), time.monotonic()
    print(f"seed {options.seed}")
    # Without snapshots, whose log would be kept beside what lives.
    with lakegated.Lakegated(environment={"LAKEGATE_SNAPSHOTS": "0"}) as server:
        s3 = lakegated.client(server)
        s3.create_bucket(Bucket=BUCKET)
        s3.delete_public_access_block(Bucket=BUCKET)
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY))
        assert server.stop() == 0
        subprocess.run([ROOT / "build/load/fill", server.data, BUCKET, str(options.objects)], check=True)
        server.start()
        before = conftest.descriptors(server)
        print(f"filled within {time.monotonic() - began:.0f} s", flush=True)
        requests, p99_ms, rounds = mixed(server, options, faults)
        if not raw.wait_for(lambda: conftest.open_connections(server) <= 1 and conftest.descriptors(server) <= before, 60):
            faults.append(f"descriptors: {before} before, {conftest.descriptors(server)} after")
        opened_ms = opened_after_a_kill(server, options)
        keys, kept = remaining(server), []
        gone = [key for key in keys if chance.random() < 0.5 or kept.append(key)]
        delete(server, gone)
        ratios = [within(server, "half is deleted", rounds, faults)]
        delete(server, kept[len(keys) // 10:])
        ratios.append(within(server, "nine tenths are deleted", rounds, faults))
        assert server.stop() == 0
        verify = subprocess.run([lakegated.program("lakegate"), "verify", server.data], capture_output=True, text=True)
        if verify.returncode != 0:
            faults.append(f"lakegate verify ended with {verify.returncode}:\n{verify.stdout[-2000:]}")
    for fault in faults:
        print("FAILED", fault)
    print(f"{requests} requests on {options.objects} objects and {rounds} uploads in parts, p99 {p99_ms:.1f} ms; ready {opened_ms:.0f} ms after a kill; files take "
          f"{ratios[0]:.2f} and {ratios[1]:.2f} of what lives after deleting 50 % and 90 %; {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
