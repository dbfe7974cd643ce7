//! The numbers that globals stand for: bases, entries of the GOT, and what objects make of them.

use wasmparser::ConstExpr;

use super::World;
use super::module::Module;
use super::targets::{Global, Targets, lost};
use crate::error::Result;
use crate::object::{
    Base, ConstValue, ExternType, GlobalType, KnownGlobal, Width, evaluate, value_type,
};

/// For each object, all of its globals, the imported ones first.
pub(super) struct Values(Vec<Vec<KnownGlobal>>);

impl Values {
    pub fn new(world: &World<'_>, modules: &[Module<'_>], targets: &Targets) -> Result<Values> {
        let mut values = Values(Vec::with_capacity(modules.len()));
        for ((module, spaces), found) in
            modules.iter().zip(&targets.spaces).zip(world.request.fresh)
        {
            let object = &found.object;
            let mut known =
                Vec::with_capacity(spaces.globals.len().saturating_add(module.globals.len()));
            for (global, position) in spaces.globals.iter().zip(&object.global_imports) {
                let import = object.imports.get(*position as usize);
                let Some(ExternType::Global(ty)) = import.map(|import| import.ty) else {
                    return Err(lost("a global's type"));
                };
                let value = match *global {
                    Global::Number { value, .. } => Some(value),
                    Global::Own { object, index } => values.global(object, index),
                    Global::Stack | Global::Host(_) => None,
                };
                let value = value.map(|offset| ConstValue {
                    base: Base::None,
                    offset,
                });
                known.push(KnownGlobal { ty: *ty, value });
            }
            for global in &module.globals {
                let ty = GlobalType {
                    content: value_type(global.ty.content_type),
                    mutable: global.ty.mutable,
                };
                let width = Width::of(ty.content).filter(|_| !ty.mutable);
                let value = width.and_then(|width| evaluate(&global.init_expr, width, &known));
                known.push(KnownGlobal { ty, value });
            }
            values.0.push(known);
        }
        Ok(values)
    }

    /// The number that a global stands for.
    pub fn global(&self, object: u32, index: u32) -> Option<u64> {
        let known = self.0.get(object as usize)?.get(index as usize)?;
        known.value.map(|value| value.offset)
    }

    /// The value of an expression of 32 bits over such numbers.
    pub fn of(&self, object: u32, expression: &ConstExpr<'_>) -> Option<u64> {
        let known = self.0.get(object as usize)?;
        evaluate(expression, Width::I32, known).map(|value| value.offset)
    }
}
