//! What a plan needs besides its objects: GOT globals, tags, stubs and host functions.

use crate::hash_map::{HashMap, HashSet};

use super::super::host::HostValue;
use super::super::order::{lost, raw};
use super::super::{glue, lazy};
use super::{Transaction, aim, number_key};
use crate::engine::{EngineGlobalType, Forwarder, Global};
use crate::error::{Code, Context, Error, Result};
use crate::object::{ExternType, GlobalType};
use crate::plan::{FuncId, ObjectId, Stub, Supply};

impl Transaction<'_> {
    pub(super) fn make_numbers(&mut self) -> Result<()> {
        let ns = self.ns;
        let mut wanted: HashMap<GlobalType, Vec<_>> = HashMap::new();
        {
            let state = ns.state();
            let objects = self.plan.objects.iter().zip(self.first.0..);
            let numbers = objects.flat_map(|(object, id)| {
                let numbers = object.imports.iter().filter_map(|supply| match supply {
                    Supply::Number { value, ty } => Some((*value, *ty)),
                    _ => None,
                });
                numbers.map(move |(value, ty)| number_key(ObjectId(id), value, ty))
            });
            let mut seen = HashSet::new();
            for key in numbers {
                let (importer, value, ty) = key;
                let shared = importer.is_none() && state.numbers.contains_key(&(value, ty));
                if !shared && seen.insert(key) {
                    wanted.entry(ty).or_default().push(key);
                }
            }
        }
        for (ty, keys) in wanted {
            let engine_type = EngineGlobalType::new(ns.store.api(), ty)?;
            // The planner lets only 32-bit entries through.
            let values: Vec<u32> = keys.iter().map(|&(_, value, _)| value as u32).collect();
            let globals = Global::all(ns.store, &engine_type, &values)?;
            self.numbers.extend(keys.into_iter().zip(globals));
        }
        Ok(())
    }

    pub(super) fn make_tags(&mut self) -> Result<()> {
        if self.plan.tags.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self
            .plan
            .tags
            .iter()
            .map(|(name, _)| name.as_ref())
            .collect();
        let exports = self.generate(|this| glue::tags(&this.plan.tags), &[]);
        let exports = exports.map_err(|_| {
            Error::new(
                Code::Unsupported,
                format!(
                    "the engine does not support exceptions, which {} needs (tags {})",
                    self.users_of_tags(),
                    names.join(", ")
                ),
            )
        })?;
        for (n, (name, _)) in self.plan.tags.iter().enumerate() {
            let tag = exports.get(n).and_then(|tag| tag.duplicate());
            let tag = tag.ok_or_else(|| lost("a tag"))?;
            self.tags.insert(name.clone(), tag);
        }
        Ok(())
    }

    fn users_of_tags(&self) -> String {
        let users = self.closure.fresh.iter().filter(|found| {
            let mut imports = found.object.imports.iter();
            imports.any(|i| matches!(i.ty, ExternType::Tag(_)))
        });
        let names: Vec<&str> = users.map(|found| found.name.as_ref()).collect();
        names.join(", ")
    }

    pub(super) fn make_stubs(&mut self) -> Result<()> {
        let new: Vec<Stub> = {
            let state = self.ns.state();
            let stubs = self.plan.stubs.iter();
            stubs
                .filter(|stub| !state.stubs.contains_key(stub))
                .cloned()
                .collect()
        };
        if !new.is_empty() {
            let table = self.table()?;
            let exports = self
                .generate(|this| glue::stubs(&new, this.tail_calls()), &[table])
                .context(|| "generating stubs")?;
            for (n, stub) in new.into_iter().enumerate() {
                let function = exports.get(n).and_then(|f| f.duplicate());
                self.stubs
                    .insert(stub, function.ok_or_else(|| lost("a stub"))?);
            }
        }
        let mut supplies = self.plan.objects.iter().flat_map(|o| &o.imports);
        if supplies.any(|s| *s == Supply::Nothing) && self.ns.state().nothing.is_none() {
            let exports = self.generate(|_| Ok(glue::nothing()), &[])?;
            self.nothing = exports.get(0).and_then(|f| f.duplicate());
        }
        Ok(())
    }

    pub(super) fn make_lazy_stubs(&mut self) -> Result<()> {
        if self.plan.lazy_stubs.is_empty() {
            return Ok(());
        }
        let resolver = lazy::resolver(self.ns, self.plan.lazy_stubs.clone())?;
        let module = |this: &Self| glue::lazy_stubs(&this.plan.lazy_stubs, this.tail_calls());
        let imports = [self.table()?, raw(resolver.as_extern())?];
        self.linkage.resolvers.push(resolver);
        self.lazy_stubs = Some(
            self.generate(module, &imports)
                .context(|| "generating lazy stubs")?,
        );
        Ok(())
    }

    pub(super) fn make_trampolines(&mut self) -> Result<()> {
        for (n, trampoline) in self.plan.trampolines.iter().enumerate() {
            let of_object = self.trampolines.entry(trampoline.target.object);
            of_object.or_default().push(n);
            let name = self.symbol(trampoline.target);
            let forwarder =
                Forwarder::new(self.ns.store, &trampoline.sig, &name).context(|| name.clone())?;
            self.linkage.forwarders.push(forwarder);
            self.linkage.targets.push(trampoline.target.object);
        }
        let state = self.ns.state();
        for (trampoline, forwarder) in self.plan.trampolines.iter().zip(&self.linkage.forwarders) {
            if let Some(live) = state.live.get(&trampoline.target.object) {
                aim(forwarder, live, trampoline.target);
            }
        }
        Ok(())
    }

    /// The host's functions that are used for the first time, and of the linker's own one for each object that imports them.
    pub(super) fn make_host_functions(&mut self) -> Result<()> {
        for fill in &self.plan.fills {
            if let FuncId::Host(id) = fill.callee.id() {
                self.ns.make(id)?;
            }
        }
        for (n, planned) in self.plan.objects.iter().enumerate() {
            let object = ObjectId(self.first.0 + n as u32);
            let Some(found) = self.closure.fresh.get(n) else {
                continue;
            };
            for (position, supply) in planned.imports.iter().enumerate() {
                let Supply::Host(id) = supply else { continue };
                let importer = self.caller(object, found, position);
                if self.services.contains_key(&(importer, *id)) {
                    continue;
                }
                let service = match self.ns.state().hosts.get(*id as usize) {
                    Some(HostValue::Service(_, service)) => Some(*service),
                    _ => None,
                };
                let Some(service) = service else {
                    self.ns.make(*id)?;
                    continue;
                };
                let bound = service.bind(self.ns, Some(importer))?;
                let position = self.linkage.services.len();
                self.services.insert((importer, *id), position);
                self.linkage.services.push(bound);
            }
        }
        Ok(())
    }
}
