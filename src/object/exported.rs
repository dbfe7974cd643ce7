//! The types of what a module exports, of whatever kind of module: for an engine that does not tell them.

use std::sync::Arc;

use wasmparser::{BinaryReader, CompositeInnerType, ExternalKind, Parser, Payload, TypeRef};

use super::{FuncType, GlobalType, convert, operators};

/// What an export is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exported {
    /// `None`: of a type that is none of functions, which no valid module has.
    Func(Option<Arc<FuncType>>),
    Global(GlobalType),
    Other,
}

/// Of each export, in order. `None` for what is no module that can be read.
pub fn exported(bytes: &[u8]) -> Option<Vec<Exported>> {
    let mut types: Vec<Option<Arc<FuncType>>> = Vec::new();
    let (mut funcs, mut globals): (Vec<u32>, Vec<GlobalType>) = Default::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                for group in section {
                    let group = group.ok()?;
                    types.extend(group.types().map(|ty| match &ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(Arc::new(convert::func(ty))),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import.ok()?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => funcs.push(ty),
                        TypeRef::Global(ty) => globals.push(convert::global(ty, 0).ok()?),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    funcs.push(ty.ok()?);
                }
            }
            Payload::GlobalSection(section) => {
                let mut reader = BinaryReader::new(bytes.get(section.range())?, 0);
                for _ in 0..reader.read_var_u32().ok()? {
                    globals.push(convert::global(reader.read().ok()?, 0).ok()?);
                    operators::skip_expression(&mut reader).ok()?;
                }
            }
            Payload::ExportSection(section) => {
                let exports = section.into_iter().map(|export| {
                    let export = export.ok()?;
                    Some(match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            let ty = funcs.get(export.index as usize)?;
                            Exported::Func(types.get(*ty as usize)?.clone())
                        }
                        ExternalKind::Global => {
                            Exported::Global(*globals.get(export.index as usize)?)
                        }
                        _ => Exported::Other,
                    })
                });
                return exports.collect();
            }
            // Exports come before code.
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    Some(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ValType;

    #[test]
    fn types_of_exports_in_order() {
        let text = r#"(module
            (import "a" "b" (func (param i64)))
            (import "a" "c" (global f32))
            (table (export "t") 1 funcref)
            (global (mut i32) (i32.const 1))
            (func (param f64) (result i32 i32) unreachable)
            (export "own" (func 1))
            (export "again" (func 0))
            (export "g" (global 1))
            (export "h" (global 0)))"#;
        let exports = exported(&wat::parse_str(text).unwrap()).unwrap();
        let func = |params: &[ValType], results: &[ValType]| {
            Exported::Func(Some(Arc::new(FuncType {
                params: params.to_vec(),
                results: results.to_vec(),
            })))
        };
        let global = |content, mutable| Exported::Global(GlobalType { content, mutable });
        let expected = [
            Exported::Other,
            func(&[ValType::F64], &[ValType::I32, ValType::I32]),
            func(&[ValType::I64], &[]),
            global(ValType::I32, true),
            global(ValType::F32, false),
        ];
        assert_eq!(exports, expected);
        assert_eq!(exported(b"\0asm\x01\0\0\0"), Some(Vec::new()));
        assert_eq!(exported(b"no module"), None);
    }
}
