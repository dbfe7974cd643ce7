//! What the host defines, by module and name.

use std::hash::{Hash, Hasher};

use crate::hash_map::HashMap;
use hashbrown::HashTable;

use crate::abi;
use crate::object::{ExternType, Name};

/// Whether a definition of the host's in `env` comes before those of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precedence {
    #[default]
    Behind,
    Before,
    /// The linker's own functions: before, for imports of their type. A program may use such a name for its own purposes.
    BeforeIfSame,
}

impl Precedence {
    /// Of what the host defines itself.
    pub fn of_host(overriding: bool) -> Precedence {
        match overriding {
            true => Precedence::Before,
            false => Precedence::Behind,
        }
    }
}

/// Something that the host defines.
#[derive(Clone, Debug, Hash)]
pub struct HostDef {
    pub ty: ExternType,
    pub precedence: Precedence,
}

impl HostDef {
    /// Whether it is looked up before the objects, for an import of type `wanted` (`None`: any function).
    pub fn overrides(&self, wanted: Option<&ExternType>) -> bool {
        match self.precedence {
            Precedence::Behind => false,
            Precedence::Before => true,
            Precedence::BeforeIfSame => wanted.is_none_or(|wanted| *wanted == self.ty),
        }
    }
}

/// The host's definitions. Numbers are indices into `defs` and stay valid: a new definition of a name gets a new number.
#[derive(Clone, Debug, Default)]
pub struct HostDefs {
    pub defs: Vec<HostDef>,
    /// Those of `env`, which every look-up of a symbol asks.
    env: Env,
    by_module: HashMap<String, HashMap<String, u32>>,
}

/// Definitions by names whose hashes are at hand.
#[derive(Clone, Debug, Default)]
struct Env(HashTable<(Box<str>, u32)>);

impl Env {
    fn get(&self, name: Name<'_>) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        let same = |(known, _): &(Box<str>, u32)| **known == *name;
        self.0.find(name.hash(), same).map(|(_, id)| *id)
    }

    fn insert(&mut self, name: Name<'_>, id: u32) {
        let same = |(known, _): &(Box<str>, u32)| **known == *name;
        let hash = |(known, _): &(Box<str>, u32)| Name::new(known).hash();
        let entry = self.0.entry(name.hash(), same, hash);
        entry
            .and_modify(|known| known.1 = id)
            .or_insert_with(|| (name.text().into(), id));
    }

    fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, id)| (&**name, *id))
    }
}

impl HostDefs {
    pub fn define(&mut self, module: &str, name: &str, def: HostDef) -> u32 {
        let id = self.defs.len() as u32;
        self.defs.push(def);
        match module {
            abi::ENV => self.env.insert(Name::new(name), id),
            _ => {
                let names = self.by_module.entry(module.to_string()).or_default();
                names.insert(name.to_string(), id);
            }
        }
        id
    }

    /// Module and name of each definition, for people.
    pub fn names(&self) -> HashMap<u32, String> {
        let named = self.each().map(|(id, module, name)| match module {
            abi::ENV => (id, name.to_string()),
            _ => (id, format!("{module}.{name}")),
        });
        named.collect()
    }

    /// Takes a definition of this precedence out. Its number stays in use.
    pub fn forget(&mut self, module: &str, name: &str, precedence: Precedence) {
        let Some((id, _)) =
            (self.get(module, Name::new(name))).filter(|(_, def)| def.precedence == precedence)
        else {
            return;
        };
        match module {
            abi::ENV => self.env.0.retain(|(_, of)| *of != id),
            _ => {
                if let Some(names) = self.by_module.get_mut(module) {
                    names.remove(name);
                }
            }
        }
    }

    /// Number, module and name of each definition.
    pub fn each(&self) -> impl Iterator<Item = (u32, &str, &str)> {
        let env = self.env.iter().map(|(name, id)| (id, abi::ENV, name));
        let others = self.by_module.iter().flat_map(|(module, names)| {
            let names = names.iter();
            names.map(move |(name, &id)| (id, module.as_str(), name.as_str()))
        });
        env.chain(others)
    }

    #[inline]
    pub fn get(&self, module: &str, name: Name<'_>) -> Option<(u32, &HostDef)> {
        let id = match module {
            abi::ENV => self.env.get(name)?,
            _ => *self.by_module.get(module)?.get(name.text())?,
        };
        self.defs.get(id as usize).map(|def| (id, def))
    }
}

impl Hash for HostDefs {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.defs.hash(to);
        let mut names: Vec<(u32, &str, &str)> = self.each().collect();
        names.sort_unstable();
        names.hash(to);
    }
}
