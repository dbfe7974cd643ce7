//! One module, or what claims to be one.

use super::{check_error, check_text};
use crate::error::{Code, Error};
use crate::object::tests::hostile::try_everything;
use crate::object::tests::metered::try_metering;
use crate::object::{self, Object, ParseLimits, outline};

/// Reads `bytes` as a module by all that a load reads modules with.
pub fn parse(bytes: &[u8]) {
    let valid = try_everything(bytes);
    match Object::parse(bytes, &ParseLimits::default()) {
        Ok(_) => {
            let _ = outline(bytes);
            try_metering(bytes, |bytes| object::explain(bytes).invalid.is_none());
        }
        Err(error) => {
            assert!(!valid);
            check_error(&error, bytes.len());
        }
    }
}

/// The second look at a module, which validates it. The validator makes room for as many items as a module claims to have: it takes
/// memory apart from [`parse`], within limits of its own.
pub fn explain(bytes: &[u8]) {
    if let Some(why) = object::explain(bytes).invalid {
        let shown = Error::new(Code::Malformed, why).to_string();
        check_text(&shown, (4 << 10) + 8 * bytes.len());
    }
}
