//! A second, slow look at a module that an engine refused, to say why.

use serde::{Deserialize, Serialize};
use wasmparser::{
    BlockType, ConstExpr, DataKind, ElementKind, FunctionBody, Operator, Parser, Payload, RecGroup,
    Result, TableInit, Validator, WasmFeatures,
};

use super::{Features, ParseLimits, convert, parse, sniff};

/// What can be said of a module without the engine that refused it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// What code, constant expressions, types and segments use. Stops where the module stops making sense.
fn scan(bytes: &[u8]) -> Features {
    let mut features = Features::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else {
            break;
        };
        if scan_payload(&payload, &mut features).is_err() {
            break;
        }
    }
    features
}

fn scan_payload(payload: &Payload<'_>, features: &mut Features) -> Result<()> {
    match payload {
        Payload::TypeSection(types) => {
            for group in types.clone() {
                features.multi_value |= has_several_results(&group?);
            }
        }
        Payload::TableSection(tables) => {
            for table in tables.clone() {
                if let TableInit::Expr(value) = table?.init {
                    scan_constant(&value, features)?;
                }
            }
        }
        Payload::GlobalSection(globals) => {
            for global in globals.clone() {
                scan_constant(&global?.init_expr, features)?;
            }
        }
        Payload::ElementSection(elements) => {
            for element in elements.clone() {
                match element?.kind {
                    ElementKind::Active { offset_expr, .. } => {
                        scan_constant(&offset_expr, features)?;
                    }
                    ElementKind::Passive => features.bulk_memory = true,
                    ElementKind::Declared => features.reference_types = true,
                }
            }
        }
        Payload::DataCountSection { .. } => features.bulk_memory = true,
        Payload::DataSection(segments) => {
            for segment in segments.clone() {
                match segment?.kind {
                    DataKind::Active { offset_expr, .. } => scan_constant(&offset_expr, features)?,
                    DataKind::Passive => features.bulk_memory = true,
                }
            }
        }
        Payload::CodeSectionEntry(body) => scan_body(body, features),
        _ => {}
    }
    Ok(())
}

fn has_several_results(group: &RecGroup) -> bool {
    let mut funcs = group
        .types()
        .filter_map(|ty| match &ty.composite_type.inner {
            wasmparser::CompositeInnerType::Func(func) => Some(func),
            _ => None,
        });
    funcs.any(|func| func.results().len() > 1)
}

/// The first release has one constant in an expression, or one global.
fn scan_constant(value: &ConstExpr<'_>, features: &mut Features) -> Result<()> {
    for operator in value.get_operators_reader() {
        features.extended_const |= matches!(
            operator?,
            Operator::I32Add
                | Operator::I32Sub
                | Operator::I32Mul
                | Operator::I64Add
                | Operator::I64Sub
                | Operator::I64Mul
        );
    }
    Ok(())
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
        "bulk_memory" => features.bulk_memory = true,
        "sign_extension" => features.sign_extension = true,
        "saturating_float_to_int" => features.saturating_conversions = true,
        // A block that has a type of a function has parameters, or several results.
        "mvp" => features.multi_value |= has_func_type(operator),
        "gc" | "function_references" | "custom_descriptors" => features.gc = true,
        _ => {}
    }
}

fn has_func_type(operator: &Operator<'_>) -> bool {
    match operator {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            matches!(blockty, BlockType::FuncType(_))
        }
        _ => false,
    }
}
