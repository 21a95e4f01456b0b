#!/usr/bin/env python3
"""Runs the stages of scripts/test, each after those it needs; as many at once as there are processors, and one of WAITING.

usage: run.py [--list] [STAGE …]    a stage brings the stages with it that it needs
Logs are kept in build/test-logs/.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
CPUS = os.cpu_count() or 1
PYTHON = sys.executable
TEMPORARY = "@TEMPORARY@"


def first_program(*names):
    return next((name for name in names if shutil.which(name)), names[-1])


def make(*arguments):
    return ["make", "-s", f"-j{CPUS}", *arguments]


def pytest(folder, workers=max(2, CPUS)):
    """TEMPORARY becomes a folder of the stage's own: pytest's default is shared and cleaned by whoever ends."""
    return [PYTHON, "-m", "pytest", "--tb=short", "--basetemp", TEMPORARY, "-n", str(workers), "--dist", "worksteal", f"tests/{folder}"]


def sanitized(build):
    """Where a sanitized lakegated is, and how its sanitizers speak."""
    return {
        "LAKEGATED": str(ROOT / build / "lakegated"),
        "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": "second_deadlock_stack=1:exitcode=66",
    }


ASAN = ("BUILD=build/asan", "CC=gcc", "SANITIZE=address,undefined")
TSAN = ("BUILD=build/tsan", "CC=gcc", "SANITIZE=thread")
CLANG = ("BUILD=build/clang", f"CC={first_program('clang-14', 'clang')}")

FUZZ_PARTS = 4  # they come last: an odd number would leave one of two processors idle at the end

# name, what it needs, command, more environment; the longest first, as far as needs allow. What chance decides begins at a
# fixed seed, where it can: a change is not held up by what lies beside it. The long forms begin anywhere.
STAGES = [
    ("build", (), make("CC=gcc", "all"), {}),
    ("build-asan", (), make(*ASAN, "all"), {}),
    ("compat", ("build",), pytest("compat"), {}),
    ("pipelines", ("build",), pytest("pipelines"), {}),
    ("http-asan", ("build-asan",), pytest("http"), sanitized("build/asan")),
    # Sanitizers keep freed memory: whether it comes back is asked of the daemon as it is installed.
    ("http-memory", ("build",), [*pytest("http"), "-k", "memory or leak"], {}),
    ("build-tsan", (), make(*TSAN, "build/tsan/lakegated"), {}),
    ("http-tsan", ("build-tsan",), pytest("http"), sanitized("build/tsan")),
    ("tidy", ("build",), make("-k", "CC=gcc", "tidy"), {}),
    ("unit", ("build-asan",), make(*ASAN, "unit"), sanitized("build/asan")),
    ("ops", ("build-asan",), make(*ASAN, "ops"), sanitized("build/asan")),
    ("shapes", ("ops",), make(*ASAN, f"PYTHON={PYTHON}", "shapes"), sanitized("build/asan")),
    ("crash", ("build",), [PYTHON, "tests/crash/kill9.py"], {}),
    ("soak", ("build",), make("CC=gcc", f"PYTHON={PYTHON}", "SOAK_ARGS=--minutes 3", "soak"), {}),
    ("overload", ("build",), [PYTHON, "tests/load/overload.py"], {}),
    ("largest", ("build",), [PYTHON, "tests/load/largest.py", "--part-mib", "64", "--parts", "100", "--ranges", "50"], {}),
    ("power", ("build",), make("CC=gcc", f"PYTHON={PYTHON}", "power"), {}),
    ("power-syncs", ("build",), make("CC=gcc", "power-syncs"), {}),
    ("history", ("build",), [PYTHON, "tests/crash/history.py"], {}),
    ("history-broken", ("history",), [PYTHON, "tests/crash/history.py", "--seconds", "3", "--break-it"], {}),
    ("rot", ("build",), make("CC=gcc", "rot"), {}),
    ("full-disk", ("build",), [PYTHON, "tests/crash/full_disk.py"], {}),
    ("disk-faults", ("build",), make("CC=gcc", "disk-faults"), {}),
    ("random", ("build-asan",), make(*ASAN, "random", "RANDOM_ARGS=--from 1 --minutes 3"), sanitized("build/asan")),
    ("console", ("build",), [first_program(str(ROOT / "build/node/bin/node"), "node"), "tests/console/run.mjs"], {"PYTHON": PYTHON}),
    ("console-check", ("build",), make("CC=gcc", "console-check"), {}),
    ("power-way-back", ("build",), make("CC=gcc", "power-way-back"), {}),
    ("way-back", ("build",), make("CC=gcc", "way-back"), {}),
    ("salvage", ("build",), make("CC=gcc", "salvage", "SALVAGE_ARGS=--from 1 --minutes 1 --steps 150"), {}),
    ("install", ("build",), pytest("install", workers=0), {}),
    ("fuzz", (), make("BUILD=build/fuzzing", "fuzz-corpus"), {}),
    *((f"fuzz-run-{i}", ("fuzz",), make("BUILD=build/fuzzing", f"PYTHON={PYTHON}", "FUZZ_JOBS=1", f"FUZZ_PART={i}/{FUZZ_PARTS}", "FUZZ_SEED=1", "fuzz-run"), {}) for i in range(1, FUZZ_PARTS + 1)),
    ("build-clang", (), make(*CLANG, "all"), {}),
    ("lib", ("build",), ["bash", "tests/lib/test_install_lib.sh"], {"CC": "gcc"}),
    ("operations", (), [PYTHON, "scripts/gen-operations", "--check"], {}),
    ("rules", (), make("rules"), {}),
    ("format", (), make("format-check"), {}),
]

# Those whose last words tell how much was tried, for docs/RELIABILITY.md.
TELLING = {"crash", "soak", "overload", "largest", "power", "power-syncs", "history", "rot", "full-disk", "disk-faults", "random", "way-back", "salvage",
           "http-asan", *(f"fuzz-run-{i}" for i in range(1, FUZZ_PARTS + 1))}


# Those that wait for a disk or for time to go by: one of them runs beside as many others as there are processors.
WAITING = {"random", "salvage", "full-disk", "power-way-back", "way-back"}


class Result:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.seconds = self.processor_seconds = 0.0


def counts(text, code):
    """Reads the closing line of pytest or of run-cmocka; other commands are one test."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    for line in reversed(plain.splitlines()[-15:]):
        found = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error|errors|xfailed)\b", line)}
        if found:
            failed = found.get("failed", 0) + found.get("error", 0) + found.get("errors", 0)
            if code != 0 and failed == 0:
                failed = 1
            return Result(found.get("passed", 0), failed, found.get("skipped", 0) + found.get("xfailed", 0))
    return Result(int(code == 0), int(code != 0))


running, running_lock = set(), threading.Lock()


def run(name, command, environment):
    log, started = LOGS / f"{name}.log", time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lakegate-") as temporary, open(log, "wb") as out:
        command = [word.replace(TEMPORARY, f"{temporary}/t") for word in command]
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )
        with running_lock:
            running.add(process)
        too_late = threading.Timer(20 * 60, os.killpg, (process.pid, signal.SIGKILL))
        too_late.start()
        _, status, usage = os.wait4(process.pid, 0)  # for the processors' time, which Popen.wait() does not tell
        code = process.returncode = os.waitstatus_to_exitcode(status)
        too_late.cancel()
        if time.monotonic() - started >= 20 * 60:
            out.write(b"\nno end after 20 minutes: killed\n")
        with running_lock:
            running.discard(process)
    text = log.read_text(errors="replace")
    result = counts(text, code)
    result.seconds, result.processor_seconds = time.monotonic() - started, usage.ru_utime + usage.ru_stime
    return result, text


def excerpt(text):
    lines = text.splitlines()
    telling = [i for i, line in enumerate(lines) if re.search(r"error:|warning:|FAILED|^E  |Sanitizer", line)]
    shown = lines[max(0, telling[0] - 5) :][:60] if telling and len(lines) > 120 else []
    return "\n".join([*shown, *(["…"] if shown else []), *lines[-60:]])


def told(text):
    """The last line that tells a count; of power also what came before the lies of the disk."""
    lines = [line for line in text.splitlines() if re.search(r"\d", line) and not re.match(r"\d+ passed", line)]
    return [line for line in lines if " states of " in line][:1] or lines[-1:]


def end_children(*_):
    with running_lock:
        for process in running:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
    os._exit(130)


def chosen_stages(names):
    """The named stages and all that they need; all of them when none is named."""
    needs = {stage[0]: stage[1] for stage in STAGES}
    unknown = [name for name in names if name not in needs]
    if unknown:
        sys.exit(f"there is no stage {' '.join(unknown)}; scripts/test --list names them")
    wanted, open_names = set(), list(names or needs)
    while open_names:
        name = open_names.pop()
        wanted.add(name)
        open_names += needs[name]
    return [stage for stage in STAGES if stage[0] in wanted]


def has_room(name, under_way):
    waiting = WAITING & set(under_way)
    return not waiting if name in WAITING else len(under_way) - len(waiting) < max(2, CPUS)


def main():
    if "--list" in sys.argv:
        print("\n".join(stage[0] for stage in STAGES))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGINT, end_children)
    signal.signal(signal.SIGTERM, end_children)
    waiting, results, under_way = chosen_stages(sys.argv[1:]), {}, {}
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max(2, CPUS) + 1) as pool:
        while waiting or under_way:
            for stage in list(waiting):
                name, needs, command, environment = stage
                broken = [need for need in needs if need in results and results[need].failed]
                if broken:
                    waiting.remove(stage)
                    results[name] = Result(failed=1)
                    print(f"{name}: not run, since {broken[0]} failed", flush=True)
                elif has_room(name, under_way.values()) and all(need in results for need in needs):
                    waiting.remove(stage)
                    under_way[pool.submit(run, name, command, environment)] = name
            done, _ = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                name = under_way.pop(future)
                result, text = future.result()
                results[name] = result
                if name in TELLING and not result.failed:
                    print("\n".join(f"  {line}" for line in told(text)), flush=True)
                if result.failed:
                    print(f"---- {name} failed (build/test-logs/{name}.log)\n{excerpt(text)}\n----", flush=True)
                skipped = f", {result.skipped} skipped" if result.skipped else ""
                print(f"{name:14} {result.seconds:6.1f} s {result.processor_seconds:7.1f} s of a processor  {result.passed} passed, {result.failed} failed{skipped}", flush=True)
    passed, failed, skipped = (sum(getattr(r, n) for r in results.values()) for n in ("passed", "failed", "skipped"))
    print(f"{'all stages':14} {time.monotonic() - started:6.1f} s {sum(r.processor_seconds for r in results.values()):7.1f} s of a processor")
    if skipped:
        print(subprocess.run(["grep", "-h", "^SKIPPED", *map(str, LOGS.glob("*.log"))], capture_output=True, text=True).stdout.strip())
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or (skipped and os.environ.get("CI", "").lower() in ("true", "1")) else 0


if __name__ == "__main__":
    sys.exit(main())
