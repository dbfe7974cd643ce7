//! The types of all objects as one list.

use std::collections::HashMap;

use wasm_encoder::reencode::{Reencode, utils};
use wasm_encoder::{FuncType, TypeSection};

use super::module::Module;
use super::rewrite::failed;
use super::targets::{lost, number};
use crate::error::Result;

#[derive(Default)]
pub(super) struct Types {
    pub section: TypeSection,
    /// For each object, what becomes of each of its types.
    of: Vec<Vec<u32>>,
    /// Groups that came before, by their bytes: where they begin.
    known: HashMap<Vec<u8>, u32>,
    count: u32,
}

/// Renumbers the types of one group.
struct Renumber<'a> {
    /// What is known of the object's types so far.
    of: &'a [u32],
    /// Where the group begins in the fused module.
    base: u32,
}

impl Reencode for Renumber<'_> {
    type Error = std::convert::Infallible;

    fn type_index(&mut self, ty: u32) -> Result<u32, wasm_encoder::reencode::Error<Self::Error>> {
        let own = || {
            self.base
                .saturating_add(ty.saturating_sub(u32::try_from(self.of.len()).unwrap_or(u32::MAX)))
        };
        Ok(self.of.get(ty as usize).copied().unwrap_or_else(own))
    }
}

impl Types {
    pub fn new(modules: &[Module<'_>]) -> Result<Types> {
        let mut types = Types::default();
        for module in modules {
            let mut of = Vec::new();
            for group in &module.types {
                types.group(group, &mut of)?;
            }
            types.of.push(of);
        }
        Ok(types)
    }

    fn group(&mut self, group: &wasmparser::RecGroup, of: &mut Vec<u32>) -> Result<()> {
        let members = number(group.types().len())?;
        let mut alone = TypeSection::new();
        let mut renumber = Renumber {
            of,
            base: self.count,
        };
        utils::parse_recursive_type_group(&mut renumber, alone.ty(), group.clone())
            .map_err(failed)?;
        let mut bytes = Vec::new();
        wasm_encoder::Encode::encode(&alone, &mut bytes);
        // A group that names itself has the numbers of its place, so that it equals no other.
        let base = match self.known.get(&bytes) {
            Some(&known) => known,
            None => {
                utils::parse_recursive_type_group(&mut renumber, self.section.ty(), group.clone())
                    .map_err(failed)?;
                let base = self.count;
                self.known.insert(bytes, base);
                self.count = self.count.saturating_add(members);
                base
            }
        };
        of.extend((0..members).map(|n| base.saturating_add(n)));
        Ok(())
    }

    /// A type of an object's, in the fused module.
    pub fn of(&self, object: u32, ty: u32) -> Result<u32> {
        let of = self.of.get(object as usize);
        let found = of.and_then(|of| of.get(ty as usize));
        found.copied().ok_or_else(|| lost("a type"))
    }

    /// The type of functions without parameters and results.
    pub fn nothing(&mut self) -> u32 {
        let mut alone = TypeSection::new();
        alone.ty().func_type(&FuncType::new([], []));
        let mut bytes = Vec::new();
        wasm_encoder::Encode::encode(&alone, &mut bytes);
        let next = self.count;
        let at = *self.known.entry(bytes).or_insert(next);
        if at == next {
            self.section.ty().func_type(&FuncType::new([], []));
            self.count += 1;
        }
        at
    }
}
