#!/usr/bin/env python3
"""Runs each fuzz target for a while, from its kept corpus on. What breaks one is kept in PROGRAMS/found/ and printed.

usage: run.py --programs DIR [--seconds N] [--jobs N] [--part I/N] [--seed N] [TARGET …]
With --part only every N-th target, from the I-th on. A found input goes into tests/fuzz/corpus/TARGET/, once what it
broke is mended.

Without --seed, or with 0, each run is another one, and goes on from what earlier ones have made (PROGRAMS/made/): that is
how new defects are looked for. With a seed a run tries the same inputs in the same order as the last one, from the kept corpus
alone and as far as the time goes: a change that breaks nothing is not stopped by what chance finds beside it. (`bodies` and
`requests` have a whole daemon behind them, whose threads and ids are chance's: they only begin the same.)
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def steady():
    """A command before a command: memory has the same addresses each time, which libFuzzer's choices follow."""
    command = ["setarch", "-R"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    except OSError:
        allowed = False
    return command if allowed else []


def start_of(target, options):
    """Where a run begins: libFuzzer's arguments. Folders are read in whatever order they have: a list is always the same."""
    kept = HERE / "corpus" / target
    if options.seed == 0:
        made = options.programs / "made" / target
        made.mkdir(parents=True, exist_ok=True)
        return [str(made), str(kept)]
    names = options.programs / f"{target}.inputs"
    names.write_text(",".join(str(path) for path in sorted(kept.iterdir())))
    return [f"-seed={options.seed}", f"-seed_inputs=@{names}"]


def run(program, options):
    """(target, inputs, coverage, what broke)"""
    target = program.name.removeprefix("fuzz_")
    found = options.programs / "found"
    found.mkdir(parents=True, exist_ok=True)
    command = [*(steady() if options.seed else []), str(program), f"-max_total_time={options.seconds}", f"-artifact_prefix={found}/{target}-", "-rss_limit_mb=2048",
               "-timeout=25", "-print_final_stats=1", *start_of(target, options)]
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
    parser.add_argument("--seed", type=int, default=0)
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
    how = f"seed {options.seed}" if options.seed else "random"
    print(f"{len(programs)} fuzz targets of {options.seconds} s each ({how}), {total} inputs, {len(broken)} broken: {' '.join(broken) or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
