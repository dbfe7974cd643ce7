#!/bin/sh
# Builds program.wasm and libwords.so anew, which are kept here since a machine need not have Rust's standard library for WebAssembly
# (rustup target add wasm32-wasip1). It needs `cargo xtask guests libc.so`; the argument is the folder of that, target/guests.
#
# Fat LTO makes position-independent code of the standard library, which comes as code for fixed addresses.
set -eu
guests=$(cd "$1" && pwd)
cd "$(dirname "$0")"
libraries=$guests/sysroot/lib/wasm32-wasip1
common="--experimental-pic --unresolved-symbols=import-dynamic -Bdynamic -L$libraries -L."
build() {
    rustc --edition 2024 --target wasm32-wasip1 -C opt-level=z -C panic=abort -C lto=fat -C codegen-units=1 -C strip=symbols \
        -C relocation-model=pic -C link-self-contained=no --remap-path-prefix "$PWD=." "$@"
}
build --crate-type cdylib -C link-args="-shared $common" -o libwords.so words.rs
build -C link-args="-pie --import-memory --export-if-defined=__main_argc_argv $common $libraries/crt1-command.o" -o program.wasm program.rs
