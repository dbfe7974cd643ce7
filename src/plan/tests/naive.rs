//! A linker as simple as can be, written from docs/DESIGN.md alone: what the planner is compared with.

use std::collections::HashSet;

use super::draft::I32;
use crate::abi;
use crate::error::Undefined;
use crate::object::*;
use crate::plan::*;
use crate::text;

/// The objects whose symbols a load sees, in order.
pub struct Naive<'a> {
    request: &'a Request<'a>,
    order: Vec<ObjectId>,
}

/// What an import should be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    Func(FuncId),
    /// A datum of an object.
    Data(ObjectId, ConstValue),
    /// Something else of an object.
    Other(ObjectId, ExportItem),
    Host(u32),
    /// The linker's own, or nothing that a symbol table could tell.
    Linker,
    Undefined,
    Clash,
}

impl<'a> Naive<'a> {
    pub fn new(request: &'a Request<'a>) -> Naive<'a> {
        let global = request.model.global.order().to_vec();
        let mut preloaded = Vec::new();
        if !request.options.global {
            let mut open: Vec<ObjectId> = request.roots.iter().skip(1).copied().collect();
            while let Some(id) = open.pop() {
                if !preloaded.contains(&id) {
                    preloaded.push(id);
                    open.extend(&request.found(id).unwrap().needed);
                }
            }
        }
        let in_group = |id: &&ObjectId| preloaded.contains(id);
        let preloaded: Vec<ObjectId> = request.group.iter().filter(in_group).copied().collect();
        let group = request.group.to_vec();
        let parts = if request.options.deepbind {
            let own = |id: &ObjectId| !preloaded.contains(id);
            [
                group.iter().copied().filter(own).collect(),
                global,
                preloaded,
            ]
        } else {
            [global, preloaded, group]
        };
        let mut seen = HashSet::new();
        let order = parts
            .concat()
            .into_iter()
            .filter(|id| seen.insert(*id))
            .collect();
        Naive { request, order }
    }

    /// The definitions of a name that an import of `ty` could take; `None`: a GOT entry.
    fn definitions(
        &self,
        name: &'a str,
        ty: Option<&ExternType>,
    ) -> impl Iterator<Item = (ObjectId, &'a ExportItem)> {
        let of_c = matches!(ty, None | Some(ExternType::Func(_)));
        let discriminant = ty.map(std::mem::discriminant);
        let takes = move |item: &ExportItem| match item {
            ExportItem::Func { .. } => of_c,
            ExportItem::Data(_) | ExportItem::Global { .. } if of_c => {
                item.global_type() == Some(I32)
            }
            other => {
                let given = super::super::resolve::extern_type(other);
                discriminant == Some(std::mem::discriminant(&given))
            }
        };
        let objects = self
            .order
            .iter()
            .filter_map(|&id| Some((id, self.request.found(id)?)));
        objects.filter_map(move |(id, found)| {
            let symbol = !abi::LIFECYCLE.contains(&name);
            let mut exports = found.object.exports.iter();
            let export = exports.find(|e| symbol && e.name.as_ref() == name)?;
            takes(export.item).then_some((id, export.item))
        })
    }

    fn host(&self, module: &str, name: &str, overriding: bool) -> Option<Want> {
        let (id, def) = self.request.model.host.get(module, Name::new(name))?;
        let at_this_point =
            module != abi::ENV || (def.precedence == Precedence::Before) == overriding;
        at_this_point.then_some(match def.ty {
            ExternType::Func(_) => Want::Func(FuncId::Host(id)),
            _ => Want::Host(id),
        })
    }

    /// What a name leads to where a function is wanted.
    pub fn function(&self, name: &'a str, passed: &mut HashSet<(ObjectId, &'a str)>) -> Want {
        if let Some(host) = self.host(abi::ENV, name, true) {
            return host;
        }
        for (object, item) in self.definitions(name, None) {
            let ExportItem::Func { index, .. } = item else {
                return Want::Clash;
            };
            let found = self.request.found(object).unwrap();
            let Some(position) = found.object.import_of_func(*index) else {
                let index = *index;
                return Want::Func(FuncId::Object { object, index });
            };
            if let Some(node) = self.request.model.nodes.get(&object) {
                match &node.bindings[position as usize] {
                    Binding::Func(callee) => return Want::Func(callee.id()),
                    _ => continue,
                }
            }
            if !passed.insert((object, name)) {
                continue;
            }
            let import = found.object.imports.get(position as usize).unwrap();
            let next = match import.module.as_ref() {
                abi::ENV => self.function(import.name.text(), passed),
                module => self
                    .host(module, &import.name, false)
                    .unwrap_or(Want::Undefined),
            };
            match next {
                Want::Undefined => {}
                known => return known,
            }
        }
        self.host(abi::ENV, name, false).unwrap_or(Want::Undefined)
    }

    /// Where the first definition is of another type than the import, the importer's own one, if that fits.
    pub fn import(&self, importer: ObjectId, import: Import<'a>) -> Want {
        let found = self.request.found(importer).unwrap();
        let import = self.instead(importer, import).unwrap_or(import);
        let first = self.first(import);
        let name = import.name.text();
        let own = found.object.export(name);
        let own = own.filter(|_| !abi::LIFECYCLE.contains(&name));
        let own_func = own.and_then(|own| match own.item {
            ExportItem::Func { index, sig } if found.object.import_of_func(*index).is_none() => {
                let index = *index;
                let object = importer;
                Some((FuncId::Object { object, index }, sig))
            }
            _ => None,
        });
        let given = match &first {
            Want::Func(FuncId::Object { .. }) => self.type_of(name),
            _ => None,
        };
        match (import.module.as_ref(), import.ty, &first, own_func) {
            (abi::ENV, ExternType::Func(wanted), Want::Func(FuncId::Object { .. }), _)
                if given.as_ref() == Some(wanted) =>
            {
                first
            }
            (
                abi::ENV,
                ExternType::Func(wanted),
                Want::Func(FuncId::Object { .. }) | Want::Clash,
                Some((own, sig)),
            ) if sig == wanted => Want::Func(own),
            (abi::GOT_FUNC, _, Want::Clash, Some((own, _))) => Want::Func(own),
            (abi::GOT_FUNC, _, Want::Func(FuncId::Object { .. }), Some((own, sig)))
                if given.as_ref() != Some(sig) =>
            {
                Want::Func(own)
            }
            (abi::GOT_MEM, _, Want::Clash, _) => match own.map(|own| own.item) {
                Some(ExportItem::Data(datum)) if datum.ty().content == ValType::I32 => {
                    Want::Data(importer, datum.value())
                }
                _ => first,
            },
            _ => first,
        }
    }

    /// What a module of emscripten's gets where somebody translates, and no host has the last word.
    fn instead(&self, importer: ObjectId, import: Import<'a>) -> Option<Import<'a>> {
        let wanted = match import.ty {
            ExternType::Func(_) => abi::ENV,
            _ => abi::GOT_FUNC,
        };
        let found = self.request.found(importer)?;
        let instead = |&&(name, _): &&(&str, &str)| name == import.name.text();
        let (_, name) = abi::EMSCRIPTEN_INSTEAD.iter().find(instead)?;
        let (definer, _) = self.definitions(name, None).next()?;
        let fits = import.module.as_ref() == wanted
            && definer != importer
            && found.object.of_emscripten().count() > 0
            && self.host(abi::ENV, import.name.text(), true).is_none();
        fits.then_some(Import {
            name: Name::new(name),
            ..import
        })
    }

    /// The type of the first function of a name: that of the function behind all re-exports.
    fn type_of(&self, name: &'a str) -> Option<std::sync::Arc<FuncType>> {
        let Want::Func(FuncId::Object { object, index }) = self.function(name, &mut HashSet::new())
        else {
            return None;
        };
        let object = &self.request.found(object)?.object;
        object.exports.iter().find_map(|export| match export.item {
            ExportItem::Func { index: of, sig } if *of == index => Some(sig.clone()),
            _ => None,
        })
    }

    fn has_fixed_main(&self) -> bool {
        let main = self.request.main();
        let found = main.and_then(|main| self.request.found(main));
        found.is_some_and(|found| found.role == Role::FixedMain)
    }

    fn first(&self, import: Import<'a>) -> Want {
        let name = import.name.text();
        match (import.module.as_ref(), import.ty) {
            (abi::GOT_FUNC | abi::GOT_MEM, ExternType::Global(ty))
                if ty.content != ValType::I32 =>
            {
                Want::Clash
            }
            (abi::GOT_FUNC, ExternType::Global(_)) => {
                let host = self.host(abi::GOT_FUNC, name, false);
                host.unwrap_or_else(|| self.function(name, &mut HashSet::new()))
            }
            (abi::GOT_MEM, ExternType::Global(_)) => {
                if let Some(host) = self.host(abi::GOT_MEM, name, false) {
                    return host;
                }
                match self.definitions(name, None).next() {
                    Some((object, ExportItem::Data(datum)))
                        if datum.ty().content == ValType::I32 =>
                    {
                        Want::Data(object, datum.value())
                    }
                    Some(_) => Want::Clash,
                    None if ["__heap_base", "__heap_end"].contains(&name) => Want::Linker,
                    // A program at fixed addresses laid its own stack out.
                    None if ["__stack_low", "__stack_high"].contains(&name)
                        && !self.has_fixed_main() =>
                    {
                        Want::Linker
                    }
                    None => Want::Undefined,
                }
            }
            (abi::ENV, ExternType::Func(sig)) => {
                let bare = sig.params.is_empty() && sig.results.is_empty();
                match self.function(name, &mut HashSet::new()) {
                    Want::Undefined if bare && CONSTRUCTORS.contains(&name) => Want::Linker,
                    want => want,
                }
            }
            (abi::ENV, _) if LINKER.contains(&name) => Want::Linker,
            (abi::ENV, _) => {
                let overriding = self.host(abi::ENV, name, true);
                let object = || {
                    let (object, item) = self.definitions(name, Some(import.ty)).next()?;
                    Some(self.behind(object, item))
                };
                let host = || self.host(abi::ENV, name, false);
                let tag = TAGS.contains(&name) && matches!(import.ty, ExternType::Tag(_));
                let nobody = if tag { Want::Linker } else { Want::Undefined };
                overriding.or_else(object).or_else(host).unwrap_or(nobody)
            }
            (module, _) => self.host(module, name, false).unwrap_or(Want::Undefined),
        }
    }

    /// A table or memory that is an import exported again is what that import is bound to.
    fn behind(&self, object: ObjectId, item: &'a ExportItem) -> Want {
        let imports = &self.request.found(object).unwrap().object.imports;
        let of = |want: fn(&ExternType) -> bool, index: u32| {
            imports.iter().filter(|i| want(i.ty)).nth(index as usize)
        };
        let import = match item {
            ExportItem::Table { index, .. } => of(|ty| matches!(ty, ExternType::Table(_)), *index),
            ExportItem::Memory { index, .. } => {
                of(|ty| matches!(ty, ExternType::Memory(_)), *index)
            }
            _ => None,
        };
        import.map_or_else(
            || Want::Other(object, item.clone()),
            |import| self.first(import),
        )
    }

    /// The imports that nothing defines and that may not stay so.
    pub fn undefined(&self) -> Vec<Undefined> {
        let mut all: Vec<Undefined> = Vec::new();
        for found in self.request.fresh {
            for import in &found.object.imports {
                let func = matches!(import.ty, ExternType::Func(_));
                let lazy = func && self.request.options.bind == Bind::Lazy;
                let may = lazy || (import.weak && (func || import.module.starts_with("GOT.")));
                if may || self.first(import) != Want::Undefined {
                    continue;
                }
                let wanted = match import.module.as_ref() {
                    abi::GOT_MEM => "data".to_string(),
                    abi::GOT_FUNC => "the address of a function".to_string(),
                    _ => import.ty.to_string(),
                };
                let symbol = match import.module.as_ref() {
                    abi::ENV | abi::GOT_MEM | abi::GOT_FUNC => {
                        text::name(&import.name).into_owned()
                    }
                    module => format!("{}.{}", text::name(module), text::name(&import.name)),
                };
                let importer = text::name(&found.name).into_owned();
                let undefined = Undefined {
                    symbol,
                    importer,
                    wanted,
                };
                if !all.contains(&undefined) {
                    all.push(undefined);
                }
            }
        }
        all
    }
}

const LINKER: &[&str] = &[
    "memory",
    "__indirect_function_table",
    "__stack_pointer",
    "__memory_base",
    "__table_base",
    "__table_base32",
];
const TAGS: &[&str] = &["__cpp_exception", "__c_longjmp"];
const CONSTRUCTORS: &[&str] = &["_initialize", "__wasm_call_ctors"];
