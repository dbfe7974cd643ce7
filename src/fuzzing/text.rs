//! Names and bytes on their way into texts.

use super::{check_error, check_text};
use crate::demangle::demangle;
use crate::error::{Code, Error, Frame, Undefined, plain};
use crate::object::{Object, ParseLimits, signature};
use crate::search::check_name;

/// Makes texts of all kinds of what a module or a guest may say.
pub fn text(bytes: &[u8]) {
    let said = String::from_utf8_lossy(bytes);
    let (one, other) = said.split_once('\0').unwrap_or((&said, ""));
    demangled(one);
    check_text(&plain(&said), 16 * said.len());
    if let Err(error) = Object::parse(bytes, &ParseLimits::default()) {
        check_error(&error, bytes.len());
    }
    if let Err(error) = check_name(&said) {
        check_error(&error, bytes.len());
    }
    match signature(&said) {
        Ok(ty) => assert!(signature(&ty.to_string()).is_ok_and(|again| again == ty)),
        Err(error) => check_error(&error, bytes.len()),
    }
    let undefined = Undefined {
        symbol: one.to_string(),
        importer: other.to_string(),
        wanted: "func () -> ()".to_string(),
    };
    check_error(&Error::undefined(vec![undefined; 2], 2), 2 * bytes.len());
    let frame = Frame {
        object: Some(one.to_string()),
        function: Some(demangle(other).into_owned()),
        index: 0,
        offset: None,
        in_function: Some(1),
        source: Some(other.to_string()),
    };
    let trap = Error::trap("a trap", vec![frame; 2]);
    check_text(&trap.to_string(), (64 << 10) + 2 * 64 * bytes.len());
    assert_eq!(trap.code(), Code::Trap);
}

/// What is no longer than the name, or bounded.
fn demangled(name: &str) {
    let shown = demangle(name);
    assert!(
        shown.len() <= name.len().max(4 << 10),
        "{} bytes",
        shown.len()
    );
    // What it shows is put into texts by way of `plain`; twice the same comes out.
    assert_eq!(demangle(name), shown);
}
