#!/usr/bin/env python3
"""Many clients put, get, delete and list few keys at once, with conditions, while lakegated is killed now and
then; what they saw is checked to be linearizable (linear/main.go, by Porcupine).

usage: history.py [--seconds N] [--clients N] [--kills N] [--seed N] [--break-it]
--break-it changes one answer in the history, which must then be found.
"""
import argparse
import hashlib
import http.client
import json
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lakegated  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUCKET, KEYS = "history", [f"key-{i}" for i in range(6)]
client_numbers = iter(range(1_000_000_000))


class Client(threading.Thread):
    """One operation after the other. After one without an answer it goes on under another number, since the
    operation may still be under way."""

    def __init__(self, server, seed, stopping):
        super().__init__(daemon=True)
        self.server, self.chance, self.stopping = server, random.Random(seed), stopping
        self.number, self.history, self.known = next(client_numbers), [], {}
        self.connection, self.fault = None, None

    def send(self, method, key, body=None, headers=None, query=None):
        """(status, etag, body), or None when no answer came."""
        path = lakegated.presign(self.server, method, f"/{BUCKET}/{key}" if key else f"/{BUCKET}", query)
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
            self.connection.request(method, path, body=body, headers=headers or {})
            reply = self.connection.getresponse()
            return reply.status, (reply.getheader("ETag") or "").strip('"'), reply.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            return None

    def note(self, key, call, answered, **what):
        self.history.append({"client": self.number, "key": key, "call": call, "return": time.monotonic_ns() if answered else 0, **what})
        if not answered:
            self.number = next(client_numbers)
            time.sleep(0.05)

    def condition(self, key):
        """Headers, and what the history says of them: now and then one of what this client has last seen."""
        how = self.chance.randrange(5)
        if how == 0 and self.known.get(key):
            return {"If-Match": f'"{self.known[key]}"'}, {"if_match": self.known[key]}
        if how == 1 and self.known.get(key):
            return {"If-None-Match": f'"{self.known[key]}"'}, {"if_none": self.known[key]}
        return {}, {}

    def put(self, key):
        body = f"{self.number} {len(self.history)} {self.chance.random()}".encode() * self.chance.choice([1, 1, 200])
        etag, headers, what = hashlib.md5(body).hexdigest(), {}, {}
        how = self.chance.randrange(4)
        if how == 0:
            headers, what = {"If-None-Match": "*"}, {"if_absent": True}
        elif how == 1 and self.known.get(key):
            headers, what = {"If-Match": f'"{self.known[key]}"'}, {"if_match": self.known[key]}
        call = time.monotonic_ns()
        answer = self.send("PUT", key, body, headers)
        status = answer[0] if answer else 0
        if status not in (0, 200, 404, 412):
            raise AssertionError(f"PUT {key}: {answer}")
        self.note(key, call, answer, kind="put", etag=etag, status=status, **what)
        if status == 200:
            self.known[key] = etag

    def get(self, key):
        call, (headers, what) = time.monotonic_ns(), self.condition(key)
        answer = self.send("GET", key, headers=headers)
        if answer is None:
            self.connection = None
            time.sleep(0.05)
        elif answer[0] == 200:
            found = hashlib.md5(answer[2]).hexdigest()
            if found != answer[1]:
                raise AssertionError(f"GET {key}: ETag {answer[1]} of other bytes")
            self.known[key] = found
            self.note(key, call, True, kind="read", etag=found, status=200, **what)
        elif answer[0] == 404 or (answer[0] == 304 and "if_none" in what) or (answer[0] == 412 and "if_match" in what):
            if answer[0] != 304:
                self.known.pop(key, None)
            self.note(key, call, True, kind="read", etag="", status=answer[0], **what)
        else:
            raise AssertionError(f"GET {key} {headers}: {answer}")

    def delete(self, key):
        call, headers, what = time.monotonic_ns(), {}, {}
        if self.chance.randrange(2) and self.known.get(key):
            headers, what = {"If-Match": f'"{self.known[key]}"'}, {"if_match": self.known[key]}
        answer = self.send("DELETE", key, headers=headers)
        if answer and answer[0] != 204 and not (what and answer[0] in (404, 412)):
            raise AssertionError(f"DELETE {key} {headers}: {answer}")
        self.note(key, call, answer, kind="delete", status=answer[0] if answer else 0, **what)

    def list(self):
        """A listing is a read of every key."""
        call = time.monotonic_ns()
        answer = self.send("GET", None, query={"list-type": "2"})
        if answer is None:
            time.sleep(0.05)
            return
        found = dict(re.findall(r"<Key>([^<]*)</Key>.*?<ETag>&quot;([0-9a-f]+)", answer[2].decode(), re.S))
        for key in KEYS:
            self.note(key, call, True, kind="read", etag=found.get(key, ""), status=200 if key in found else 404)

    def run(self):
        try:
            while not self.stopping.is_set():
                dice, key = self.chance.randrange(20), self.chance.choice(KEYS)
                if dice < 9:
                    self.put(key)
                elif dice < 16:
                    self.get(key)
                elif dice < 18:
                    self.delete(key)
                else:
                    self.list()
        except Exception as error:  # told by who waits for it
            self.fault = error


def check(history):
    lines = "".join(json.dumps(one) + "\n" for one in history)
    done = subprocess.run(["go", "run", "."], cwd=HERE / "linear", input=lines, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout.strip() or done.stderr.strip() or "linear said nothing"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--break-it", action="store_true")
    options = parser.parse_args()
    chance, stopping = random.Random(options.seed), threading.Event()
    server = lakegated.Lakegated()
    try:
        first = Client(server, 0, stopping)
        status, _, text = first.send("PUT", None)
        assert status == 200, text
        clients = [Client(server, chance.random(), stopping) for _ in range(options.clients)]
        for client in clients:
            client.start()
        for kill in range(options.kills + 1):
            time.sleep(options.seconds / (options.kills + 1) * (0.5 + chance.random() / 2))
            if kill < options.kills:
                server.kill9()
                server.start()
        stopping.set()
        for client in clients:
            client.join(30)
        faults = [client.fault for client in clients if client.fault]
        for fault in faults:
            print(f"FAILED {fault} (--seed {options.seed})")
        history = sorted((one for client in clients for one in client.history), key=lambda one: one["call"])
    finally:
        server.stop()
    if options.break_it:
        next(one for one in history[len(history) // 2 :] if one["kind"] == "read" and one["etag"])["etag"] = "0" * 32
    code, text = check(history)
    conditional = sum(1 for one in history if {"if_match", "if_none", "if_absent"} & set(one))
    refused = sum(1 for one in history if one["status"] in (304, 404, 412) and {"if_match", "if_none", "if_absent"} & set(one))
    print(f"{text.splitlines()[0]}; {conditional} had a condition, which did not hold for {refused} ({options.kills} kills, --seed {options.seed})")
    return 1 if faults or (code != 0) != options.break_it else 0


if __name__ == "__main__":
    sys.exit(main())
