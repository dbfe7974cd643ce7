//! A second, slow look at a module that an engine refused, to say why.

use wasmparser::{FunctionBody, Operator, Parser, Payload, Validator, WasmFeatures};

use super::{Features, ParseLimits, convert, parse, sniff};

/// What can be said of a module without the engine that refused it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What makes the module invalid by itself, with the byte offset; `None` where it is valid,
    /// so that the engine lacks something the module needs.
    pub invalid: Option<String>,
    /// A limit of implementations that the module exceeds, with the byte offset. Such a module is valid.
    pub limit: Option<String>,
    /// What the module does use, its code included (and not what its toolchain says it may use).
    pub features: Features,
}

/// Validates the module and scans its code. Meant for the path of an error: takes time in
/// proportion to the code, where [`super::Object::parse`] does not look at code at all.
pub fn explain(bytes: &[u8]) -> Explanation {
    if let Err(error) = sniff::check(bytes) {
        return Explanation {
            invalid: Some(error.to_string()),
            ..Explanation::default()
        };
    }
    let fault = Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .err();
    let (mut invalid, mut limit) = (None, None);
    if let Some(fault) = fault {
        let text = format!("{} at offset {:#x}", fault.message(), fault.offset());
        *(if is_limit(fault.message()) {
            &mut limit
        } else {
            &mut invalid
        }) = Some(text);
    }
    let declared = parse::read(bytes, &ParseLimits::default())
        .map(|(object, _)| object.features)
        .unwrap_or_default();
    Explanation {
        invalid,
        limit,
        features: declared.union(scan(bytes)),
    }
}

/// What the validator says of sizes that the specification leaves to implementations (JavaScript API, "Implementation-defined
/// limits").
const LIMITS: &[&str] = &[
    " size is out of bounds",
    "string size out of bounds",
    "number of elements is out of bounds",
    "too many locals",
    "implementation limit",
    "exceeds limit",
];

fn is_limit(words: &str) -> bool {
    LIMITS.iter().any(|limit| words.contains(limit))
}

/// What the function bodies use. Stops where the module stops making sense.
fn scan(bytes: &[u8]) -> Features {
    let mut features = Features::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::CodeSectionEntry(body)) => scan_body(&body, &mut features),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    features
}

fn scan_body(body: &FunctionBody<'_>, features: &mut Features) {
    if let Ok(locals) = body.get_locals_reader() {
        for local in locals {
            match local {
                Ok((_, ty)) => features.note_operand(convert::value(ty)),
                Err(_) => return,
            }
        }
    }
    let Ok(mut operators) = body.get_operators_reader() else {
        return;
    };
    while !operators.eof() {
        match operators.read() {
            Ok(operator) => note(&operator, features),
            Err(_) => return,
        }
    }
}

/// The proposal that an operator belongs to, as the list of operators in wasmparser has it.
fn proposal(operator: &Operator<'_>) -> &'static str {
    macro_rules! name_proposals {
        ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($rest:tt)*) )*) => {
            match operator {
                $( Operator::$op $({ $($arg: _),* })? => stringify!($proposal), )*
                _ => "",
            }
        };
    }
    wasmparser::for_each_operator!(name_proposals)
}

/// Second memories and tables need no look here: they show in the declarations.
fn note(operator: &Operator<'_>, features: &mut Features) {
    match proposal(operator) {
        // `throw` is the same in both kinds of exceptions.
        "exceptions" if matches!(operator, Operator::Throw { .. }) => features.tags = true,
        "exceptions" => features.exnref = true,
        "legacy_exceptions" => features.legacy_exceptions = true,
        "simd" => features.simd = true,
        "relaxed_simd" => (features.simd, features.relaxed_simd) = (true, true),
        "wide_arithmetic" => features.wide_arithmetic = true,
        "stack_switching" => features.stack_switching = true,
        "threads" | "shared_everything_threads" => features.threads = true,
        "tail_call" => features.tail_calls = true,
        "reference_types" => features.reference_types = true,
        "gc" | "function_references" | "custom_descriptors" => features.gc = true,
        _ => {}
    }
}
