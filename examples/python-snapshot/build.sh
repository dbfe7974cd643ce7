#!/bin/sh
# Builds python.wasm, and of it one module, whole.wasm, and one that has imported modules before it starts, started.wasm:
#
#     build.sh LIBRARIES MODULES OUTPUT
#
# LIBRARIES has libpython3.14.so, and MODULES Python's own modules: `cargo xtask guests libpython3.14.so` puts them into target/guests/lib and
# target/guests/python/lib. Python writes what it has compiled of its modules there (__pycache__). WASMDYLD and WASMDYLD_CC name other tools than
# those of the PATH.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
libraries=$1 modules=$2 output=$3
mkdir -p "$output"
wasmdyld=${WASMDYLD:-wasmdyld} compiler=${WASMDYLD_CC:-wasmdyld-cc}

# The extension has undefined symbols, which Python's library defines.
undefined=-Wl,--unresolved-symbols=import-dynamic
"$compiler" -O2 -shared "$undefined" -o "$output/libspam.so" "$source/spam.c"
"$compiler" -O2 "$undefined" -Wl,--export=h_errno -o "$output/python.wasm" "$source/main.c" -L"$output" -lspam -L"$libraries" -lpython3.14

# A subcommand with what all have. Lazily: libc lacks functions for sockets, which trap when they are called. Python counts on a stack of 8 MiB.
with() {
    subcommand=$1
    shift
    "$wasmdyld" "$subcommand" --bind lazy --stack-size 8388608 -L "$output" -L "$libraries" "$@"
}
imports='import json, re, sqlite3, spam'
set -- --dir "$modules::/lib" --env PYTHONHOME=/ --env PYTHONPATH=/lib

# Python compiles the modules and keeps that. Otherwise the snapshot would hold what it has freed of the compiler's memory.
with run "$@" "$output/python.wasm" "$imports"

with link --no-dlopen -o "$output/whole.wasm" "$output/python.wasm"
with link --no-dlopen --snapshot=ready "$@" --env WARM_UP="$imports" -o "$output/started.wasm" "$output/python.wasm"
