//! Each import of each new object to a [`Binding`], in scope order. All failures are reported together.

use crate::hash_map::HashMap;
use std::ptr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::alias::original;
use super::callee::Callee;
use super::commit::preloaded;
use super::fault::{self, Fault, Use, Wrong};
use super::function::{Target, function, own};
use super::host::HostDef;
use super::index::TOGETHER;
use super::model::{FuncId, ObjectId, Role};
use super::scope::{Defined, Definition, Kind, Lookup, Scope};
use super::{Bind, Request, shared};
use crate::abi;
use crate::error::Result;
use crate::object::{ExportItem, ExternType, FuncType, GlobalType, Import, Imports, Name, ValType};
use crate::text;

/// What an import is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    Memory,
    Table,
    StackPointer,
    MemoryBase,
    TableBase,
    Func(Callee),
    /// A function that is not there. Bound lazily, it is looked up when it is called; a `weak` one traps then otherwise.
    Unresolved {
        weak: bool,
    },
    /// `_initialize` imported by a library without one: does nothing.
    Nothing,
    /// GOT.mem: a datum of an object.
    Data(Definition),
    /// GOT.mem: a number that the linker knows.
    Address(Landmark),
    /// GOT.func: the slot of a function.
    Slot(Callee),
    /// GOT.mem or GOT.func: what the main program says by a function of its own ([`super::Model::provided`]).
    Number(u64),
    /// A function that the main program names by its slot.
    AtSlot(u64),
    /// GOT.mem or GOT.func of a weak undefined symbol.
    Null,
    /// A global, table, memory or tag that an object defines.
    Export(Definition),
    /// A tag of the namespace.
    Tag(#[serde(with = "shared::boxed")] Box<Arc<str>>),
    /// Something else that the host defines.
    Host(u32),
}

const _: () = assert!(size_of::<Binding>() <= 16, "each import has one");

impl Binding {
    /// The object that it leads to.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Binding::Func(callee) | Binding::Slot(callee) => match callee.id() {
                FuncId::Object { object, .. } => Some(object),
                FuncId::Host(_) => None,
            },
            Binding::Data(definition) | Binding::Export(definition) => Some(definition.object),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Landmark {
    StackLow,
    StackHigh,
    HeapBase,
    HeapEnd,
}

pub struct Resolved {
    /// As in [`super::Plan`].
    pub group: Scope,
    /// For each new object, for each import.
    pub bindings: Vec<Vec<Binding>>,
    pub new_tags: Vec<(Arc<str>, Arc<FuncType>)>,
    pub warnings: Vec<String>,
}

/// Bindings, and all that is wrong with them; what is wrong is bound to something of no use.
pub struct Attempt {
    /// For each new object, for each import.
    pub bindings: Vec<Vec<Binding>>,
    pub new_tags: Vec<(Arc<str>, Arc<FuncType>)>,
    pub warnings: Vec<String>,
    pub faults: Vec<Fault>,
}

/// What a module of imports stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Env,
    GotMem,
    GotFunc,
    /// The host alone.
    Other,
}

struct Resolver<'a> {
    request: &'a Request<'a>,
    lookup: Lookup<'a>,
    main: Option<ObjectId>,
    /// The main program imports the stack pointer.
    stack_imported: bool,
    /// The library that translates for modules of emscripten's is there; and the object whose imports are being resolved is one. Both are asked
    /// once, where it matters.
    translates: Option<bool>,
    emscripten: Option<bool>,
    /// Position of the import being resolved.
    import: u32,
    /// The module of the last import, and which it is: they come in runs.
    last_module: Option<(&'a Arc<str>, From)>,
    /// With the import that came first, by object and position.
    new_tags: HashMap<Arc<str>, (Arc<FuncType>, ObjectId, u32)>,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

/// The scopes of the symbols that a load adds, beside the global one.
pub struct Scopes {
    /// Preloads and what they need, where the rest of the load is not global.
    preloaded: Scope,
    group: Scope,
}

impl Scopes {
    pub fn new(request: &Request<'_>) -> Scopes {
        let options = request.options;
        let preloaded = if options.global {
            crate::hash_map::HashSet::default()
        } else {
            preloaded(request.roots, |id| {
                request.found(id).map_or(&[][..], |f| &f.needed)
            })
        };
        let mut scopes = Scopes {
            preloaded: Scope::default(),
            group: Scope::default(),
        };
        for &id in request.group {
            let Some(found) = request.found(id) else {
                continue;
            };
            let global = request.model.nodes.get(&id).is_some_and(|n| n.global);
            if preloaded.contains(&id) && !global {
                scopes.preloaded.push(id, &found.object);
            } else if options.deepbind || !global {
                scopes.group.push(id, &found.object);
            }
        }
        scopes
    }

    pub fn lookup<'a>(&'a self, request: &Request<'a>) -> Lookup<'a> {
        let global = &request.model.global;
        let (preloaded, group) = (Some(&self.preloaded), Some(&self.group));
        Lookup {
            scopes: if request.options.deepbind {
                [group, Some(global), preloaded]
            } else {
                [Some(global), preloaded, group]
            },
        }
    }
}

pub fn resolve(request: &Request<'_>) -> Result<Resolved> {
    let scopes = Scopes::new(request);
    let attempt = attempt(request, &scopes);
    if !attempt.faults.is_empty() {
        return Err(fault::error(request, &attempt.faults));
    }
    Ok(Resolved {
        group: scopes.group,
        bindings: attempt.bindings,
        new_tags: attempt.new_tags,
        warnings: attempt.warnings,
    })
}

pub fn attempt<'a>(request: &'a Request<'a>, scopes: &'a Scopes) -> Attempt {
    let main = request.main();
    let imports = main.and_then(|main| request.found(main));
    let mut imports = imports.iter().flat_map(|found| &found.object.imports);
    let stack_imported =
        imports.any(|i| i.module.as_ref() == abi::ENV && i.name.as_ref() == abi::STACK_POINTER);
    let mut resolver = Resolver {
        request,
        lookup: scopes.lookup(request),
        main,
        stack_imported,
        translates: None,
        emscripten: None,
        import: 0,
        last_module: None,
        new_tags: HashMap::new(),
        faults: Vec::new(),
        warnings: Vec::new(),
    };
    let mut bindings = Vec::with_capacity(request.fresh.len());
    for (id, found) in request.fresh_ids().zip(request.fresh) {
        bindings.push(resolver.object(id, &found.object.imports));
    }
    let new_tags = resolver.new_tags.into_iter();
    let mut new_tags: Vec<_> = new_tags.map(|(name, (sig, ..))| (name, sig)).collect();
    new_tags.sort_by(|a, b| a.0.cmp(&b.0));
    Attempt {
        bindings,
        new_tags,
        warnings: resolver.warnings,
        faults: resolver.faults,
    }
}

impl<'a> Resolver<'a> {
    fn object(&mut self, importer: ObjectId, imports: &'a Imports) -> Vec<Binding> {
        let mut bindings = Vec::with_capacity(imports.len());
        self.emscripten = None;
        let mut all = imports.iter();
        while all.len() > 0 {
            let next = all.clone().take(TOGETHER).map(|import| import.name);
            let firsts = self.lookup.firsts(next, Kind::Symbol);
            for (first, import) in firsts.into_iter().zip(all.by_ref()) {
                self.import = bindings.len() as u32;
                // Nearly all are bound so. Each way writes what it finds at once.
                match self.plain(import, first.as_ref()) {
                    Some(callee) => bindings.push(Binding::Func(callee)),
                    None => bindings.push(self.import(importer, import, first)),
                }
            }
        }
        bindings
    }

    /// The function of an object's that an import is bound to whose type is as wanted, where nothing else has a say.
    #[inline]
    fn plain(&mut self, import: Import<'a>, first: Option<&Defined<'a>>) -> Option<Callee> {
        let ExternType::Func(wanted) = import.ty else {
            return None;
        };
        let translates = self.translates != Some(false);
        if translates || self.from(import.module) != From::Env {
            return None;
        }
        let (callee, sig) = own(first?)?;
        let host = self.request.model.host.get(abi::ENV, import.name);
        (host.is_none() && sig == wanted).then_some(callee)
    }

    /// `first` is the first definition of a symbol of the import's name.
    #[inline(never)]
    fn import(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        first: Option<Defined<'a>>,
    ) -> Binding {
        let from = self.from(import.module);
        let (import, first) = match self.translated(importer, import, from) {
            Some(import) => (import, self.lookup.first(import.name, Kind::Symbol)),
            None => (import, first),
        };
        match (from, import.ty) {
            (From::GotMem, ExternType::Global(ty)) => self.got_mem(importer, import, ty, first),
            (From::GotFunc, ExternType::Global(ty)) => self.got_func(importer, import, ty, first),
            (From::Env, ty) => match linker_provided(&import.name, ty) {
                Some(Binding::StackPointer) => self.stack_pointer(importer, import),
                Some(binding) => binding,
                None => self.env(importer, import, first),
            },
            _ => self.host_only(importer, import),
        }
    }

    fn from(&mut self, module: &'a Arc<str>) -> From {
        if let Some((last, from)) = self.last_module
            && ptr::eq(last, module)
        {
            return from;
        }
        let from = match module.as_ref() {
            abi::ENV => From::Env,
            abi::GOT_MEM => From::GotMem,
            abi::GOT_FUNC => From::GotFunc,
            _ => From::Other,
        };
        self.last_module = Some((module, from));
        from
    }

    /// The import by the name under which the functions are that translate for modules of emscripten's, if this is one, and they are there.
    fn translated(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        from: From,
    ) -> Option<Import<'a>> {
        let is_function = matches!(import.ty, ExternType::Func(_)) && from == From::Env;
        if !is_function && from != From::GotFunc {
            return None;
        }
        let lookup = self.lookup;
        let any = || {
            let mut all = abi::EMSCRIPTEN_INSTEAD.into_iter();
            all.any(|(_, name)| lookup.first(Name::new(name), Kind::Symbol).is_some())
        };
        if !*self.translates.get_or_insert_with(any) {
            return None;
        }
        let mut known = abi::EMSCRIPTEN_INSTEAD.into_iter();
        let (_, name) = known.find(|(name, _)| *name == import.name.text())?;
        let name = Name::new(name);
        // What translates means the real one.
        let first = self.lookup.first(name, Kind::Symbol)?;
        if first.definition.object == importer {
            return None;
        }
        let host = self.request.model.host.get(abi::ENV, import.name);
        if host.is_some_and(|(_, def)| def.overrides(None)) {
            return None;
        }
        let found = self.request.found(importer)?;
        let made = || found.object.of_emscripten().next().is_some();
        self.emscripten
            .get_or_insert_with(made)
            .then_some(Import { name, ..import })
    }

    fn env(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        first: Option<Defined<'a>>,
    ) -> Binding {
        let host = self.request.model.host.get(abi::ENV, import.name);
        let kind = Kind::of_import(import.ty);
        let same_kind = |def: &HostDef| Kind::of_import(&def.ty) == kind;
        let overriding = host.filter(|(_, def)| same_kind(def));
        if let Some((id, def)) = overriding.filter(|(_, def)| def.overrides(Some(import.ty))) {
            return self.host(importer, import, id, &def.ty);
        }
        match import.ty {
            ExternType::Func(wanted) => {
                match function(self.request, self.lookup, import.name, first) {
                    Target::Func(callee, sig) if sig == wanted => return Binding::Func(callee),
                    Target::Func(callee, _) => {
                        if let Some(own) = self.own_func(importer, import, |own| own == &**wanted) {
                            self.prefer_own(importer, import, callee.export());
                            return Binding::Func(own);
                        }
                        self.wrong(importer, Wrong::Callee(callee));
                        return Binding::Func(callee);
                    }
                    Target::Other(definition) => {
                        if let Some(own) = self.own_func(importer, import, |own| own == &**wanted) {
                            self.prefer_own(importer, import, Some(definition));
                            return Binding::Func(own);
                        }
                        return self.export(importer, import.ty, definition);
                    }
                    Target::None => {}
                }
            }
            wanted => {
                if let Some(first) = self.lookup.first(import.name, kind) {
                    return self.export(importer, wanted, first.definition);
                }
            }
        }
        if let (ExternType::Func(_), Some(slot)) = (import.ty, self.provided(import)) {
            return Binding::AtSlot(slot);
        }
        if let Some((id, def)) = host {
            return self.host(importer, import, id, &def.ty);
        }
        match import.ty {
            ExternType::Func(sig)
                if sig.params.is_empty()
                    && sig.results.is_empty()
                    && [abi::INITIALIZE, abi::CALL_CTORS].contains(&import.name.as_ref()) =>
            {
                let name = text::name(self.request.name(importer));
                let warning = format!(
                    "{name} imports {}, so it was linked without its start files (-nostartfiles) and its constructors are lost",
                    import.name
                );
                // An object may import it any number of times.
                if self.warnings.last() != Some(&warning) {
                    self.warnings.push(warning);
                }
                Binding::Nothing
            }
            ExternType::Tag(sig)
                if [abi::CPP_EXCEPTION, abi::C_LONGJMP].contains(&import.name.as_ref()) =>
            {
                self.namespace_tag(importer, import, sig)
            }
            _ => self.missing(importer, import),
        }
    }

    fn host_only(&mut self, importer: ObjectId, import: Import<'a>) -> Binding {
        match self.request.model.host.get(import.module, import.name) {
            Some((id, def)) => self.host(importer, import, id, &def.ty),
            None => self.missing(importer, import),
        }
    }

    fn host(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        id: u32,
        ty: &ExternType,
    ) -> Binding {
        match (import.ty, ty) {
            (ExternType::Func(wanted), ExternType::Func(given)) => {
                if wanted != given {
                    self.wrong(importer, Wrong::Host(id));
                }
                Binding::Func(Callee::host(id))
            }
            (wanted, given) => {
                if !accepts(wanted, given) {
                    self.wrong(importer, Wrong::Host(id));
                }
                Binding::Host(id)
            }
        }
    }

    fn got_mem(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        ty: &GlobalType,
        first: Option<Defined<'a>>,
    ) -> Binding {
        if let Some(binding) = self.host_got(importer, import, ty) {
            return binding;
        }
        if let Some(first) = first {
            let definition = first.definition;
            if let ExportItem::Data(_) = first.item {
                return Binding::Data(definition);
            }
            let own = self.own(importer, import);
            let is_datum = |&own: &Definition| matches!(self.item(own), Some(ExportItem::Data(_)));
            return match own.filter(is_datum) {
                Some(own) => {
                    self.prefer_own(importer, import, Some(definition));
                    Binding::Data(own)
                }
                None => self.misused(importer, Use::Data, definition),
            };
        }
        if let Some(address) = self.provided(import) {
            return Binding::Number(address);
        }
        let landmark = match import.name.as_ref() {
            abi::HEAP_BASE => Some(Landmark::HeapBase),
            abi::HEAP_END => Some(Landmark::HeapEnd),
            abi::STACK_LOW => Some(Landmark::StackLow),
            abi::STACK_HIGH => Some(Landmark::StackHigh),
            _ => None,
        };
        match landmark {
            // A fixed main laid its own stack out; only its exports could tell where.
            Some(Landmark::StackLow | Landmark::StackHigh) if self.fixed_main().is_some() => {}
            Some(landmark) => return Binding::Address(landmark),
            None => {}
        }
        if !import.weak {
            self.wrong(importer, Wrong::Undefined(Use::Data));
        }
        Binding::Null
    }

    fn got_func(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        ty: &GlobalType,
        first: Option<Defined<'a>>,
    ) -> Binding {
        if let Some(binding) = self.host_got(importer, import, ty) {
            return binding;
        }
        let host = self.request.model.host_callee(abi::ENV, import.name);
        let host_callee = host.map(|(callee, _, def)| (callee, def.overrides(None)));
        if let Some((callee, true)) = host_callee {
            return Binding::Slot(callee);
        }
        match function(self.request, self.lookup, import.name, first) {
            Target::Func(callee, sig) => {
                // The type that the importer calls it by is that of its own definition.
                let own = self.own_func(importer, import, |own| *own != **sig);
                let Some(own) = own.filter(|own| own.id() != callee.id()) else {
                    return Binding::Slot(callee);
                };
                self.prefer_own(importer, import, callee.export());
                return Binding::Slot(own);
            }
            Target::Other(definition) => {
                if let Some(own) = self.own_func(importer, import, |_| true) {
                    self.prefer_own(importer, import, Some(definition));
                    return Binding::Slot(own);
                }
                return self.misused(importer, Use::Function, definition);
            }
            Target::None => {}
        }
        if let Some(slot) = self.provided(import) {
            return Binding::Number(slot);
        }
        if let Some((callee, _)) = host_callee {
            return Binding::Slot(callee);
        }
        if !import.weak {
            self.wrong(importer, Wrong::Undefined(Use::Function));
        }
        Binding::Null
    }

    fn provided(&self, import: Import<'a>) -> Option<u64> {
        self.request.model.provided.get(import.name.text()).copied()
    }

    /// The first definition of an address's symbol is of the wrong kind.
    fn misused(&mut self, importer: ObjectId, used: Use, definition: Definition) -> Binding {
        self.wrong(importer, Wrong::Definition(used, definition));
        Binding::Null
    }

    /// A GOT entry that the host defines itself, under the GOT's own module name.
    fn host_got(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        ty: &GlobalType,
    ) -> Option<Binding> {
        if ty.content != ValType::I32 {
            self.wrong(importer, Wrong::Wide);
            return Some(Binding::Null);
        }
        let (id, def) = self.request.model.host.get(import.module, import.name)?;
        Some(self.host(importer, import, id, &def.ty))
    }

    fn export(
        &mut self,
        importer: ObjectId,
        wanted: &ExternType,
        definition: Definition,
    ) -> Binding {
        let given = self.item(definition).map(extern_type);
        if !given.is_some_and(|given| accepts(wanted, &given)) {
            self.wrong(importer, Wrong::Definition(Use::Import, definition));
        }
        if !matches!(wanted, ExternType::Table(_) | ExternType::Memory(_)) {
            return Binding::Export(definition);
        }
        original(self.request, self.lookup, definition).unwrap_or_else(|| {
            self.wrong(importer, Wrong::Circle);
            Binding::Export(definition)
        })
    }

    /// The importer's own definition of the symbol that it imports. An object imports what it defines where the definition
    /// is weak: a strong one is bound by the static linker (wasm-ld notes no binding of exports in `export_info`).
    fn own(&self, importer: ObjectId, import: Import<'a>) -> Option<Definition> {
        let found = self.request.found(importer)?;
        let export = Kind::Symbol.export_of(&found.object, import.name)?;
        let symbol = !abi::LIFECYCLE.contains(&import.name.as_ref());
        symbol.then_some(Definition {
            object: importer,
            export,
        })
    }

    /// That definition, if it is a function whose type is as asked.
    fn own_func(
        &self,
        importer: ObjectId,
        import: Import<'a>,
        fits: impl Fn(&FuncType) -> bool,
    ) -> Option<Callee> {
        let definition = self.own(importer, import)?;
        let object = &self.request.found(importer)?.object;
        let index = object.defined_func(definition.export)?;
        let sig = object.func_type(definition.export)?;
        fits(&sig).then(|| Callee::exported(definition, index))
    }

    /// The first definition is of another type, as where a program happens to have a name of libc's: the importer gets its own.
    fn prefer_own(&mut self, importer: ObjectId, import: Import<'a>, first: Option<Definition>) {
        let definer = first.map_or("the host", |first| self.request.name(first.object));
        self.warnings.push(format!(
            "{}: {} uses its own definition, since the first one, of {}, is of another type",
            text::name(&import.name),
            text::name(self.request.name(importer)),
            text::name(definer),
        ));
    }

    fn stack_pointer(&mut self, importer: ObjectId, import: Import<'a>) -> Binding {
        let Some((main, found)) = self.fixed_main() else {
            return Binding::StackPointer;
        };
        if found.stack_pointer.is_some() || importer == main {
            return Binding::StackPointer;
        }
        if self.stack_imported {
            return Binding::StackPointer;
        }
        let object = &found.object;
        match object.position(abi::STACK_POINTER) {
            Some(export) => {
                let object = main;
                let definition = Definition { object, export };
                self.export(importer, import.ty, definition)
            }
            None => {
                self.wrong(importer, Wrong::StackPointer(main));
                Binding::StackPointer
            }
        }
    }

    fn fixed_main(&self) -> Option<(ObjectId, &'a super::Found)> {
        let main = self.main?;
        let found = self.request.found(main)?;
        (found.role == Role::FixedMain).then_some((main, found))
    }

    fn namespace_tag(
        &mut self,
        importer: ObjectId,
        import: Import<'a>,
        sig: &Arc<FuncType>,
    ) -> Binding {
        let position = self.import;
        let (known, first) = match self.request.model.tags.get(import.name.text()) {
            Some(known) => (known, None),
            None => {
                let first = || (sig.clone(), importer, position);
                let new = self.new_tags.entry(import.name.text().into());
                let (known, by, position) = new.or_insert_with(first);
                (&*known, Some((*by, *position)))
            }
        };
        if known != sig {
            self.wrong(importer, Wrong::Tag(first));
        }
        Binding::Tag(Box::new(import.name.text().into()))
    }

    fn item(&self, definition: Definition) -> Option<&'a ExportItem> {
        let found = self.request.found(definition.object)?;
        let export = found.object.exports.get(definition.export as usize)?;
        Some(export.item)
    }

    fn missing(&mut self, importer: ObjectId, import: Import<'a>) -> Binding {
        if let ExternType::Func(_) = import.ty {
            if import.weak {
                return Binding::Unresolved { weak: true };
            }
            if self.request.options.bind == Bind::Lazy {
                return Binding::Unresolved { weak: false };
            }
        }
        self.wrong(importer, Wrong::Undefined(Use::Import));
        Binding::Unresolved { weak: true }
    }

    fn wrong(&mut self, importer: ObjectId, wrong: Wrong) {
        self.faults.push(Fault {
            importer,
            import: self.import,
            wrong,
        });
    }
}

pub fn linker_provided(name: &str, ty: &ExternType) -> Option<Binding> {
    match (name, ty) {
        (abi::MEMORY, ExternType::Memory(_)) => Some(Binding::Memory),
        (abi::INDIRECT_FUNCTION_TABLE, ExternType::Table(_)) => Some(Binding::Table),
        (abi::STACK_POINTER, ExternType::Global(_)) => Some(Binding::StackPointer),
        (abi::MEMORY_BASE, ExternType::Global(_)) => Some(Binding::MemoryBase),
        (abi::TABLE_BASE | abi::TABLE_BASE_32, ExternType::Global(_)) => Some(Binding::TableBase),
        _ => None,
    }
}

pub fn extern_type(item: &ExportItem) -> ExternType {
    match item {
        ExportItem::Func { sig, .. } => ExternType::Func(sig.clone()),
        ExportItem::Data(datum) => ExternType::Global(datum.ty()),
        ExportItem::Global { ty, .. } => ExternType::Global(**ty),
        ExportItem::Table { ty, .. } => ExternType::Table(ty.clone()),
        ExportItem::Memory { ty, .. } => ExternType::Memory(ty.clone()),
        ExportItem::Tag { sig, .. } => ExternType::Tag(sig.clone()),
    }
}

/// What an export is, for people.
pub fn describe(item: &ExportItem) -> String {
    match item {
        ExportItem::Data(datum) if datum.ty().content == ValType::I32 => "data".to_string(),
        other => extern_type(other).to_string(),
    }
}

/// Whether an import of type `wanted` takes something of type `given` (core specification, import matching).
fn accepts(wanted: &ExternType, given: &ExternType) -> bool {
    let limits = |w: crate::object::Limits, g: crate::object::Limits| {
        g.min >= w.min
            && match (w.max, g.max) {
                (None, _) => true,
                (Some(w), Some(g)) => g <= w,
                (Some(_), None) => false,
            }
    };
    match (wanted, given) {
        (ExternType::Func(w), ExternType::Func(g)) | (ExternType::Tag(w), ExternType::Tag(g)) => {
            w == g
        }
        (ExternType::Global(w), ExternType::Global(g)) => w == g,
        (ExternType::Table(w), ExternType::Table(g)) => {
            w.element == g.element && w.table64 == g.table64 && limits(w.limits, g.limits)
        }
        (ExternType::Memory(w), ExternType::Memory(g)) => {
            w.shared == g.shared && w.memory64 == g.memory64 && limits(w.limits, g.limits)
        }
        _ => false,
    }
}
