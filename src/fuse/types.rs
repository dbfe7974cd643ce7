//! The types of all objects as one list.

use std::collections::HashMap;

use wasm_encoder::reencode::{Reencode, utils};
use wasm_encoder::{Encode, FuncType, TypeSection};

use super::module::Module;
use super::rewrite::failed;
use super::targets::{Sig, lost, number};
use crate::error::Result;
use crate::link::val_type;

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
        alone.encode(&mut bytes);
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

    /// A type of functions.
    pub fn func(&mut self, sig: &Sig) -> Result<u32> {
        let sig = match sig {
            Sig::Of(object, ty) => return self.of(*object, *ty),
            Sig::Is(sig) => sig,
        };
        let params = sig.params.iter().map(|ty| val_type(*ty));
        let results = sig.results.iter().map(|ty| val_type(*ty));
        let ty = FuncType::new(
            params.collect::<Result<Vec<_>>>()?,
            results.collect::<Result<Vec<_>>>()?,
        );
        let mut alone = TypeSection::new();
        alone.ty().func_type(&ty);
        let mut bytes = Vec::new();
        alone.encode(&mut bytes);
        let next = self.count;
        let at = *self.known.entry(bytes).or_insert(next);
        if at == next {
            self.section.ty().func_type(&ty);
            self.count = self.count.saturating_add(1);
        }
        Ok(at)
    }
}
