//! Who defines each symbol, and who uses it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::abi;
use crate::object::{Export, ExportItem, ExternType, Import};
use crate::plan::{Attempt, Binding, Fault, FuncId, ObjectId, Request, Scopes, attempt, describe};

use super::Survey;

/// What becomes of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymbolState {
    /// Nobody imports it.
    Unused,
    /// Its users are bound to its first definition.
    Bound,
    /// Undefined, which its users allow.
    WeakUndefined,
    /// Undefined, and to be looked up when it is called.
    Lazy,
    Undefined,
    /// Used and defined with different types.
    Clash,
}

/// What a symbol is defined or used as: `func (i32) -> i32`, `data`.
#[derive(Clone, Debug, PartialEq)]
pub enum What<'a> {
    Item(&'a ExportItem),
    Import(&'a ExternType),
    Host(ExternType),
    Word(&'static str),
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Item(item) => f.write_str(&describe(item)),
            What::Import(ty) => ty.fmt(f),
            What::Host(ty) => ty.fmt(f),
            What::Word(word) => f.write_str(word),
        }
    }
}

/// A definition.
#[derive(Clone, Debug)]
pub struct Definer<'a> {
    /// `None`: the host, or the linker.
    pub object: Option<ObjectId>,
    pub what: What<'a>,
    pub weak: bool,
    /// An import that is exported again.
    pub alias: bool,
}

/// An import.
#[derive(Clone, Debug)]
pub struct User<'a> {
    pub object: ObjectId,
    pub what: What<'a>,
    pub weak: bool,
    /// What it is bound to; `None`: nothing, or no object's.
    pub bound: Option<ObjectId>,
    fault: Option<Fault>,
}

impl User<'_> {
    /// Whether another import is the same use once more.
    pub fn is_as(&self, other: &User<'_>) -> bool {
        let wrong = |user: &User<'_>| user.fault.map(|fault| fault.wrong);
        let of = |user: &User<'_>| (user.object, user.weak, user.bound, wrong(user));
        of(self) == of(other) && self.what == other.what
    }
}

/// An import or an export, by its place: a symbol is the run of all that have its name.
#[derive(Clone, Copy)]
struct Row {
    object: ObjectId,
    position: u32,
    exported: bool,
}

/// All symbols of a program, by name. What every object imports of the linker (the memory, base addresses) is left out.
///
/// Texts are made as they are shown: types may be long, and many symbols may have the same.
pub struct Symbols<'a> {
    request: Request<'a>,
    attempt: Attempt,
    rows: Vec<Row>,
}

pub struct SymbolUses<'a> {
    all: &'a Symbols<'a>,
    /// Uses first, then definitions.
    rows: &'a [Row],
}

impl<'a> Symbols<'a> {
    pub fn of(survey: &'a Survey) -> Symbols<'a> {
        let request = survey.request();
        let scopes = Scopes::new(&request);
        let attempt = attempt(&request, &scopes);
        let mut rows = Vec::new();
        for (id, bindings) in request.fresh_ids().zip(&attempt.bindings) {
            let uses = bindings.iter().zip(0..);
            let uses = uses.filter(|(binding, _)| !is_of_the_linker(binding));
            rows.extend(uses.map(|(_, position)| Row {
                object: id,
                position,
                exported: false,
            }));
        }
        for &id in request.group {
            let exports = request.found(id).into_iter();
            let exports = exports.flat_map(|found| &found.object.exports).zip(0..);
            let symbols = exports.filter(|(e, _)| !abi::LIFECYCLE.contains(&e.name.as_ref()));
            rows.extend(symbols.map(|(_, position)| Row {
                object: id,
                position,
                exported: true,
            }));
        }
        let mut symbols = Symbols {
            request,
            attempt,
            rows: Vec::new(),
        };
        rows.sort_by(|a, b| symbols.order(*a, *b));
        symbols.rows = rows;
        symbols
    }

    pub fn iter(&self) -> impl Iterator<Item = SymbolUses<'_>> {
        let same = |a: &Row, b: &Row| self.order(*a, *b) == Ordering::Equal;
        let runs = self.rows.chunk_by(same);
        runs.map(|rows| SymbolUses { all: self, rows })
    }

    fn import(&self, row: Row) -> Option<Import<'_>> {
        let found = self.request.found(row.object)?;
        found.object.imports.get(row.position as usize)
    }

    fn export(&self, row: Row) -> Option<Export<'_>> {
        let found = self.request.found(row.object)?;
        found.object.exports.get(row.position as usize)
    }

    /// Module, where it is not the dynamic linker's, and name.
    fn name(&self, row: Row) -> (Option<&str>, &str) {
        if row.exported {
            return (
                None,
                self.export(row).map_or("", |export| export.name.text()),
            );
        }
        match self.import(row) {
            Some(import) => match import.module.as_ref() {
                abi::ENV | abi::GOT_MEM | abi::GOT_FUNC => (None, import.name.text()),
                module => (Some(module), import.name.text()),
            },
            None => (None, ""),
        }
    }

    /// As the whole names are ordered.
    fn order(&self, a: Row, b: Row) -> Ordering {
        fn bytes<'n>((module, name): (Option<&'n str>, &'n str)) -> impl Iterator<Item = &'n u8> {
            let module = module
                .into_iter()
                .flat_map(|module| module.as_bytes().iter().chain(b"."));
            module.chain(name.as_bytes())
        }
        match (self.name(a), self.name(b)) {
            ((None, a), (None, b)) => a.cmp(b),
            (a, b) => bytes(a).cmp(bytes(b)),
        }
    }

    fn binding(&self, row: Row) -> Option<&Binding> {
        let bindings = self
            .attempt
            .bindings
            .get(self.request.fresh_index(row.object)?)?;
        bindings.get(row.position as usize)
    }

    /// Faults are in the order of objects and their imports.
    fn fault(&self, row: Row) -> Option<Fault> {
        let faults = &self.attempt.faults;
        let wanted = (row.object, row.position);
        let at = faults.partition_point(|fault| (fault.importer, fault.import) < wanted);
        let fault = faults.get(at)?;
        ((fault.importer, fault.import) == wanted).then_some(*fault)
    }

    /// The definition of what no object defines.
    fn host(&self, row: Row) -> Option<Definer<'_>> {
        let import = self.import(row)?;
        let what = match self.binding(row)? {
            Binding::Func(callee) | Binding::Slot(callee) => match callee.id() {
                FuncId::Host(id) => {
                    What::Host(ExternType::Func(self.request.model.host_func(id)?.clone()))
                }
                FuncId::Object { .. } => return None,
            },
            Binding::Host(id) => What::Import(&self.request.model.host.defs.get(*id as usize)?.ty),
            Binding::Address(_) => What::Word("data"),
            Binding::Tag(_) | Binding::Nothing => What::Import(import.ty),
            _ => return None,
        };
        Some(Definer {
            object: None,
            what,
            weak: false,
            alias: false,
        })
    }
}

impl SymbolUses<'_> {
    /// With its module, where that is not the dynamic linker's.
    pub fn name(&self) -> Cow<'_, str> {
        match self.rows.first().map(|&row| self.all.name(row)) {
            Some((Some(module), name)) => format!("{module}.{name}").into(),
            Some((None, name)) => name.into(),
            None => "".into(),
        }
    }

    fn uses(&self) -> impl Iterator<Item = Row> {
        self.rows.iter().copied().filter(|row| !row.exported)
    }

    pub fn state(&self) -> SymbolState {
        let state = |row| match (self.all.fault(row), self.all.binding(row)) {
            (Some(fault), _) if fault.is_undefined() => SymbolState::Undefined,
            (Some(_), _) => SymbolState::Clash,
            (None, Some(Binding::Null | Binding::Unresolved { weak: true })) => {
                SymbolState::WeakUndefined
            }
            (None, Some(Binding::Unresolved { weak: false })) => SymbolState::Lazy,
            _ => SymbolState::Bound,
        };
        self.uses().map(state).max().unwrap_or(SymbolState::Unused)
    }

    /// In scope order: the first one wins.
    pub fn definitions(&self) -> impl Iterator<Item = Definer<'_>> {
        let host = self.uses().find_map(|row| self.all.host(row));
        let exported = self.rows.iter().filter(|row| row.exported);
        let exported = exported.filter_map(|&row| {
            let found = self.all.request.found(row.object)?;
            let export = self.all.export(row)?;
            let imported = found.object.imported_funcs;
            Some(Definer {
                object: Some(row.object),
                what: What::Item(export.item),
                weak: export.weak,
                alias: matches!(&export.item, ExportItem::Func { index, .. } if *index < imported),
            })
        });
        host.into_iter().chain(exported)
    }

    pub fn users(&self) -> impl Iterator<Item = User<'_>> {
        self.uses().filter_map(|row| {
            let import = self.all.import(row)?;
            Some(User {
                object: row.object,
                what: match import.module.as_ref() {
                    abi::GOT_MEM => What::Word("data"),
                    abi::GOT_FUNC => What::Word("address of a function"),
                    _ => What::Import(import.ty),
                },
                weak: import.weak,
                bound: self.all.binding(row).and_then(Binding::object),
                fault: self.all.fault(row),
            })
        })
    }

    /// What is wrong with a use.
    pub fn fault(&self, user: &User<'_>) -> Option<String> {
        let (fault, request) = (user.fault?, &self.all.request);
        Some(match fault.is_undefined() {
            true => format!("undefined {}", fault.wanted(request)),
            false => fault.text(request),
        })
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
