//! A namespace of up to eight objects, put together as the bytes say: loaded, checked, closed.

use crate::plan::tests::random::{Random, round};

/// Each load is planned, compared with what the naive linker does, committed and closed again.
pub fn plan(bytes: &[u8]) {
    round(Random::of(bytes));
}
