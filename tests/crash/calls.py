#!/usr/bin/env python3
"""Does disk_calls.c stand in for every function of the C library that changes files, of those that the store and LMDB call?

usage: calls.py PROGRAM LIBSTORAGE    PROGRAM has disk_calls.c in it, and is linked with LMDB
"""
import re
import subprocess
import sys

CHANGING = """open openat creat write pwrite writev pwritev pwritev2 lseek truncate ftruncate fallocate posix_fallocate copy_file_range
sendfile splice vmsplice tee fsync fdatasync sync syncfs msync sync_file_range rename renameat renameat2 link linkat symlink symlinkat
unlink unlinkat remove rmdir mkdir mkdirat mknod mknodat mkstemp mkostemp mkdtemp fopen fdopen freopen fwrite fputs fputc putc fprintf
aio_write lio_listio syscall ioctl close"""
PASSED_OVER = {
    "sync_file_range": "makes nothing durable",
    "msync": "LMDB's, of maps that it writes to: MDB_WRITEMAP is not used",
    "fopen": "what is read",
    "fdopen": "what is read",
    "fprintf": "the line on stderr that a process ends with",
    "syscall": "futexes, and what a process is",
}


def symbols(*command):
    text = subprocess.run(["nm", *command], capture_output=True, text=True, check=True).stdout
    return [(line.split()[-2], re.sub(r"@.*", "", line.split()[-1])) for line in text.splitlines() if len(line.split()) >= 2]


def main():
    program, library = sys.argv[1:]
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    lmdb = re.search(r"liblmdb\S* => (\S+)", linked)[1]
    changing = {name + end for name in CHANGING.split() for end in ("", "64", "64_2")} | {f"__{name}_chk" for name in CHANGING.split()}
    called = {name for kind, name in symbols("-u", library) + symbols("-D", "-u", lmdb) if kind == "U" and name in changing}
    stood_in = {name for kind, name in symbols("-D", "--defined-only", program) if kind in "TW"}
    missing = {name for name in called - stood_in if re.sub(r"^__|_chk$|64(_2)?$", "", name) not in PASSED_OVER}
    for name in sorted(missing):
        print(f"FAILED {name} is called by the store or LMDB, and disk_calls.c does not record it")
    print(f"{len(called)} functions that change files are called by the store and LMDB: {len(called & stood_in)} are recorded, "
          f"{len(called - stood_in - missing)} change nothing that lasts, {len(missing)} are missed")
    return 1 if missing or len(called & stood_in) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
