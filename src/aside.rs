//! What few programs need, and takes much code: names of C++ and Rust as people read them, why a module was refused, and checks put into code. The
//! linker's module for JavaScript (feature `lean`) is without, and asks a second one, made of this library as well, which JavaScript fetches where it
//! is wanted. Elsewhere all is in one library, and nobody asks.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::object::{Explanation, Metered, Metering};

/// Whether this library is the one that asks.
#[inline(always)]
pub fn is_lean() -> bool {
    #[cfg(all(feature = "lean-when-linked", target_family = "wasm"))]
    return crate::platform::is_lean();
    #[cfg(not(all(feature = "lean-when-linked", target_family = "wasm")))]
    cfg!(all(feature = "lean", target_family = "wasm"))
}

#[derive(Serialize, Deserialize)]
enum Question<'a> {
    Demangle(&'a str),
    Explain(&'a [u8]),
    Meter(&'a [u8], Metering),
}

/// What [`crate::object::meter`] gave.
type Answer = Result<Option<Metered>, (Code, String)>;

/// As [`crate::demangle::demangle`]; nothing where the second module is not at hand.
pub fn demangled(name: &str) -> Option<String> {
    ask(&Question::Demangle(name))
}

/// As [`crate::object::explain`]; nothing where the second module is not at hand.
pub fn explanation(bytes: &[u8]) -> Option<Explanation> {
    ask(&Question::Explain(bytes))
}

/// As [`crate::object::meter`]; an error as well where the second module is not at hand.
pub fn metered(bytes: &[u8], mode: Metering) -> Result<Option<Metered>> {
    match ask::<Answer>(&Question::Meter(bytes, mode)) {
        Some(answer) => answer.map_err(|(code, why)| Error::new(code, why)),
        None => Err(without("guests cannot be stopped or counted")),
    }
}

/// The error of what neither of the two modules has, or of a second one that is not at hand.
pub fn without(what: &str) -> Error {
    let why = format!("{what}: the linker's module for JavaScript is without the code for it");
    Error::new(Code::Unsupported, why)
}

fn ask<T: for<'a> Deserialize<'a>>(question: &Question<'_>) -> Option<T> {
    let question = postcard::to_stdvec(question).ok()?;
    postcard::from_bytes(&ask_second(&question)?).ok()
}

#[cfg(all(
    any(feature = "lean", feature = "lean-when-linked"),
    target_family = "wasm"
))]
use crate::platform::ask_second;

#[cfg(not(all(
    any(feature = "lean", feature = "lean-when-linked"),
    target_family = "wasm"
)))]
fn ask_second(_question: &[u8]) -> Option<Vec<u8>> {
    None
}

/// The answer of the second module.
#[cfg(any(test, all(target_family = "wasm", not(feature = "lean"))))]
pub fn answer(question: &[u8]) -> Option<Vec<u8>> {
    use crate::demangle::demangle;
    use crate::object::{explain, meter};
    let answer = match postcard::from_bytes(question).ok()? {
        Question::Demangle(name) => postcard::to_stdvec(&demangle(name)),
        Question::Explain(bytes) => postcard::to_stdvec(&explain(bytes)),
        Question::Meter(bytes, mode) => {
            let metered: Answer =
                meter(bytes, mode).map_err(|error| (error.code(), error.message().to_string()));
            postcard::to_stdvec(&metered)
        }
    };
    answer.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{explain, meter};

    fn told<T: for<'a> Deserialize<'a>>(question: &Question<'_>) -> T {
        let question = postcard::to_stdvec(question).unwrap();
        postcard::from_bytes(&answer(&question).unwrap()).unwrap()
    }

    #[test]
    fn answers_are_those_of_the_library() {
        let name: String = told(&Question::Demangle("_ZN5shape6Circle4areaEv"));
        assert_eq!(name, "shape::Circle::area()");
        let module = wat::parse_str(r#"(module (func (export "f") (loop (br 0))))"#).unwrap();
        let damaged = &module[..module.len() - 1];
        for bytes in [&module, damaged] {
            let explanation: Explanation = told(&Question::Explain(bytes));
            assert_eq!(explanation, explain(bytes));
        }
        let metered: Answer = told(&Question::Meter(&module, Metering::Counted));
        assert_eq!(metered.unwrap(), meter(&module, Metering::Counted).unwrap());
        let refused: Answer = told(&Question::Meter(damaged, Metering::Counted));
        let error = meter(damaged, Metering::Counted).unwrap_err();
        let parts = (error.code(), error.message().to_string());
        assert_eq!(refused.unwrap_err(), parts);
    }

    #[test]
    fn what_is_no_question_has_no_answer() {
        for bytes in [&[][..], &[9, 9], &[0, 200, 1]] {
            assert!(answer(bytes).is_none());
        }
    }
}
