//! Path calls of a guest's, over a tree with links that lead out of the folder that the guest was given.

use crate::wasi::tests::escapes;

/// No call reads or changes what is outside, whatever somebody else renames meanwhile; where nobody does, each path leads to what a model says.
pub fn sandbox(bytes: &[u8]) {
    escapes::led_by(bytes);
}
