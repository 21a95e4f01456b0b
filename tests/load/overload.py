#!/usr/bin/env python3
"""Two thousand clients where five hundred are let in: those inside go on, the others are told SlowDown or wait.

usage: overload.py [--seconds N] [--inside N] [--all N]
Most of those inside are wrk's, whose rate is told, alone and beside the others; not one request of theirs may be refused or
broken. Some are witnesses: by the time that everybody outside has had an answer, each of them has had one, too.
"""
import argparse
import asyncio
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))
import conftest  # noqa: E402
import lakegated  # noqa: E402
import raw  # noqa: E402

WITNESSES = 50
POLICY = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::overload/*"}}
REQUEST, BODY = raw.head("GET", "/overload/k", [("Host", "h")]), b"x" * 1000


class Counts:
    def __init__(self):
        self.slow = self.waited = self.let_in = self.rounds = 0
        self.other, self.over, self.served = [], False, [0] * WITNESSES


async def attempt(server, counts):
    """One that comes from outside, and goes with its answer."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", server.port), 5)
    except (OSError, asyncio.TimeoutError):
        counts.waited += 1
        return
    try:
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(65536), 5)
        if answer.startswith(b"HTTP/1.1 503 "):
            if b"<Code>SlowDown</Code>" not in answer or b"retry-after:" not in answer.lower():
                counts.other.append(answer)
            counts.slow += 1
        elif answer.startswith(b"HTTP/1.1 200 "):
            counts.let_in += 1  # those inside have ended
        elif answer:
            counts.other.append(answer)
        else:
            counts.waited += 1
    except (OSError, asyncio.TimeoutError):
        counts.waited += 1
    finally:
        writer.close()


async def witness(server, counts, number, connected):
    """One inside: asks again as soon as it has its answer. What it gets is compared."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        while not counts.over:
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 ") or await reader.readexactly(len(BODY)) != BODY:
                counts.other.append(head)
                return
            counts.served[number] += 1
            connected.release()
            await asyncio.sleep(0.01)
    except (OSError, asyncio.IncompleteReadError) as error:
        counts.other.append(repr(error).encode())
    finally:
        writer.close()


async def beside(server, options, counts):
    """The rate of those inside while the others come."""
    connected = asyncio.Semaphore(0)
    witnesses = [asyncio.ensure_future(witness(server, counts, number, connected)) for number in range(WITNESSES)]
    await asyncio.wait_for(asyncio.gather(*(connected.acquire() for _ in witnesses)), 60)
    inside = asyncio.ensure_future(asyncio.to_thread(rate, server, options))
    full = await asyncio.to_thread(raw.wait_for, lambda: established(server) >= options.inside)
    while full and not inside.done():
        before = list(counts.served)
        await asyncio.gather(*(attempt(server, counts) for _ in range(options.all - options.inside)))
        counts.rounds += 1
        starved = sum(now == then for now, then in zip(counts.served, before))
        if starved:
            counts.other.append(f"{starved} of {WITNESSES} inside had no answer while all outside had one".encode())
        await asyncio.sleep(1)  # as a client does that is told to slow down
    got = await inside
    counts.over = True
    await asyncio.gather(*witnesses)
    return got


def established(server):
    """Without asking the daemon, whose every place is taken."""
    port = f":{server.port:04X}"
    with open("/proc/net/tcp") as table:
        return sum(line.split()[1].endswith(port) and line.split()[3] == "01" for line in table)


def rate(server, options):
    """(requests a second, requests that were refused or broken) of those inside."""
    done = subprocess.run(["wrk", "-t", "1", "-c", str(options.inside - WITNESSES), "-d", f"{options.seconds}s", "--timeout", "20s",
                           server.endpoint + "/overload/k"], capture_output=True, text=True, check=True)
    lost = sum(int(number) for line in re.findall(r"(?:Non-2xx|Socket errors).*", done.stdout) for number in re.findall(r"\b\d+\b", line)[-4:])
    return float(re.search(r"Requests/sec: *([0-9.]+)", done.stdout)[1]), lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--inside", type=int, default=500)
    parser.add_argument("--all", type=int, default=2000)
    options = parser.parse_args()
    faults = []
    with lakegated.Lakegated(environment={"LAKEGATE_CONNECTIONS": str(options.inside)}) as server:
        assert raw.request(server, "PUT", "/overload").status == 200
        assert raw.request(server, "PUT", "/overload/k", body=BODY).status == 200
        s3 = lakegated.client(server)
        s3.delete_public_access_block(Bucket="overload")
        s3.put_bucket_policy(Bucket="overload", Policy=json.dumps(POLICY))
        s3.close()
        raw.wait_for(lambda: conftest.open_connections(server) <= 1)
        before, counts = conftest.descriptors(server), Counts()
        alone, lost = rate(server, options)
        kept, lost_beside = asyncio.run(beside(server, options, counts))
        faults += counts.other[:3]
        if lost or lost_beside:
            faults.append(f"of those inside {lost} requests were refused or broken, and {lost_beside} beside the others")
        if not raw.wait_for(lambda: conftest.open_connections(server) <= 1 and conftest.descriptors(server) <= before, 60):
            faults.append(f"descriptors: {before} before, {conftest.descriptors(server)} after")
        if counts.slow <= counts.let_in:
            faults.append(f"{counts.slow} were told to slow down, and {counts.let_in} were let in")
        if counts.rounds == 0:
            faults.append("nobody came from outside while all places were taken")
        conftest.assert_serves(server)
    for fault in faults:
        print("FAILED", fault)
    print(f"{options.all} clients where {options.inside} are let in: {counts.slow} times SlowDown, {counts.waited} times waiting, in "
          f"{counts.rounds} rounds; each of {WITNESSES} witnesses inside was served in every one, {sum(counts.served)} times in all; "
          f"{alone:.0f} requests a second inside alone, {kept:.0f} beside the others")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
