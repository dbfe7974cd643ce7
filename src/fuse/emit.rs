//! Numbers for everything that is used, and the module that has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementMode, ElementSection,
    ElementSegment, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, MemorySection, MemoryType,
    Module as Encoder, RefType, TableSection, TableType, TagKind, TagSection, TagType, ValType,
};
use wasmparser::{ElementKind, TableInit};

use super::image::{Image, NOBODY, Values};
use super::map::{Map, Placed};
use super::module::Module;
use super::reach::{Live, Reach};
use super::refs::Refs;
use super::rewrite::{self, Numbers, Rewrite, failed};
use super::targets::{Func, Global, HostKind, Sig, Table, Tag, Targets, fresh, lost, number};
use super::types::Types;
use super::{Options, World, names};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, Name};
use crate::plan::{Kind, bound};
use crate::text;

pub(super) struct Parts<'a> {
    pub world: &'a World<'a>,
    pub modules: &'a [Module<'a>],
    pub targets: &'a Targets,
    pub image: &'a Image<'a>,
    pub live: &'a Live,
    /// What the entry calls, in order.
    pub steps: Vec<Func>,
    pub command: bool,
    pub exports: &'a [Export],
}

/// A symbol that the fused module exports.
pub(super) struct Export {
    name: String,
    what: Exported,
}

enum Exported {
    Func(Func),
    /// An address, and the object in whose memory it is.
    Number(u64, u32),
    Global(u32, u32),
    Tag(Tag),
}

impl Export {
    pub fn reach(&self, reach: &mut Reach<'_>) {
        match self.what {
            Exported::Func(func) => reach.func(func),
            Exported::Number(_, object) => reach.object(object),
            Exported::Global(object, index) => reach.global(object, index),
            Exported::Tag(tag) => {
                reach.live.tags.insert(tag);
            }
        }
    }
}

/// What the module exports of its objects' symbols.
pub(super) fn exports(
    world: &World<'_>,
    targets: &Targets,
    values: &Values,
    options: &Options,
) -> Result<Vec<Export>> {
    let mut names: BTreeSet<&str> = options.exports.iter().map(String::as_str).collect();
    if options.library {
        let root = world
            .request
            .roots
            .first()
            .and_then(|&root| world.request.found(root));
        let root = root.ok_or_else(|| lost("the library"))?;
        let symbols = root.object.exports.iter().map(|export| export.name.text());
        names.extend(symbols.filter(|name| !abi::LIFECYCLE.contains(name) && *name != abi::MEMORY));
    }
    // It is exported anyway.
    names.remove(abi::MEMORY);
    let mut exports = Vec::new();
    for name in names {
        let found = world.request.group.iter().find_map(|&id| {
            let object = &world.request.found(id)?.object;
            let position = Kind::Symbol
                .export_of(object, Name::new(name))
                .or_else(|| object.position(name))?;
            Some((id, object.exports.get(position as usize)?.item))
        });
        let Some((id, item)) = found else {
            let name = text::name(name);
            return Err(Error::new(
                Code::NotFound,
                format!("no object defines {name}, which is to be exported"),
            ));
        };
        let object = fresh(world, id)?;
        let what = match item {
            ExportItem::Func { index, .. } => Exported::Func(targets.func_of(object, *index)),
            ExportItem::Data { value, .. } => {
                let place = world
                    .plan
                    .objects
                    .get(object as usize)
                    .ok_or_else(|| lost("a place"))?
                    .place;
                Exported::Number(place.address(*value), object)
            }
            ExportItem::Global { index, .. } => match values.global(targets, object, *index) {
                Some(value) => Exported::Number(value, object),
                None => Exported::Global(object, *index),
            },
            ExportItem::Tag { index, .. } => Exported::Tag(targets.tag_at(object, *index)),
            ExportItem::Table { .. } | ExportItem::Memory { .. } => {
                if !options.exports.iter().any(|asked| asked == name) {
                    continue;
                }
                let name = text::name(name);
                return Err(Error::new(
                    Code::Unsupported,
                    format!(
                        "{name} is a table or a memory: one module exports functions, data, globals and tags"
                    ),
                ));
            }
        };
        exports.push(Export {
            name: name.to_string(),
            what,
        });
    }
    Ok(exports)
}

/// Sections as they come.
#[derive(Default)]
struct Sections {
    imports: ImportSection,
    functions: FunctionSection,
    tables: TableSection,
    tags: TagSection,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
}

pub(super) fn emit(
    parts: &Parts<'_>,
    types: &mut Types,
    options: &Options,
) -> Result<(Vec<u8>, usize, Map)> {
    let nothing = types.func(&Sig::Is(Arc::default()))?;
    let mut host_types = Vec::with_capacity(parts.targets.hosts.len());
    for host in &parts.targets.hosts {
        host_types.push(match &host.kind {
            HostKind::Func(sig) | HostKind::Tag(sig) => types.func(sig)?,
            HostKind::Global(_) => nothing,
        });
    }
    let mut sections = Sections::default();
    let numbers = numbers(parts, types, &host_types, &mut sections)?;
    let own_funcs = numbers
        .funcs
        .keys()
        .filter(|func| matches!(func, Func::Own { .. }))
        .copied();
    let own_funcs: BTreeSet<Func> = own_funcs.collect();

    for &func in &own_funcs {
        let Func::Own { object, index } = func else {
            continue;
        };
        let module = parts
            .modules
            .get(object as usize)
            .ok_or_else(|| lost("an object"))?;
        let imported = parts
            .targets
            .spaces
            .get(object as usize)
            .map_or(0, |spaces| spaces.funcs.len());
        let ty = module
            .func_types
            .get(index as usize)
            .ok_or_else(|| lost("a function's type"))?;
        sections.functions.function(types.of(object, *ty)?);
        let body = (index as usize)
            .checked_sub(imported)
            .and_then(|own| module.bodies.get(own));
        let body = body.ok_or_else(|| lost("a function's body"))?;
        let mut rewrite = Rewrite {
            numbers: &numbers,
            object,
        };
        rewrite.body(&mut sections.code, body)?;
    }
    for &func in &parts.live.funcs {
        match func {
            Func::Absent(position) => {
                let absent = parts
                    .targets
                    .absent
                    .get(position as usize)
                    .ok_or_else(|| lost("a function"))?;
                sections
                    .functions
                    .function(types.of(absent.object, absent.ty)?);
                sections.code.function(&body(&[Instruction::Unreachable]));
            }
            Func::Nothing => {
                sections.functions.function(nothing);
                sections.code.function(&body(&[]));
            }
            Func::Host(_) | Func::Own { .. } => {}
        }
    }
    let entry = entry(parts, &numbers, &mut sections, nothing)?;
    tables(parts, &numbers, &mut sections)?;
    globals(parts, &numbers, &mut sections)?;
    elements(parts, &numbers, &mut sections)?;
    let count = data(parts, &mut sections)?;
    let layout = &parts.world.plan.layout;
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: layout.memory.after,
        maximum: bound(layout.memory.max),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    exported(parts, &numbers, &mut sections, entry, options.hosted)?;

    let mut module = Encoder::new();
    module.section(&types.section);
    if !sections.imports.is_empty() {
        module.section(&sections.imports);
    }
    if !sections.functions.is_empty() {
        module.section(&sections.functions);
    }
    module.section(&sections.tables);
    module.section(&memories);
    if !parts.live.tags.is_empty() {
        module.section(&sections.tags);
    }
    if !sections.globals.is_empty() {
        module.section(&sections.globals);
    }
    if !sections.exports.is_empty() {
        module.section(&sections.exports);
    }
    if !sections.elements.is_empty() {
        module.section(&sections.elements);
    }
    if !parts.live.data.is_empty() {
        module.section(&DataCountSection { count });
    }
    if !sections.code.is_empty() {
        module.section(&sections.code);
    }
    if !sections.data.is_empty() {
        module.section(&sections.data);
    }
    if options.names {
        module.section(&names::section(
            parts.world,
            parts.modules,
            parts.targets,
            &numbers,
            entry,
        ));
    }
    Ok((
        module.finish(),
        sections.code.byte_len(),
        map(parts, &numbers),
    ))
}

/// Gives everything that is used its number, and makes the imports.
fn numbers<'a>(
    parts: &Parts<'a>,
    types: &'a Types,
    host_types: &[u32],
    sections: &mut Sections,
) -> Result<Numbers<'a>> {
    let live = parts.live;
    let mut numbers = Numbers {
        targets: parts.targets,
        types,
        funcs: HashMap::new(),
        globals: HashMap::new(),
        cells: HashMap::new(),
        tables: HashMap::new(),
        tags: HashMap::new(),
        elements: HashMap::new(),
        data: HashMap::new(),
    };
    let host = |position: u32| {
        let host = parts.targets.hosts.get(position as usize);
        let host = host.zip(host_types.get(position as usize).copied());
        host.ok_or_else(|| lost("an import"))
    };
    // `BTreeSet`s have what is imported first: the host's functions are the first of `Func`, and so on.
    for &func in &live.funcs {
        if let Func::Host(position) = func {
            let (host, ty) = host(position)?;
            let ty = EntityType::Function(ty);
            sections.imports.import(&host.module, &host.name, ty);
        }
        let next = number(numbers.funcs.len())?;
        numbers.funcs.insert(func, next);
    }
    let globals = ordered(parts)?;
    for &global in &globals {
        if let Global::Host(position) = global {
            let (host, _) = host(position)?;
            let HostKind::Global(ty) = host.kind else {
                continue;
            };
            let val_type = crate::link::val_type(ty.content)?;
            let ty = GlobalType {
                val_type,
                mutable: ty.mutable,
                shared: false,
            };
            sections
                .imports
                .import(&host.module, &host.name, EntityType::Global(ty));
        }
    }
    for (&global, n) in globals.iter().zip(0..) {
        numbers.globals.insert(global, n);
    }
    for &cell in &live.cells {
        let next = number(numbers.globals.len().saturating_add(numbers.cells.len()))?;
        numbers.cells.insert(cell, next);
    }
    numbers.tables.insert(Table::Shared, 0);
    for &table in &live.tables {
        let next = number(numbers.tables.len())?;
        numbers.tables.entry(table).or_insert(next);
    }
    let is_host = |tag: &&Tag| matches!(tag, Tag::Host(_));
    for &tag in live.tags.iter().filter(is_host) {
        let Tag::Host(position) = tag else { continue };
        let (host, func_type_idx) = host(position)?;
        let ty = TagType {
            kind: TagKind::Exception,
            func_type_idx,
        };
        sections
            .imports
            .import(&host.module, &host.name, EntityType::Tag(ty));
    }
    for &tag in live
        .tags
        .iter()
        .filter(is_host)
        .chain(live.tags.iter().filter(|tag| !is_host(tag)))
    {
        let next = number(numbers.tags.len())?;
        numbers.tags.insert(tag, next);
        let (object, ty) = match tag {
            Tag::Host(_) => continue,
            Tag::Named(position) => {
                let named = parts.targets.tags.get(position as usize);
                let (_, object, ty) = named.ok_or_else(|| lost("a tag"))?;
                (*object, *ty)
            }
            Tag::Own { object, index } => {
                let module = parts.modules.get(object as usize);
                let ty = module.and_then(|module| module.tag_types.get(index as usize));
                (object, *ty.ok_or_else(|| lost("a tag"))?)
            }
        };
        sections.tags.tag(TagType {
            kind: TagKind::Exception,
            func_type_idx: types.of(object, ty)?,
        });
    }
    for &segment in &live.data {
        let next = number(numbers.data.len())?;
        numbers.data.insert(segment, next);
    }
    for &segment in &live.elements {
        let next = number(numbers.elements.len())?;
        numbers.elements.insert(segment, next);
    }
    Ok(numbers)
}

/// The globals: what is imported, then the stack pointer, then those of the objects, so that each comes after those that it begins with.
fn ordered(parts: &Parts<'_>) -> Result<Vec<Global>> {
    let mut rank = HashMap::new();
    for (&id, n) in parts.world.plan.order.iter().zip(0usize..) {
        rank.insert(fresh(parts.world, id)?, n);
    }
    let mut all: Vec<Global> = parts.live.globals.iter().copied().collect();
    all.sort_by_key(|global| match *global {
        Global::Host(n) => (0, 0, n),
        Global::Stack | Global::Number { .. } => (1, 0, 0),
        Global::Own { object, index } => (2, rank.get(&object).copied().unwrap_or(0), index),
    });
    Ok(all)
}

fn body(instructions: &[Instruction<'_>]) -> Function {
    let mut function = Function::new([]);
    for instruction in instructions {
        function.instruction(instruction);
    }
    function.instruction(&Instruction::End);
    function
}

/// The function that the host calls first: the only step there is, or one that makes all.
fn entry(
    parts: &Parts<'_>,
    numbers: &Numbers<'_>,
    sections: &mut Sections,
    nothing: u32,
) -> Result<Option<(u32, &'static str)>> {
    let name = if parts.command {
        abi::START
    } else {
        abi::INITIALIZE
    };
    let mut calls = Vec::with_capacity(parts.steps.len());
    for step in &parts.steps {
        calls.push(
            *numbers
                .funcs
                .get(step)
                .ok_or_else(|| lost("a constructor"))?,
        );
    }
    match calls[..] {
        [] => Ok(None),
        [only] => Ok(Some((only, name))),
        _ => {
            let calls: Vec<_> = calls.into_iter().map(Instruction::Call).collect();
            sections.functions.function(nothing);
            sections.code.function(&body(&calls));
            Ok(Some((number(numbers.funcs.len())?, name)))
        }
    }
}

fn tables(parts: &Parts<'_>, numbers: &Numbers<'_>, sections: &mut Sections) -> Result<()> {
    let layout = &parts.world.plan.layout;
    let funcref = TableType {
        element_type: RefType::FUNCREF,
        minimum: layout.table.after,
        maximum: None,
        table64: false,
        shared: false,
    };
    sections.tables.table(funcref);
    let own = |table: &Table| match *table {
        Table::Own { object, index } => Some((object, index)),
        Table::Shared => None,
    };
    for (object, index) in parts.live.tables.iter().filter_map(own) {
        let imported = parts
            .targets
            .spaces
            .get(object as usize)
            .map_or(0, |spaces| spaces.tables.len());
        let module = parts
            .modules
            .get(object as usize)
            .ok_or_else(|| lost("an object"))?;
        let table = (index as usize)
            .checked_sub(imported)
            .and_then(|own| module.tables.get(own));
        let table = table.ok_or_else(|| lost("a table"))?;
        let mut rewrite = Rewrite { numbers, object };
        let ty = rewrite.table_type(table.ty).map_err(failed)?;
        match &table.init {
            TableInit::RefNull => sections.tables.table(ty),
            TableInit::Expr(value) => {
                let named = Refs::of_expression(value)?.globals;
                let mut named = named
                    .iter()
                    .map(|&global| parts.targets.global_at(object, global));
                if named.any(|global| matches!(global, Global::Own { .. })) {
                    return Err(Error::new(
                        Code::Unsupported,
                        "a table begins with a value that another object defines, which one module cannot have",
                    ));
                }
                let value = rewrite.expression(value)?;
                sections.tables.table_with_init(ty, &value)
            }
        };
    }
    Ok(())
}

fn globals(parts: &Parts<'_>, numbers: &Numbers<'_>, sections: &mut Sections) -> Result<()> {
    let live = parts.live;
    for global in ordered(parts)? {
        match global {
            Global::Host(_) | Global::Number { .. } => {}
            Global::Stack => {
                let top = parts.world.plan.layout.landmarks.stack_pointer.unwrap_or(0);
                let top = u32::try_from(top).map_err(|_| lost("the stack"))?;
                let ty = GlobalType {
                    val_type: ValType::I32,
                    mutable: true,
                    shared: false,
                };
                sections
                    .globals
                    .global(ty, &ConstExpr::i32_const(top.cast_signed()));
            }
            Global::Own { object, index } => {
                let imported = parts
                    .targets
                    .spaces
                    .get(object as usize)
                    .map_or(0, |spaces| spaces.globals.len());
                let module = parts
                    .modules
                    .get(object as usize)
                    .ok_or_else(|| lost("an object"))?;
                let own = (index as usize)
                    .checked_sub(imported)
                    .and_then(|own| module.globals.get(own));
                let own = own.ok_or_else(|| lost("a global"))?;
                let mut rewrite = Rewrite { numbers, object };
                let ty = rewrite.global_type(own.ty).map_err(failed)?;
                let value = rewrite.expression(&own.init_expr)?;
                sections.globals.global(ty, &value);
            }
        }
    }
    for &(object, index) in &live.cells {
        let Global::Number { value, ty } = parts.targets.global_at(object, index) else {
            return Err(lost("a number"));
        };
        let val_type = match ty {
            super::targets::Number::I32 => ValType::I32,
            super::targets::Number::I64 => ValType::I64,
        };
        let ty_ = GlobalType {
            val_type,
            mutable: true,
            shared: false,
        };
        sections
            .globals
            .global(ty_, &ConstExpr::extended([rewrite::number(value, ty)]));
    }
    Ok(())
}

fn elements(parts: &Parts<'_>, numbers: &Numbers<'_>, sections: &mut Sections) -> Result<()> {
    let live = parts.live;
    let mut named: BTreeSet<Func> = BTreeSet::new();
    // Those that code names by their number come first.
    for &(object, n) in &live.elements {
        let module = parts.modules.get(object as usize);
        let element = module.and_then(|module| module.elements.get(n as usize));
        let element = element.ok_or_else(|| lost("an element segment"))?;
        let mut rewrite = Rewrite { numbers, object };
        let items = rewrite
            .element_items(element.items.clone())
            .map_err(failed)?;
        // They are in this order.
        let known = &parts.image.elements;
        let place = known.binary_search_by_key(&(object, n), |&(of, m, _)| (of, m));
        let place = place.ok().and_then(|at| known.get(at));
        match (&element.kind, place) {
            (ElementKind::Active { table_index, .. }, Some((_, _, Some(start)))) => {
                let table = rewrite
                    .table_index(table_index.unwrap_or(0))
                    .map_err(failed)?;
                let start = u32::try_from(*start).map_err(|_| lost("a slot"))?;
                sections.elements.active(
                    Some(table),
                    &ConstExpr::i32_const(start.cast_signed()),
                    items,
                );
            }
            // Of the shared table, and taken apart: what code may still do with it is to drop it.
            (ElementKind::Active { .. }, _) => {
                sections.elements.segment(ElementSegment {
                    mode: ElementMode::Declared,
                    elements: items,
                });
            }
            (ElementKind::Passive, _) => {
                sections.elements.passive(items);
            }
            (ElementKind::Declared, _) => {
                sections.elements.declared(items);
            }
        }
    }
    let mut runs: Vec<(u64, Vec<u32>)> = Vec::new();
    for (&slot, entry) in &parts.image.table {
        let used = entry.object != NOBODY && live.objects.contains(&entry.object);
        if !used && !live.slots.contains(&entry.func) {
            continue;
        }
        let func = *numbers
            .funcs
            .get(&entry.func)
            .ok_or_else(|| lost("a slot's function"))?;
        named.insert(entry.func);
        match runs.last_mut() {
            Some((start, funcs)) if start.saturating_add(funcs.len() as u64) == slot => {
                funcs.push(func)
            }
            _ => runs.push((slot, vec![func])),
        }
    }
    for (start, funcs) in runs {
        let start = u32::try_from(start).map_err(|_| lost("a slot"))?;
        sections.elements.active(
            None,
            &ConstExpr::i32_const(start.cast_signed()),
            Elements::Functions(funcs.into()),
        );
    }
    let taken = live.taken.iter().filter(|func| !named.contains(func));
    let taken: Vec<u32> = taken
        .filter_map(|func| numbers.funcs.get(func).copied())
        .collect();
    if !taken.is_empty() {
        sections
            .elements
            .declared(Elements::Functions(taken.into()));
    }
    Ok(())
}

/// Gives the number of segments.
fn data(parts: &Parts<'_>, sections: &mut Sections) -> Result<u32> {
    for &(object, n) in &parts.live.data {
        let module = parts.modules.get(object as usize);
        let data = module.and_then(|module| module.data.get(n as usize));
        let data = data.ok_or_else(|| lost("a data segment"))?;
        let bytes = match data.kind {
            wasmparser::DataKind::Passive => data.data,
            // It is there already, and code may only drop it.
            wasmparser::DataKind::Active { .. } => &[],
        };
        sections.data.passive(bytes.iter().copied());
    }
    let mut count = parts.live.data.len();
    let mut active = |address: u64, bytes: &[u8]| -> Result<()> {
        let address = u32::try_from(address).map_err(|_| lost("an address"))?;
        sections.data.active(
            0,
            &ConstExpr::i32_const(address.cast_signed()),
            bytes.iter().copied(),
        );
        count += 1;
        Ok(())
    };
    for piece in &parts.image.pieces {
        if parts.live.objects.contains(&piece.object) && !piece.bytes.is_empty() {
            active(piece.address, &piece.bytes)?;
        }
    }
    number(count)
}

fn exported(
    parts: &Parts<'_>,
    numbers: &Numbers<'_>,
    sections: &mut Sections,
    entry: Option<(u32, &str)>,
    hosted: bool,
) -> Result<()> {
    sections.exports.export(abi::MEMORY, ExportKind::Memory, 0);
    if let Some((number, name)) = entry {
        sections.exports.export(name, ExportKind::Func, number);
    }
    let stack = numbers.globals.get(&Global::Stack);
    if let Some(&stack) = stack.filter(|_| hosted) {
        sections
            .exports
            .export(abi::STACK_POINTER, ExportKind::Global, stack);
    }
    let mut addresses: BTreeMap<u64, u32> = BTreeMap::new();
    let mut next = number(numbers.globals.len().saturating_add(numbers.cells.len()))?;
    for export in parts.exports {
        if [abi::START, abi::INITIALIZE, abi::MEMORY].contains(&export.name.as_str()) {
            continue;
        }
        let (kind, index) = match &export.what {
            Exported::Func(func) => (ExportKind::Func, numbers.funcs.get(func).copied()),
            Exported::Number(value, _) => {
                let index = *addresses.entry(*value).or_insert_with(|| {
                    let ty = GlobalType {
                        val_type: ValType::I32,
                        mutable: false,
                        shared: false,
                    };
                    let value = rewrite::number(*value, super::targets::Number::I32);
                    sections.globals.global(ty, &ConstExpr::extended([value]));
                    next += 1;
                    next - 1
                });
                (ExportKind::Global, Some(index))
            }
            Exported::Global(object, index) => {
                let global = parts.targets.global_at(*object, *index);
                (ExportKind::Global, numbers.globals.get(&global).copied())
            }
            Exported::Tag(tag) => (ExportKind::Tag, numbers.tags.get(tag).copied()),
        };
        let index = index.ok_or_else(|| lost("an export"))?;
        sections.exports.export(&export.name, kind, index);
    }
    Ok(())
}

fn map(parts: &Parts<'_>, numbers: &Numbers<'_>) -> Map {
    let layout = &parts.world.plan.layout;
    let mut map = Map {
        memory_pages: layout.memory.after,
        table_slots: layout.table.after,
        exports: parts
            .exports
            .iter()
            .map(|export| export.name.clone())
            .collect(),
        ..Map::default()
    };
    for ((found, planned), module) in parts
        .world
        .request
        .fresh
        .iter()
        .zip(&parts.world.plan.objects)
        .zip(parts.modules)
    {
        map.objects.push(Placed {
            name: found.name.to_string(),
            memory: planned.place.memory_base,
            memory_size: planned.place.memory_size,
            table: planned.place.table_base,
            table_size: planned.place.table_size,
            functions: Vec::new(),
            defined: module.bodies.len(),
        });
    }
    for &func in &parts.live.funcs {
        match func {
            Func::Host(position) => {
                let host = parts.targets.hosts.get(position as usize);
                map.imports
                    .extend(host.map(|host| (host.module.to_string(), host.name.clone())));
            }
            Func::Own { object, index } => {
                let number = numbers.funcs.get(&func).copied();
                if let (Some(placed), Some(number)) = (map.objects.get_mut(object as usize), number)
                {
                    placed.functions.push((number, index));
                }
            }
            Func::Absent(_) | Func::Nothing => {}
        }
    }
    map
}
