//! Names of C++ and Rust functions as their source has them.

use std::borrow::Cow;
use std::fmt::{self, Write};

use cpp_demangle::{DemangleOptions, Symbol};

use crate::aside::{self, is_lean};

/// Longer names stay as they are, and so do those that would become longer: by its back references a short one may stand for gigabytes.
const MAX_NAME: usize = 4 << 10;
const MAX_TEXT: usize = 4 << 10;

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// `name` itself where it is not mangled.
pub fn demangle(name: &str) -> Cow<'_, str> {
    demangled(name).map_or(name.into(), Into::into)
}

fn demangled(name: &str) -> Option<String> {
    // A bare `f` is C++ for float, but nobody's mangled name.
    let mangled = name.starts_with("_Z") || name.starts_with("_R");
    if !mangled || name.len() > MAX_NAME {
        return None;
    }
    if is_lean() {
        return aside::demangled(name);
    }
    let mut text = Bounded(String::new());
    // C++ has the older of Rust's ways for its own, with a hash behind it.
    match rustc_demangle::try_demangle(name) {
        Ok(symbol) => write!(text, "{symbol:#}").ok()?,
        Err(_) => {
            let symbol = Symbol::new(name).ok()?;
            let options = DemangleOptions::default();
            symbol.structured_demangle(&mut text, &options).ok()?;
        }
    }
    Some(text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_three_languages() {
        for (name, expected) in [
            ("main", "main"),
            ("f", "f"),
            ("_Znot", "_Znot"),
            ("_ZN5shape6Circle4areaEv", "shape::Circle::area()"),
            (
                "_ZNSt3__26vectorIiNS_9allocatorIiEEE9push_backEOi",
                "std::__2::vector<int, std::__2::allocator<int> >::push_back(int&&)",
            ),
            (
                "_ZN4core9panicking5panic17h0123456789abcdefE",
                "core::panicking::panic",
            ),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
        ] {
            assert_eq!(demangle(name), expected);
        }
    }

    #[test]
    fn a_short_name_for_a_long_text_stays_as_it_is() {
        // Each argument is a pointer to a function of what came before, twice.
        let mut name = String::from("_Z1fPFvvE");
        for n in 0..60u32 {
            let reference = match n {
                0 => "S0_".to_string(),
                n => format!("S{}_", char::from_digit(n % 36, 36).unwrap().to_uppercase()),
            };
            name.push_str(&format!("PF{reference}{reference}E"));
        }
        let text = demangle(&name);
        assert!(text.len() <= MAX_TEXT.max(name.len()));
        let long = format!("_Z{}{}", MAX_NAME, "f".repeat(MAX_NAME));
        assert_eq!(demangle(&long), long);
    }
}
