#!/usr/bin/env python3
"""Runs each fuzz target for a while, from its kept corpus on. What breaks one is kept in PROGRAMS/found/ and printed.

usage: run.py --programs DIR [--seconds N] [--jobs N] [--part I/N] [TARGET …]
With --part only every N-th target, from the I-th on. A found input goes into tests/fuzz/corpus/TARGET/, once what it
broke is mended.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def run(program, options):
    """(target, inputs, coverage, what broke)"""
    target = program.name.removeprefix("fuzz_")
    made, found = options.programs / "made" / target, options.programs / "found"
    made.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    command = [str(program), f"-max_total_time={options.seconds}", f"-artifact_prefix={found}/{target}-", "-rss_limit_mb=2048",
               "-timeout=25", "-print_final_stats=1", str(made), str(HERE / "corpus" / target)]
    words = HERE / "words" / target
    if words.exists():
        command.append(f"-dict={words}")
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=options.seconds + 300)
    inputs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    covered = re.findall(r" cov: (\d+)", done.stderr)
    broke = f"{target} ended with {done.returncode}:\n{done.stderr[-6000:]}" if done.returncode else ""
    return target, int(inputs[1]) if inputs else 0, int(covered[-1]) if covered else 0, broke


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--part", default="1/1")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    first, step = map(int, options.part.split("/"))
    names = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))
    unknown = set(options.targets) - set(names)
    if unknown:
        sys.exit(f"there is no target {' '.join(sorted(unknown))}; there are {' '.join(names)}")
    programs = [options.programs / f"fuzz_{name}" for name in options.targets or names[first - 1 :: step]]
    total, broken = 0, []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for target, inputs, covered, broke in pool.map(lambda program: run(program, options), programs):
            print(f"{target:12} {inputs:10} inputs, {covered} branches", flush=True)
            total += inputs
            if broke or not inputs:
                broken.append(target)
                print(broke or f"{target} ran nothing", flush=True)
    print(f"{len(programs)} fuzz targets of {options.seconds} s each, {total} inputs, {len(broken)} broken: {' '.join(broken) or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
