//! How cargo is called where the engine is part of what is built. Cargo shares one build of it between commands that agree in profile and in
//! the features of all its crates; `tests/builds.rs` compares these.

/// The library and the command, and the engine inside as a library of its own, for tests.
pub const LIBRARY: &[&str] = &[
    "build",
    "--release",
    "--features",
    "cli",
    "-p",
    "wasmdyld",
    "-p",
    "engine-wasmtime",
];

/// The library without WASI, for `cargo xtask install --no-wasi`: a build of its own.
pub const WITHOUT_WASI: &[&str] = &[
    "build",
    "--release",
    "--lib",
    "-p",
    "wasmdyld",
    "--no-default-features",
    "--features",
    "wasmtime",
];

/// All test programs, and xtask's own tests.
pub const TESTS: &[&str] = &[
    "test",
    "--release",
    "--features",
    "cli",
    "-p",
    "wasmdyld",
    "-p",
    "xtask",
    "--no-fail-fast",
];

/// The test program that writes the header.
pub const HEADER: &[&str] = &["test", "--release", "--quiet", "--test", "header"];
