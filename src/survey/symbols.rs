//! Who defines each symbol, and who uses it.

use std::collections::BTreeMap;

use foldhash::HashMap;

use crate::abi;
use crate::object::{ExportItem, ExternType, Import};
use crate::plan::{Binding, FuncId, ObjectId, Scopes, Wrong, attempt};

use super::Survey;

/// What becomes of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its users are bound to its first definition.
    Bound,
    /// Nobody imports it.
    Unused,
    /// Undefined, which its users allow.
    WeakUndefined,
    /// Undefined, and to be looked up when it is called.
    Lazy,
    Undefined,
    /// Used and defined with different types.
    Clash,
}

/// A definition.
#[derive(Clone, Debug)]
pub struct Definer {
    /// `None`: the host, or the linker.
    pub object: Option<ObjectId>,
    /// What it is: `func (i32) -> i32`, `data`.
    pub what: String,
    pub weak: bool,
    /// An import that is exported again.
    pub alias: bool,
}

/// An import.
#[derive(Clone, Debug)]
pub struct User {
    pub object: ObjectId,
    /// What it is used as: `func (i32) -> i32`, `address of a function`, `data`.
    pub what: String,
    pub weak: bool,
    /// What it is bound to; `None`: nothing, or no object's.
    pub bound: Option<ObjectId>,
    /// What is wrong with it.
    pub fault: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Symbol {
    /// With its module, where that is not the dynamic linker's.
    pub name: String,
    pub state: State,
    /// In scope order: the first one wins.
    pub definitions: Vec<Definer>,
    pub users: Vec<User>,
}

/// All symbols of a program, by name. What every object imports of the linker (the memory, base addresses) is left out.
pub fn symbols(survey: &Survey) -> Vec<Symbol> {
    let request = survey.request();
    let scopes = Scopes::new(&request);
    let attempt = attempt(&request, &scopes);
    let faults: HashMap<(ObjectId, u32), &Wrong> = attempt
        .faults
        .iter()
        .map(|fault| ((fault.importer, fault.import), &fault.wrong))
        .collect();
    let mut symbols: BTreeMap<String, Symbol> = BTreeMap::new();
    for (id, found) in request.fresh_ids().zip(request.fresh) {
        let n = survey.number(id);
        let bindings = attempt.bindings.get(n).map_or(&[][..], Vec::as_slice);
        for ((import, binding), position) in found.object.imports.iter().zip(bindings).zip(0..) {
            if is_of_the_linker(binding) {
                continue;
            }
            let fault = faults.get(&(id, position)).copied();
            let symbol = entry(&mut symbols, name(import));
            symbol.users.push(user(id, import, binding, fault));
            symbol.state = worse(symbol.state, state(fault, binding));
            if symbol.definitions.is_empty()
                && let Some(definer) = host(survey, import, binding)
            {
                symbol.definitions.push(definer);
            }
        }
    }
    for &id in request.group {
        let found = request.found(id);
        for export in found.iter().flat_map(|found| &found.object.exports) {
            if abi::LIFECYCLE.contains(&export.name.as_ref()) {
                continue;
            }
            let object = found.map(|found| &found.object);
            let imported = object.map_or(0, |object| object.imported_funcs);
            let alias = matches!(&export.item, ExportItem::Func { index, .. } if *index < imported);
            entry(&mut symbols, export.name.to_string())
                .definitions
                .push(Definer {
                    object: Some(id),
                    what: crate::plan::describe(&export.item),
                    weak: export.weak,
                    alias,
                });
        }
    }
    symbols.into_values().collect()
}

fn entry(symbols: &mut BTreeMap<String, Symbol>, name: String) -> &mut Symbol {
    symbols.entry(name).or_insert_with_key(|name| Symbol {
        name: name.clone(),
        state: State::Unused,
        definitions: Vec::new(),
        users: Vec::new(),
    })
}

/// The name without the module, where the linker binds it.
fn name(import: &Import) -> String {
    match import.module.as_ref() {
        abi::ENV | abi::GOT_MEM | abi::GOT_FUNC => import.name.to_string(),
        module => format!("{module}.{}", import.name),
    }
}

fn is_of_the_linker(binding: &Binding) -> bool {
    matches!(
        binding,
        Binding::Memory
            | Binding::Table
            | Binding::StackPointer
            | Binding::MemoryBase
            | Binding::TableBase
    )
}

fn worse(a: State, b: State) -> State {
    let rank = |state: State| match state {
        State::Unused => 0,
        State::Bound => 1,
        State::WeakUndefined => 2,
        State::Lazy => 3,
        State::Undefined => 4,
        State::Clash => 5,
    };
    if rank(b) > rank(a) { b } else { a }
}

fn state(fault: Option<&Wrong>, binding: &Binding) -> State {
    match (fault, binding) {
        (Some(Wrong::Undefined(_)), _) => State::Undefined,
        (Some(Wrong::Clash(_)), _) => State::Clash,
        (None, Binding::Null | Binding::Unresolved { weak: true }) => State::WeakUndefined,
        (None, Binding::Unresolved { weak: false }) => State::Lazy,
        _ => State::Bound,
    }
}

fn user(object: ObjectId, import: &Import, binding: &Binding, fault: Option<&Wrong>) -> User {
    let what = match import.module.as_ref() {
        abi::GOT_MEM => "data".to_string(),
        abi::GOT_FUNC => "address of a function".to_string(),
        _ => import.ty.to_string(),
    };
    User {
        object,
        what,
        weak: import.weak,
        bound: binding.object(),
        fault: fault.map(|wrong| match wrong {
            Wrong::Undefined(undefined) => format!("undefined {}", undefined.wanted),
            Wrong::Clash(text) => text.clone(),
        }),
    }
}

/// The definition of what no object defines.
fn host(survey: &Survey, import: &Import, binding: &Binding) -> Option<Definer> {
    let request = survey.request();
    let what = match binding {
        Binding::Func(callee) | Binding::Slot(callee) => match callee.id {
            FuncId::Host(id) => ExternType::Func(request.model.host_func(id)?).to_string(),
            FuncId::Object { .. } => return None,
        },
        Binding::Host(id) => request.model.host.defs.get(*id as usize)?.ty.to_string(),
        Binding::Address(_) => "data".to_string(),
        Binding::Tag(_) | Binding::Nothing => import.ty.to_string(),
        _ => return None,
    };
    Some(Definer {
        object: None,
        what,
        weak: false,
        alias: false,
    })
}
