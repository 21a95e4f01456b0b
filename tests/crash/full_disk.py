#!/usr/bin/env python3
"""The daemon on a disk that is full: writes get 507 while its reserve is untouched, reads and deletes go on, deletes
make room, and after a kill nothing needs repair. And an index whose map begins at 1 MiB, under clients that see no error.

usage: full_disk.py [--rounds N] [--seed N]
The disk is a tmpfs of its own, in a namespace of its own; where that is not allowed, the test is skipped.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "compat"))
import copying  # noqa: E402
import lakegated  # noqa: E402
import raw  # noqa: E402

DISK_BYTES, RESERVE_BYTES = 256 << 20, 32 << 20
LOG_BYTES = 16 << 20  # of the reserve: the small segments that are made on a full disk for the log of deletes, and the index
SIZES = [200, 2000, 100_000, 900_000, 2_500_000]
INSIDE = "LAKEGATE_TEST_DISK"


class Clients:
    """What was acknowledged: key → size. Eight at once, each with keys of its own."""

    def __init__(self, server, chance):
        self.server, self.chance, self.kept, self.number = server, chance, {}, 0
        self.refused = self.changes = 0

    def content(self, key, size):
        block = hashlib.sha256(key.encode()).digest()
        return (block * (size // len(block) + 1))[:size]

    def put(self, key, size):
        reply = raw.request(self.server, "PUT", f"/full/{key}", body=self.content(key, size), payload="UNSIGNED-PAYLOAD")
        if reply.status == 200:
            self.kept[key] = size
            self.changes += 1
        elif (reply.status, reply.code) == (507, "InsufficientStorage"):
            self.refused += 1
        else:
            raise AssertionError(f"PUT {key}: {reply}")
        return reply.status

    def put_some(self, count, pool):
        """The statuses of so many writes."""
        keys = [f"{self.number + i:06d}" for i in range(count)]
        self.number += count
        return list(pool.map(self.put, keys, [self.chance.choice(SIZES) for _ in keys]))

    def fill(self, pool):
        """Until all are refused."""
        for _ in range(400):
            if set(self.put_some(16, pool)) == {507}:
                return
        raise AssertionError("the disk does not become full")

    def check(self, pool):
        def one(key):
            reply = raw.request(self.server, "GET", f"/full/{key}")
            assert reply.status == 200 and reply.body == self.content(key, self.kept[key]), (key, self.kept[key], repr(reply)[:300])
        list(pool.map(one, list(self.kept)))
        reply = raw.request(self.server, "GET", "/full?list-type=2&max-keys=1000")
        assert reply.status == 200 and reply.body.count(b"<Key>") == min(1000, len(self.kept)), reply

    def delete(self, keys, pool):
        def one(key):
            reply = raw.request(self.server, "DELETE", f"/full/{key}")
            assert reply.status == 204, (key, reply)
            del self.kept[key]
            self.changes += 1
        list(pool.map(one, keys))


def free_bytes(folder):
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def uploads_on_a_full_disk(clients):
    """They are refused or go on, and can always be given up."""
    reply = raw.request(clients.server, "POST", "/full/parts?uploads")
    if reply.status != 200:
        assert reply.status == 507, reply
        return
    upload = reply.field("UploadId")
    part = raw.request(clients.server, "PUT", f"/full/parts?partNumber=1&uploadId={upload}", body=bytes(2_000_000), payload="UNSIGNED-PAYLOAD")
    assert part.status in (200, 507), part  # GC may have made room meanwhile
    assert raw.request(clients.server, "DELETE", f"/full/parts?uploadId={upload}").status == 204


def without_any_room(clients, folder, pool):
    """Somebody else takes the reserve too: no false answer, no end of the daemon, and all is well when it is back."""
    with open(folder + "/ballast", "wb") as ballast:
        try:
            while True:
                ballast.write(bytes(1 << 20))
                ballast.flush()
        except OSError:
            pass
        try:
            statuses = [status for _ in range(3) for status in clients.put_some(16, pool)]
            assert 507 in statuses, "what is small may still find room, but not all"
            clients.check(pool)
        finally:
            os.unlink(folder + "/ballast")


def round_of(clients, folder, pool):
    clients.fill(pool)
    free = free_bytes(folder)
    assert free >= RESERVE_BYTES - LOG_BYTES, f"{free} bytes are free, of a reserve of {RESERVE_BYTES}"
    clients.check(pool)
    uploads_on_a_full_disk(clients)
    without_any_room(clients, folder, pool)
    keys = list(clients.kept)
    clients.chance.shuffle(keys)
    clients.delete(keys[: len(keys) // 2], pool)
    assert raw.wait_for(lambda: clients.put(f"again-{clients.changes}", 900_000) == 200, 120), "deletes made no room"
    clients.server.kill9()
    clients.server.start()
    clients.check(pool)


def store_status(server):
    return json.loads(raw.request(server, "GET", "/-/status").body)["store"]


def verified(server):
    assert server.stop() == 0, server.log_tail()
    done = subprocess.run([lakegated.program("lakegate"), "verify", server.data], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def full_disk(options, folder):
    settings = {"LAKEGATE_RESERVE": str(RESERVE_BYTES), "LAKEGATE_SNAPSHOTS": "0"}
    with lakegated.Lakegated(data=folder + "/data", environment=settings) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert raw.request(server, "PUT", "/full").status == 200
        clients = Clients(server, random.Random(options.seed))
        for _ in range(options.rounds):
            round_of(clients, folder, pool)
        verified(server)
    shutil.rmtree(folder + "/data")
    return clients


def copy_job(folder):
    """A copy job meets the full disk while it runs: it pauses, loses nothing, and goes on when there is room again. The number of
    objects."""
    # In files of their own: of smaller ones segments have room that was allocated before, how much depends on the moment.
    objects = {f"in/{i:03d}": hashlib.sha256(b"%d" % i).digest() * 40_000 for i in range(84)}  # of 1.2 MiB
    ballast = pathlib.Path(folder, "ballast")
    settings = {"LAKEGATE_RESERVE": str(RESERVE_BYTES), "LAKEGATE_SNAPSHOTS": "0"}
    with copying.FakeSource(copying.serving(objects)) as source, \
            lakegated.Lakegated(data=folder + "/copies", arguments=copying.allowing(source.port), environment=settings) as server:
        assert raw.request(server, "PUT", "/full").status == 200
        ballast.write_bytes(bytes(free_bytes(folder) - RESERVE_BYTES - (48 << 20)))
        # It asks the system once a second, and a job is faster.
        assert raw.wait_for(lambda: store_status(server)["disk_free_bytes"] <= free_bytes(folder), 30), "the daemon does not see the ballast"
        copies = copying.Copies(server)
        job = copies.create({"bucket": "there", "endpoint": source.endpoint}, "full/there/")
        paused = copies.until(job, "paused")
        assert paused["reason"] == "DiskFull" and paused["progress"]["failed_objects"] == 0, paused
        assert 0 < paused["progress"]["copied_objects"] < len(objects), paused
        assert free_bytes(folder) >= RESERVE_BYTES - LOG_BYTES
        ballast.unlink()
        copies.change(job, "resume")
        done = copies.until(job)
        assert done["state"] == "done" and done["progress"]["copied_objects"] == len(objects), done
        for key, content in objects.items():
            assert raw.request(server, "GET", f"/full/there/{key}").body == content, key
        verified(server)
    return len(objects)


def small_map():
    """The number of objects that were written while the map grew."""
    with lakegated.Lakegated(environment={"LAKEGATE_INDEX_MAP": "1M"}) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert raw.request(server, "PUT", "/map").status == 200

        def one(number):
            key = f"/map/{number:05d}-{'k' * 300}"
            assert raw.request(server, "PUT", key, body=b"x" * 300).status == 200
            assert raw.request(server, "GET", key).body == b"x" * 300
            assert raw.request(server, "GET", "/map?list-type=2&max-keys=5").status == 200
        list(pool.map(one, range(2500)))
        store = store_status(server)
        assert store["index_map_bytes"] > 2 << 20 and store["index_bytes_used"] > 1 << 20, store
        verified(server)
    return 2500


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    options = parser.parse_args()
    if INSIDE not in os.environ:
        command = ["unshare", "-Urm"]
        if subprocess.run([*command, "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True).returncode != 0:
            print("SKIPPED no namespace with a file system of its own may be made here\n0 passed, 0 failed, 1 skipped")
            return 0
        with tempfile.TemporaryDirectory(prefix="lakegate-full-") as folder:
            mount = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'
            command += ["sh", "-c", mount, str(DISK_BYTES), folder, sys.executable, *sys.argv, "--seed", str(options.seed)]
            return subprocess.run(command, env={**os.environ, INSIDE: folder}).returncode
    clients = full_disk(options, os.environ[INSIDE])
    copied = copy_job(os.environ[INSIDE])
    objects = small_map()
    print(f"{clients.changes} changes and {clients.refused} refusals with 507 on a disk that was full {options.rounds} times; "
          f"a copy of {copied} objects that met it; "
          f"{objects} objects while an index map of 1 MiB grew (--seed {options.seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
