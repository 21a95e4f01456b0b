#!/usr/bin/env bash
# Installs libs3proto into a temporary folder, builds a program against it with pkg-config, shared and
# static, runs both, and compares what the shared library exports with what the headers declare.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build} cc=${CC:-cc}
root=$(mktemp -d) || exit 2
trap 'rm -rf "$root"' EXIT
passed=0 failed=0
check() { # check NAME COMMAND…
    local name=$1
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s failed:\n%s\n' "$name" "$output"
    fi
}

declared() { # the functions of the installed headers
    cat "$root"/usr/include/s3proto/*.h "$root"/usr/include/s3proto/base/*.h |
        sed -e ':join' -e '/\\$/N' -e 's/\\\n/ /' -e 't join' | sed -e '/^ *#/d' |
        perl -0pe 's{/\*.*?\*/}{}gs; s/static inline[^{;]*\{.*?^\}//gms' |
        perl -ne 'print "$1\n" if /^[a-z][\w *]*?(\w+)\(/' | sort -u
}
exported() {
    nm -D --defined-only "$root/usr/lib/libs3proto.so" | sed -n 's/.* T \(.*\)@@LIBS3PROTO_0$/\1/p' | sort
}
same_names() { diff <(declared) <(exported); }

flags() { PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config --define-variable=prefix="$root/usr" "$@" libs3proto; }
compile() { # compile OUTPUT FLAG…
    # shellcheck disable=SC2046 # pkg-config's words are to be split
    "$cc" -std=gnu17 -Wall -Wextra -Werror $(flags --cflags) tests/lib/example.c -o "$@"
}
is_signed() { [ "$("$@")" = 'signed ' ]; }
run_shared() { LD_LIBRARY_PATH=$root/usr/lib is_signed "$root/shared"; }
uses_soname() { readelf -d "$root/shared" | grep -q 'NEEDED.*\[libs3proto\.so\.0\]'; }
needs_no_library() { ! readelf -d "$root/static" | grep -q 's3proto'; }

check install make -s BUILD="$build" DESTDIR="$root" PREFIX=/usr install-lib
check version test "$(flags --modversion)" = "$(sed -n 's/^VERSION := //p' Makefile)"
check exports same_names
# shellcheck disable=SC2046
check 'link shared' compile "$root/shared" $(flags --libs)
check 'run shared' run_shared
check soname uses_soname
# shellcheck disable=SC2046
check 'link static' compile "$root/static" "$root/usr/lib/libs3proto.a" $(pkg-config --libs $(flags --print-requires-private)) -pthread
check 'run static' is_signed "$root/static"
check 'static alone' needs_no_library
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
