//! Shared strings as they are written down.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serializer};

pub fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Arc<str>, D::Error> {
    <&str>::deserialize(from).map(Arc::from)
}

/// As above, behind a box: for what is small otherwise.
pub mod boxed {
    use super::*;

    pub fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        super::serialize(text, to)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Box<Arc<str>>, D::Error> {
        super::deserialize(from).map(Box::new)
    }
}
