#!/bin/sh
# Cargo runs this in place of rustc (config.toml beside it). Panics and assertions carry the names of source files into what is built;
# these names are to be the same wherever the sources and cargo's home are, so that two builds are equal byte by byte and nothing of a
# packager's machine is handed on. Messages of the compiler keep the real names.
#
# Cargo does not take the wrapper for a reason to build anything anew, as it would with RUSTFLAGS. One in the environment (RUSTC_WRAPPER,
# for sccache and the like) replaces it.

if [ -z "${CARGO_MANIFEST_DIR-}" ] || [ -z "${CARGO_PKG_NAME-}" ]; then
  exec "$@"
fi
crate=/crates/$CARGO_PKG_NAME-$CARGO_PKG_VERSION
set -- "$@" --remap-path-scope=object "--remap-path-prefix=$CARGO_MANIFEST_DIR=$crate"
# What a build script has written may lie in the former folder; the later of two that fit is the one that counts.
if [ -n "${OUT_DIR-}" ]; then
  set -- "$@" "--remap-path-prefix=$OUT_DIR=$crate/out"
fi
exec "$@"
