#!/usr/bin/env python3
"""Two thousand clients where five hundred are let in: those inside keep their rate, the others are told SlowDown or
wait.

usage: overload.py [--seconds N] [--inside N] [--all N]
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

KEPT_SHARE = 0.2  # of the rate without the others, who use the same processors
POLICY = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::overload/*"}}
REQUEST = raw.head("GET", "/overload/k", [("Host", "h")])


class Counts:
    slow, waited, let_in, other, over = 0, 0, 0, [], False


async def outside(server, counts):
    """Comes again and again, as a client does that is told to slow down."""
    while not counts.over:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", server.port), 5)
        except (OSError, asyncio.TimeoutError):
            counts.waited += 1
            continue
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
        await asyncio.sleep(1)


async def beside(server, options, counts):
    """The rate of those inside while the others come."""
    inside = asyncio.ensure_future(asyncio.to_thread(rate, server, options))
    if not await asyncio.to_thread(raw.wait_for, lambda: established(server) >= options.inside):
        return await inside
    others = [asyncio.ensure_future(outside(server, counts)) for _ in range(options.all - options.inside)]
    got = await inside
    counts.over = True
    await asyncio.gather(*others)
    return got


def established(server):
    """Without asking the daemon, whose every place is taken."""
    port = f":{server.port:04X}"
    with open("/proc/net/tcp") as table:
        return sum(line.split()[1].endswith(port) and line.split()[3] == "01" for line in table)


def rate(server, options):
    """(requests a second, requests that were refused or broken) of those inside."""
    done = subprocess.run(["wrk", "-t", "1", "-c", str(options.inside), "-d", f"{options.seconds}s", "--timeout", "20s",
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
        assert raw.request(server, "PUT", "/overload/k", body=b"x" * 1000).status == 200
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
        if kept < alone * KEPT_SHARE:
            faults.append(f"those inside had {alone:.0f} requests a second, and beside the others {kept:.0f}")
        conftest.assert_serves(server)
    for fault in faults:
        print("FAILED", fault)
    print(f"{options.all} clients where {options.inside} are let in: {counts.slow} times SlowDown, {counts.waited} times waiting; "
          f"{alone:.0f} requests a second inside alone, {kept:.0f} beside the others")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
