//! What is wrong with imports: kept as data, since of a million faults a hundred are shown, and each text is long.

use crate::hash_map::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use super::Request;
use super::callee::Callee;
use super::model::{FuncId, ObjectId};
use super::resolve::{describe, extern_type};
use super::scope::Definition;
use crate::abi;
use crate::error::{Code, Error, MAX_SHOWN, MAX_UNDEFINED, Undefined};
use crate::object::{ExportItem, ExternType, Import};
use crate::text;

/// How a symbol is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// As the import says.
    Import,
    /// By its address: GOT.mem and GOT.func.
    Data,
    Function,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    Undefined(Use),
    /// The host defines it with another type.
    Host(u32),
    /// A function has another type.
    Callee(Callee),
    /// An object's definition is of another kind or type.
    Definition(Use, Definition),
    /// A GOT entry that is not of 32 bits.
    Wide,
    /// A tag has another type than with the first object that imports it, by that import; `None`: of an earlier load.
    Tag(Option<(ObjectId, u32)>),
    /// A table or memory that is exported again and again, and leads back to itself.
    Circle,
    /// The main program keeps the stack pointer to itself.
    StackPointer(ObjectId),
}

#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub importer: ObjectId,
    /// The import's position in its object.
    pub import: u32,
    pub wrong: Wrong,
}

impl Fault {
    pub fn is_undefined(&self) -> bool {
        matches!(self.wrong, Wrong::Undefined(_))
    }

    /// What an undefined symbol is wanted as.
    pub fn wanted(&self, request: &Request<'_>) -> String {
        let used = match self.wrong {
            Wrong::Undefined(used) | Wrong::Definition(used, _) => used,
            _ => Use::Import,
        };
        match (used, import(request, self.importer, self.import)) {
            (Use::Data, _) => "data".to_string(),
            (Use::Function, _) => "the address of a function".to_string(),
            (Use::Import, Some(import)) => import.ty.to_string(),
            (Use::Import, None) => "?".to_string(),
        }
    }

    /// All of it in a line: symbol, importer, definer, both types.
    pub fn text(&self, request: &Request<'_>) -> String {
        let Some(import) = import(request, self.importer, self.import) else {
            return "?".to_string();
        };
        let (symbol, importer) = (symbol(&import), text::name(request.name(self.importer)));
        let wanted = import.ty;
        let name = |id: ObjectId| text::name(request.name(id));
        match self.wrong {
            Wrong::Undefined(_) => {
                format!("{symbol}: {}, needed by {importer}", self.wanted(request))
            }
            Wrong::Host(id) => {
                let given = request.model.host.defs.get(id as usize);
                let given = given.map_or(String::new(), |def| def.ty.to_string());
                format!(
                    "{symbol}: {importer} imports it as {wanted}, the host defines it as {given}"
                )
            }
            Wrong::Callee(callee) => {
                let definer = match callee.export() {
                    Some(definition) => name(definition.object),
                    None => "the host".into(),
                };
                let given = given(request, &callee);
                format!(
                    "{symbol}: {importer} imports it as {wanted}, {definer} defines it as {given}"
                )
            }
            Wrong::Definition(used, definition) => {
                let definer = name(definition.object);
                let given = item(request, definition).map(|item| match wanted {
                    ExternType::Global(_) if used == Use::Import => extern_type(item).to_string(),
                    _ => describe(item),
                });
                let given = given.unwrap_or_default();
                let used = match used {
                    Use::Import => format!("imports it as {wanted}"),
                    Use::Data => "uses it as data".to_string(),
                    Use::Function => "uses it as a function".to_string(),
                };
                format!("{symbol}: {importer} {used}, {definer} defines it as {given}")
            }
            Wrong::Wide => format!(
                "{symbol}: {importer} imports it as {wanted}; only 32-bit addresses are supported"
            ),
            Wrong::Tag(first) => {
                let by = first.map_or("an earlier object".into(), |(by, _)| name(by));
                let given = first_tag(request, first, &import);
                format!("{symbol}: {importer} imports it as {wanted}, {by} as {given}")
            }
            Wrong::Circle => format!(
                "{symbol}: {importer} imports it as {wanted}, and what is exported under that name is that import again"
            ),
            Wrong::StackPointer(main) => format!(
                "{symbol}: {importer} needs it, and the main program {} keeps it to itself; link the main program with -Wl,--export={symbol}",
                name(main),
            ),
        }
    }

    /// Tells faults apart whose texts differ. Equal types of an object are one, so that it is enough to look at where they are, and
    /// a long type is not read for each of its uses.
    fn same(&self, request: &Request<'_>, hasher: &RandomState) -> u64 {
        let import = import(request, self.importer, self.import);
        let of_import = import.map(|import| {
            let ty = match import.ty {
                ExternType::Func(sig) | ExternType::Tag(sig) => Err(Arc::as_ptr(sig) as usize),
                other => Ok(other),
            };
            let module = match import.module.as_ref() {
                abi::GOT_MEM | abi::GOT_FUNC => abi::ENV,
                other => other,
            };
            (module, import.name.text(), ty)
        });
        hasher.hash_one((self.importer, self.wrong, of_import))
    }
}

/// The distinct ones of some faults.
#[derive(Default)]
struct Distinct {
    seen: HashSet<u64>,
    texts: HashSet<String>,
    count: usize,
}

impl Distinct {
    /// Whether a fault is new, and among the first `room` of them. The text decides as long as there is room.
    fn is_listed(
        &mut self,
        fault: &Fault,
        request: &Request<'_>,
        hasher: &RandomState,
        room: usize,
    ) -> bool {
        if !self.seen.insert(fault.same(request, hasher)) {
            return false;
        }
        let room = self.count < room;
        if room && !self.texts.insert(fault.text(request)) {
            return false;
        }
        self.count += 1;
        room
    }
}

/// One error for all that is wrong: each fault once, of very many the first ones.
pub fn error(request: &Request<'_>, faults: &[Fault]) -> Error {
    let hasher = RandomState::new();
    let (mut missing, mut clashing) = (Distinct::default(), Distinct::default());
    let (mut undefined, mut clashes) = (Vec::new(), Vec::new());
    for fault in faults {
        if fault.is_undefined() {
            if missing.is_listed(fault, request, &hasher, MAX_UNDEFINED) {
                let import = import(request, fault.importer, fault.import);
                undefined.push(Undefined {
                    symbol: import.map_or("?".to_string(), |import| symbol(&import)),
                    importer: text::name(request.name(fault.importer)).into_owned(),
                    wanted: fault.wanted(request),
                });
            }
        } else if clashing.is_listed(fault, request, &hasher, MAX_SHOWN) {
            clashes.push(fault.text(request));
        }
    }
    const CLASHES: &str = "symbols of the wrong type:";
    let error = match (undefined.is_empty(), clashes.is_empty()) {
        (true, _) => Error::new(Code::TypeMismatch, CLASHES),
        (false, true) => return Error::undefined(undefined, missing.count),
        (false, false) => Error::undefined(undefined, missing.count).line(format!("and {CLASHES}")),
    };
    error.list(clashes, clashing.count)
}

fn import<'a>(request: &Request<'a>, importer: ObjectId, position: u32) -> Option<Import<'a>> {
    let found = request.found(importer)?;
    found.object.imports.get(position as usize)
}

fn item<'a>(request: &Request<'a>, definition: Definition) -> Option<&'a ExportItem> {
    let found = request.found(definition.object)?;
    let export = found.object.exports.get(definition.export as usize)?;
    Some(export.item)
}

fn given(request: &Request<'_>, callee: &Callee) -> String {
    let given = match (callee.export(), callee.id()) {
        (Some(definition), _) => item(request, definition).map(extern_type),
        (None, FuncId::Host(id)) => request.model.host_func(id).cloned().map(ExternType::Func),
        (None, FuncId::Object { .. }) => None,
    };
    given.map_or(String::new(), |given| given.to_string())
}

fn first_tag(request: &Request<'_>, first: Option<(ObjectId, u32)>, of: &Import<'_>) -> String {
    let sig = match first {
        Some((by, position)) => import(request, by, position).and_then(|first| match first.ty {
            ExternType::Tag(sig) => Some(sig),
            _ => None,
        }),
        None => request.model.tags.get(of.name.text()),
    };
    sig.map_or(String::new(), |sig| format!("tag {sig}"))
}

/// The symbol's name, with its module where that is not the linker's; cut, as all names in texts.
fn symbol(import: &Import<'_>) -> String {
    let name = text::name(&import.name);
    match import.module.as_ref() {
        abi::ENV | abi::GOT_MEM | abi::GOT_FUNC => name.into_owned(),
        module => format!("{}.{name}", text::name(module)),
    }
}
