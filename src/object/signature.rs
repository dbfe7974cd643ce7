//! Types of functions as text, as hosts write them: `(i32 i64) -> f32`, `() -> ()`, `(i32) -> (i32, i32)`. What [`FuncType`]'s own text
//! says is read, too.

use super::{FuncType, HeapType, ValType};
use crate::error::{Code, Error, Result};
use crate::text;

/// Values in a list: as many as engines take.
const MOST: usize = 1_000;

/// What hosts see of functions: the types whose values `wasm.h` carries on every engine.
const TYPES: [(&str, ValType); 5] = [
    ("i32", ValType::I32),
    ("i64", ValType::I64),
    ("f32", ValType::F32),
    ("f64", ValType::F64),
    (
        "funcref",
        ValType::Ref {
            nullable: true,
            heap: HeapType::Func,
        },
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Comma,
    Arrow,
    Word(&'a str),
    /// A character that no type has.
    Other(&'a str),
    End,
}

/// What is left of a text, and where that begins.
struct Tokens<'a> {
    whole: &'a str,
    rest: &'a str,
    /// Where the last token began, in bytes.
    at: usize,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Token<'a> {
        let rest = self.rest.trim_start();
        self.at = self.whole.len() - rest.len();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let first = rest.chars().next();
        let (token, length) = match first {
            None => (Token::End, 0),
            Some('(') => (Token::Open, 1),
            Some(')') => (Token::Close, 1),
            Some(',') => (Token::Comma, 1),
            Some('-') if rest.starts_with("->") => (Token::Arrow, 2),
            Some(c) if word(c) => {
                let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
                (Token::Word(rest.get(..length).unwrap_or(rest)), length)
            }
            Some(c) => {
                let length = c.len_utf8();
                (Token::Other(rest.get(..length).unwrap_or(rest)), length)
            }
        };
        self.rest = rest.get(length..).unwrap_or_default();
        token
    }

    /// What is wrong with the last token.
    fn wrong(&self, why: &str) -> Error {
        let before = self.whole.get(..self.at).unwrap_or_default();
        let why = format!(
            "\"{}\" is no type of a function, such as \"(i32 i64) -> f32\" or \"() -> ()\": at character {}, {why}",
            text::name(self.whole),
            before.chars().count() + 1,
        );
        Error::new(Code::InvalidArgument, why)
    }

    fn value(&self, word: &str) -> Result<ValType> {
        let known = TYPES.iter().find(|(name, _)| *name == word);
        known.map(|(_, ty)| *ty).ok_or_else(|| {
            self.wrong(&format!(
                "{} is none of i32, i64, f32, f64 and funcref",
                text::name(word)
            ))
        })
    }

    /// The values of a list up to its end; the parenthesis that opens it has been read. Commas may stand between.
    fn list(&mut self) -> Result<Vec<ValType>> {
        let mut all = Vec::new();
        let mut after_comma = false;
        loop {
            let token = self.next();
            match token {
                Token::Word(_) if all.len() == MOST => {
                    return Err(self.wrong(&format!("the list has more than {MOST} types")));
                }
                Token::Word(word) => all.push(self.value(word)?),
                Token::Comma if !all.is_empty() && !after_comma => {}
                Token::Close if !after_comma => return Ok(all),
                Token::End => return Err(self.wrong("the list has no end: \")\" is missing")),
                _ => return Err(self.wrong("a type is missing")),
            }
            after_comma = token == Token::Comma;
        }
    }
}

/// Reads a type. The error says at which character it is none.
pub fn signature(whole: &str) -> Result<FuncType> {
    let mut tokens = Tokens {
        whole,
        rest: whole,
        at: 0,
    };
    if tokens.next() != Token::Open {
        return Err(tokens.wrong("the parameters are missing: \"(\""));
    }
    let params = tokens.list()?;
    if tokens.next() != Token::Arrow {
        return Err(tokens.wrong("\"->\" is missing"));
    }
    let results = match tokens.next() {
        Token::Open => tokens.list()?,
        Token::Word(word) => vec![tokens.value(word)?],
        _ => return Err(tokens.wrong("the results are missing: a type, or a list in parentheses")),
    };
    match tokens.next() {
        Token::End => Ok(FuncType { params, results }),
        _ => Err(tokens.wrong("the type has ended, and more follows")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        signature(text).map_or_else(|e| e.to_string(), |ty| ty.to_string())
    }

    #[test]
    fn types_as_people_write_them() {
        for (text, wanted) in [
            ("() -> ()", "() -> ()"),
            ("()->i32", "() -> i32"),
            ("(i32 i32 i32) -> i32", "(i32, i32, i32) -> i32"),
            (
                " ( i32,i64 , f32 f64 )\t->\n(funcref) ",
                "(i32, i64, f32, f64) -> funcref",
            ),
            ("(i32)->(f64 f64)", "(i32) -> (f64, f64)"),
        ] {
            assert_eq!(read(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, at, why) in [
            ("", 1, "the parameters are missing"),
            ("i32 -> i32", 1, "the parameters are missing"),
            ("(i32", 5, "the list has no end"),
            ("(i32 int) -> i32", 6, "int is none of i32"),
            ("(externref) -> ()", 2, "externref is none of"),
            ("(,i32) -> ()", 2, "a type is missing"),
            ("(i32,,i32) -> ()", 6, "a type is missing"),
            ("(i32,) -> ()", 6, "a type is missing"),
            ("(i32)", 6, "\"->\" is missing"),
            ("(i32) i32", 7, "\"->\" is missing"),
            ("(i32) - i32", 7, "\"->\" is missing"),
            ("(i32) ->", 9, "the results are missing"),
            ("() -> i32 i32", 11, "the type has ended"),
            ("() -> () -> ()", 10, "the type has ended"),
            ("(\u{e9} i32) -> ()", 2, "none of i32"),
            ("(i32 \u{1f40d}) -> ()", 6, "a type is missing"),
            ("(\u{e9}", 2, "none of i32"),
        ] {
            let said = read(text);
            assert!(
                said.contains(&format!("at character {at}, ")),
                "{text:?}: {said}"
            );
            assert!(said.contains(why), "{text:?}: {said}");
        }
    }

    #[test]
    fn lists_have_a_bound() {
        let list = |count: usize| format!("({}) -> ()", "i32 ".repeat(count));
        assert_eq!(signature(&list(MOST)).unwrap().params.len(), MOST);
        assert!(read(&list(MOST + 1)).contains("more than 1000 types"));
    }

    /// xorshift64*: the same numbers in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
        }

        fn values(&mut self) -> Vec<ValType> {
            let count = self.below(9);
            (0..count)
                .map(|_| TYPES[self.below(TYPES.len())].1)
                .collect()
        }
    }

    #[test]
    fn what_a_type_says_of_itself_is_read() {
        let mut random = Random(1);
        for _ in 0..2_000 {
            let ty = FuncType {
                params: random.values(),
                results: random.values(),
            };
            let text = ty.to_string();
            assert_eq!(signature(&text).unwrap(), ty, "{text}");
            assert_eq!(signature(&text.replace(',', " ")).unwrap(), ty, "{text}");
        }
    }

    /// Any text is a type, or an error with a place in the text.
    #[test]
    fn any_text_has_an_answer() {
        const PIECES: [&str; 14] = [
            "(",
            ")",
            "->",
            ",",
            " ",
            "i32",
            "f64",
            "funcref",
            "i3",
            "-",
            ">",
            "\u{e9}",
            "\0",
            "\u{1f40d}",
        ];
        let mut random = Random(7);
        let mut read = 0;
        for _ in 0..100_000 {
            let ty = FuncType {
                params: random.values(),
                results: random.values(),
            };
            // A type with some of its characters gone and others among them.
            let mut all: Vec<String> = ty.to_string().chars().map(String::from).collect();
            for _ in 0..random.below(4) {
                let at = random.below(all.len());
                match random.below(2) {
                    0 => drop(all.remove(at)),
                    _ => all.insert(at, PIECES[random.below(PIECES.len())].to_string()),
                }
            }
            let text = all.concat();
            match signature(&text) {
                Ok(ty) => {
                    assert_eq!(signature(&ty.to_string()).unwrap(), ty);
                    read += 1;
                }
                Err(error) => {
                    let said = error.to_string();
                    let (_, place) = said.rsplit_once("at character ").unwrap();
                    let number: usize = place.split_once(',').unwrap().0.parse().unwrap();
                    assert!((1..=text.chars().count() + 1).contains(&number), "{said}");
                }
            }
        }
        assert!((30_000..70_000).contains(&read), "{read}");
    }
}
