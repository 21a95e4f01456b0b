#!/usr/bin/env python3
"""Kills lakegated with SIGKILL while clients write, starts it again, and compares what is there with what
was acknowledged: a 200 is kept byte for byte, and what was not answered is there whole or not at all.

usage: kill9.py [--rounds N] [--clients N] [--seed N]
Each client has keys of its own, so that the order of what happens to a key is known.
"""
import argparse
import base64
import collections
import hashlib
import http.client
import pathlib
import random
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lakegated  # noqa: E402

BUCKET = "crash"
SIZES = [0, 1, 100, 450, 4096, 4096, 20_000, 65_536, 300_000, 1 << 20, (1 << 20) + 1, 3 << 20]
PART_BYTES = 5 << 20
KEYS_PER_CLIENT = 12
POLICY = """{"Version": "2012-10-17", "Statement": {"Sid": "TEXT", "Effect": "Deny", "Principal": "*",
 "Action": "s3:PutObject", "Resource": "arn:aws:s3:::BUCKET/never/*"}}"""
SETTINGS = {"bucket": "bucket made or removed", "policy": "policy", "lakegate-zones": "zones"}
KINDS = {"put", "delete", "copy", "tagged", "batch delete", "upload begun", "part", "upload completed", *SETTINGS.values()}
ZONES = '{"Version": "2026-11-01", "Zones": [{"Name": "TEXT", "Prefix": "raw/", "Duplicates": "reject"}]}'


def content(name, version, size):
    block = hashlib.sha256(f"{name} {version}".encode()).digest()
    return (block * (size // len(block) + 1))[:size]


class Broken(Exception):
    """The connection ended without an answer."""


class Client(threading.Thread):
    """Writes its own keys. acknowledged: key → (name, version, size, tag) or None, for every answered change; pending:
    what was sent without an answer yet."""

    def __init__(self, server, number, chance):
        self.server, self.number, self.chance = server, number, chance
        self.acknowledged, self.pending, self.upload = {}, {}, None
        self.version = 0
        # what is set of buckets, in the same way: name → text or None
        self.set, self.setting = {}, {}
        self.faults, self.changes = [], collections.Counter()  # acknowledged ones by kind
        self.stopping = threading.Event()
        self.connection = None

    def begin(self):
        super().__init__(daemon=True)
        self.stopping.clear()
        self.connection = None
        self.start()

    def call(self, method, key, query=None, body=None, accept=(200, 204), headers=None, bucket=BUCKET):
        path = lakegated.presign(self.server, method, f"/{bucket}/{key}" if key is not None else f"/{bucket}", query, headers=headers)
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            self.connection.request(method, path, body=body, headers=headers or {})
            reply = self.connection.getresponse()
            data = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            raise Broken(str(error))
        if reply.status == 503:
            time.sleep(0.01)
            return self.call(method, key, query, body, accept, headers, bucket)
        if reply.status not in accept:
            raise AssertionError(f"{method} {key} {query or ''}: {reply.status} {data[:300]!r}")
        return reply, data

    def run(self):
        try:
            while not self.stopping.is_set():
                self.step()
        except Broken as error:
            if not self.stopping.is_set():
                time.sleep(1)  # the kill that explains it is noted within that time
            if not self.stopping.is_set():
                self.faults.append(f"client {self.number}: connection lost while the daemon ran: {error}")
        except AssertionError as error:
            self.faults.append(str(error))

    def step(self):
        chance = self.chance.random()
        key = f"c{self.number:02d}/{self.chance.randrange(KEYS_PER_CLIENT):02d}"
        if chance < 0.15:
            self.change("delete", key, None, lambda: self.call("DELETE", key))
        elif chance < 0.25:
            self.copy(key)
        elif chance < 0.30:
            self.multipart()
        elif chance < 0.34:
            self.delete_many()
        elif chance < 0.42:
            self.change_settings()
        elif chance < 0.52:
            self.tag(key)
        else:
            self.version += 1
            size = self.chance.choice(SIZES)
            body, tag = content(key, self.version, size), self.some_tag()
            headers = {"x-amz-tagging": f"tag={tag}"} if tag else None
            self.change("put", key, (key, self.version, size, tag), lambda: self.call("PUT", key, body=body, headers=headers))

    def change(self, kind, key, after, act):
        """pending stands from before the request until its answer."""
        self.pending[key] = after
        act()
        self.acknowledged[key] = after
        del self.pending[key]
        self.changes[kind] += 1

    def copy(self, key):
        sources = [k for k, v in self.acknowledged.items() if v is not None and k not in self.pending and k != key]
        if not sources:
            return
        source = self.chance.choice(sources)
        headers = {"x-amz-copy-source": f"/{BUCKET}/{source}"}
        self.change("copy", key, self.acknowledged[source], lambda: self.call("PUT", key, headers=headers))

    def some_tag(self):
        """None, one that is kept with the object's record, or one that is kept beside it."""
        return self.chance.choice([None, f"v{self.version}", f"v{self.version}".ljust(256, "x")])

    def tag(self, key):
        state = self.acknowledged.get(key)
        if state is None:
            return
        self.version += 1
        tag = self.some_tag()
        xml = f"<Tagging><TagSet><Tag><Key>tag</Key><Value>{tag}</Value></Tag></TagSet></Tagging>".encode()
        after = (*state[:3], tag)
        if tag is None:
            self.change("tagged", key, after, lambda: self.call("DELETE", key, {"tagging": ""}))
        else:
            self.change("tagged", key, after, lambda: self.call("PUT", key, {"tagging": ""}, xml))

    def delete_many(self):
        """Each key goes or stays by itself."""
        keys = sorted({f"c{self.number:02d}/{self.chance.randrange(KEYS_PER_CLIENT):02d}" for _ in range(4)})
        self.pending.update({key: None for key in keys})
        xml = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        xml = f"<Delete><Quiet>true</Quiet>{xml}</Delete>".encode()
        md5 = base64.b64encode(hashlib.md5(xml).digest()).decode()
        _, data = self.call("POST", None, {"delete": ""}, xml, headers={"content-md5": md5})
        if b"<Error>" in data:
            raise AssertionError(f"batch delete: {data[:300]!r}")
        for key in keys:
            self.acknowledged[key] = None
            del self.pending[key]
        self.changes["batch delete"] += 1

    # ---- buckets, policies, zones ----

    def change_settings(self):
        """Makes the client's bucket, or sets or takes away something of it, or removes it with all that is set."""
        bucket, what = f"crash-{self.number:02d}", self.chance.choice(["bucket", "policy", "lakegate-zones"])
        self.version += 1
        if self.set.get("bucket") is None:
            self.change_setting("bucket", "there", lambda: self.call("PUT", None, bucket=bucket))
        elif what == "bucket":
            for name in ("policy", "lakegate-zones"):
                self.setting[name] = None
            self.change_setting("bucket", None, lambda: self.call("DELETE", None, bucket=bucket))
            self.set, self.setting = {}, {}
        elif self.chance.random() < 0.3:
            self.change_setting(what, None, lambda: self.call("DELETE", None, {what: ""}, bucket=bucket))
        else:
            text = f"v{self.version}"
            body = POLICY if what == "policy" else ZONES
            body = body.replace("TEXT", text).replace("BUCKET", bucket).encode()
            self.change_setting(what, text, lambda: self.call("PUT", None, {what: ""}, body, bucket=bucket))

    def change_setting(self, name, after, act):
        self.setting[name] = after
        act()
        self.set[name] = after
        del self.setting[name]
        self.changes[SETTINGS[name]] += 1

    def check_settings(self):
        bucket, found = f"crash-{self.number:02d}", {}
        reply, _ = self.call("GET", None, {"location": ""}, accept=(200, 404), bucket=bucket)
        found["bucket"] = "there" if reply.status == 200 else None
        for name in ("policy", "lakegate-zones"):
            reply, data = self.call("GET", None, {name: ""}, accept=(200, 404), bucket=bucket)
            text = re.search(rb'"(v\d+)"', data) if reply.status == 200 else None
            found[name] = text[1].decode() if text else None
        for name, value in found.items():
            possible = [self.set.get(name)] + ([self.setting[name]] if name in self.setting else [])
            if value not in possible:
                self.faults.append(f"{bucket}: {name} is {value}, expected one of {possible}")
        self.set, self.setting = found, {}

    def multipart(self):
        """One step of an upload, which goes on behind a restart."""
        key = f"c{self.number:02d}/multi"
        if self.upload is None:
            self.version += 1
            tag = self.some_tag()
            _, data = self.call("POST", key, {"uploads": ""}, headers={"x-amz-tagging": f"tag={tag}"} if tag else None)
            self.changes["upload begun"] += 1
            self.upload = {"id": re.search(rb"<UploadId>(.*?)</UploadId>", data)[1].decode(), "parts": {}, "version": self.version, "tag": tag}
            return
        upload, number = self.upload, len(self.upload["parts"]) + 1
        size = PART_BYTES if number < 2 else 1000
        body = content(f"{key} part {number}", upload["version"], size)
        if number <= 2:
            reply, _ = self.call("PUT", key, {"partNumber": str(number), "uploadId": upload["id"]}, body)
            upload["parts"][number] = reply.getheader("ETag")
            self.changes["part"] += 1
            return
        xml = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in upload["parts"].items())
        xml = f"<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>".encode()
        self.change("upload completed", key, (f"multi {key}", upload["version"], PART_BYTES + 1000, upload["tag"]), lambda: self.call("POST", key, {"uploadId": upload["id"]}, xml))
        self.upload = None

    # ---- after a restart ----

    def body_of(self, state):
        name, version, size, _ = state
        if name.startswith("multi "):
            key = name.split(" ")[1]
            return content(f"{key} part 1", version, PART_BYTES) + content(f"{key} part 2", version, 1000)
        return content(name, version, size)

    def check(self):
        """Compares every key; what a pending change came to is the new state. Returns key → size."""
        present = {}
        for key in sorted(set(self.acknowledged) | set(self.pending)):
            possible = [self.acknowledged.get(key)] + ([self.pending[key]] if key in self.pending else [])
            reply, data = self.call("GET", key, accept=(200, 404))
            found = None if reply.status == 404 else data
            tag = self.tag_of(key) if found is not None else None
            for state in possible:
                if (state is None and found is None) or (state is not None and found is not None and tag == state[3] and found == self.body_of(state)):
                    self.acknowledged[key] = state
                    if state is not None:
                        present[key] = len(data)
                    break
            else:
                had = "nothing" if found is None else f"{len(found)} bytes {hashlib.md5(found).hexdigest()}, tag {tag}"
                self.faults.append(f"{key}: found {had}, expected one of {possible}")
        self.pending.clear()
        self.check_upload()
        self.check_settings()
        return present

    def tag_of(self, key):
        _, data = self.call("GET", key, {"tagging": ""})
        found = re.findall(rb"<Key>(.*?)</Key><Value>(.*?)</Value>", data)
        return found[0][1].decode() if found else None

    def check_upload(self):
        if self.upload is None:
            return
        key, upload = f"c{self.number:02d}/multi", self.upload
        reply, data = self.call("GET", key, {"uploadId": upload["id"]}, accept=(200, 404))
        if reply.status == 404:
            # a Complete without an answer may have taken effect, with all its parts
            state = self.acknowledged.get(key)
            if len(upload["parts"]) == 2 and state is not None and state[1] == upload["version"]:
                self.upload = None
            else:
                self.faults.append(f"{key}: the upload with parts {sorted(upload['parts'])} is gone")
            return
        listed = {int(n): e.decode() for n, e in re.findall(rb"<PartNumber>(\d+)</PartNumber>.*?<ETag>(.*?)</ETag>", data)}
        for number, etag in upload["parts"].items():
            if listed.get(number, "").replace("&quot;", '"') != etag:
                self.faults.append(f"{key}: part {number} was acknowledged as {etag}, now {listed.get(number)}")


def listing(client):
    """key → size of the whole bucket, in the order of the listing."""
    found, token = [], None
    while True:
        query = {"list-type": "2", **({"continuation-token": token} if token else {})}
        _, data = client.call("GET", None, query)
        root = xml.etree.ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", data))
        found += [(e.findtext("Key"), int(e.findtext("Size"))) for e in root.iter("Contents")]
        token = root.findtext("NextContinuationToken")
        if root.findtext("IsTruncated") != "true":
            return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    faults, started = [], time.monotonic()
    with lakegated.Lakegated() as server:
        clients = [Client(server, n, random.Random(options.seed * 1000 + n)) for n in range(options.clients)]
        clients[0].call("PUT", None)
        for round_number in range(options.rounds):
            for client in clients:
                client.begin()
            time.sleep(chance.uniform(0.1, 2.0))
            for client in clients:
                client.stopping.set()
            server.kill9()
            for client in clients:
                client.join()
            server.start()
            present = {}
            for client in clients:
                client.connection = None
                try:
                    present.update(client.check())
                except (Broken, AssertionError) as error:
                    client.faults.append(f"check: {error}")
                faults += client.faults
                client.faults = []
            listed = listing(clients[0])
            if listed != sorted(present.items()):
                faults.append(f"round {round_number}: the listing differs: {sorted(set(listed) ^ set(present.items()))[:5]}")
            if faults:
                break
        changes = sum((client.changes for client in clients), collections.Counter())
        if server.stop() != 0:
            faults.append("SIGTERM did not end the daemon with 0")
        verify = subprocess.run([lakegated.program("lakegate"), "verify", server.data], capture_output=True, text=True)
        if verify.returncode != 0:
            faults.append(f"lakegate verify ended with {verify.returncode}:\n{verify.stdout[-2000:]}{verify.stderr[-500:]}")
        if faults:
            print(f"seed {options.seed}\n" + "\n".join(faults[:20]) + f"\n{server.log_tail(20)}")
    if KINDS - set(changes) and not faults:
        faults.append(f"there was no {', '.join(sorted(KINDS - set(changes)))}: not all was tested")
        print(faults[-1])
    kinds = ", ".join(f"{count} {kind}" for kind, count in changes.most_common())
    print(f"{changes.total()} acknowledged changes of {options.clients} clients over {options.rounds} kills in {time.monotonic() - started:.0f} s: {kinds}")
    print(f"{0 if faults else 1} passed, {1 if faults else 0} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
