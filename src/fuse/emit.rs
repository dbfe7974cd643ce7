//! The module that has everything that is used, section by section.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementMode, ElementSection,
    ElementSegment, Elements, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, Instruction, MemorySection, MemoryType, Module as Encoder, RefType,
    StartSection, TableSection, TableType, TagSection, ValType,
};
use wasmparser::{ElementKind, TableInit};

use super::dwarf::{Debug, Places};
use super::dynamic::Dynamic;
use super::exports::{self, Export};
use super::image::{Image, NOBODY};
use super::map::Map;
use super::objects::Objects;
use super::reach::Live;
use super::refs::Refs;
use super::rewrite::{self, Numbers, Rewrite, failed};
use super::targets::{Func, Global, HostKind, Number, Sig, Table, lost, number};
use super::types::Types;
use super::{Options, World, names, numbers};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::plan::bound;

pub(super) struct Parts<'a> {
    pub world: &'a World<'a>,
    pub objects: Objects<'a>,
    pub image: &'a Image<'a>,
    pub live: &'a Live,
    /// What the entry calls, in order.
    pub steps: Vec<Func>,
    /// What the engine calls, in order, where the linker is to call the rest.
    pub starts: Vec<Func>,
    pub command: bool,
    pub exports: &'a [Export],
    /// What is to be known of the objects.
    pub dynamic: Option<&'a Dynamic>,
}

/// Sections as they come.
#[derive(Default)]
pub(super) struct Sections {
    pub imports: ImportSection,
    pub functions: FunctionSection,
    pub tables: TableSection,
    pub tags: TagSection,
    pub globals: GlobalSection,
    pub exports: ExportSection,
    pub elements: ElementSection,
    pub code: CodeSection,
    pub data: DataSection,
}

/// A module, and what is to be said of it.
pub(super) struct Emitted {
    pub bytes: Vec<u8>,
    /// How many of them are code.
    pub code: usize,
    pub map: Map,
    /// Debug information that is left out, for people.
    pub lost: Vec<String>,
}

pub(super) fn emit(parts: &Parts<'_>, types: &mut Types, options: &Options) -> Result<Emitted> {
    let nothing = types.func(&Sig::Is(Arc::default()))?;
    let mut host_types = Vec::with_capacity(parts.objects.targets.hosts.len());
    for host in &parts.objects.targets.hosts {
        host_types.push(match &host.kind {
            HostKind::Func(sig) | HostKind::Tag(sig) => types.func(sig)?,
            HostKind::Global(_) => nothing,
        });
    }
    let mut sections = Sections::default();
    let in_order = numbers::ordered(parts)?;
    let numbers = numbers::numbers(parts, types, &host_types, &in_order, &mut sections)?;
    let modules = parts.objects.modules.iter();
    let noted = modules.map(|module| options.debug && module.debug.is_some());
    let mut places: Vec<Option<Places>> = noted.map(|noted| noted.then(Places::default)).collect();
    functions(
        parts,
        types,
        &numbers,
        nothing,
        options,
        &mut sections,
        &mut places,
    )?;
    let entry = entry(parts, &numbers, &mut sections, nothing)?;
    let start = start(parts, &numbers, &mut sections, nothing)?;
    tables(parts, &numbers, &mut sections)?;
    globals(parts, &numbers, &in_order, &mut sections)?;
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
    let hosted = options.hosted || options.dynamic;
    exports::write(parts, &numbers, &mut sections, entry, hosted)?;
    let known = parts
        .dynamic
        .map(|dynamic| dynamic.write(parts, &numbers, &mut sections));
    let known = known.transpose()?;

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
    if let Some(function_index) = start {
        module.section(&StartSection { function_index });
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
    if let Some(known) = &known {
        module.section(known);
    }
    for places in places.iter_mut().flatten() {
        places.finish(sections.code.len());
    }
    let debug = Debug::of(parts, &numbers, &places);
    for section in debug.each() {
        module.section(&section);
    }
    if options.names {
        module.section(&names::section(parts.world, parts.objects, &numbers, entry));
    }
    Ok(Emitted {
        bytes: module.finish(),
        code: sections.code.byte_len(),
        map: Map::of(parts, &numbers),
        lost: debug.warnings,
    })
}

/// The functions that are no imports, in the order of their numbers. `places` has one of each object's whose places are to be noted.
fn functions(
    parts: &Parts<'_>,
    types: &Types,
    numbers: &Numbers<'_>,
    nothing: u32,
    options: &Options,
    sections: &mut Sections,
    places: &mut [Option<Places>],
) -> Result<()> {
    for &func in &parts.live.funcs {
        match func {
            Func::Host(_) => {}
            Func::Own { object, index } => {
                let ty = parts.objects.func_type(object, index)?;
                sections.functions.function(types.of(object, ty)?);
                let mut rewrite = Rewrite { numbers, object };
                let body = parts.objects.body(object, index)?;
                let code = &mut sections.code;
                match places.get_mut(object as usize).and_then(Option::as_mut) {
                    // What is folded has no place of its own.
                    Some(places) => {
                        let start = parts.objects.code(object)?;
                        rewrite.noted_body(code, body, start, places)?;
                    }
                    None if options.fold => rewrite.folded(code, body)?,
                    None => rewrite.body(code, body)?,
                }
            }
            Func::Absent(position) => {
                let absent = parts.objects.targets.absent.get(position as usize);
                let absent = absent.ok_or_else(|| lost("a function"))?;
                let ty = types.of(absent.object, absent.ty)?;
                sections.functions.function(ty);
                sections.code.function(&body(&[Instruction::Unreachable]));
            }
            Func::Nothing => {
                sections.functions.function(nothing);
                sections.code.function(&body(&[]));
            }
        }
    }
    Ok(())
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
        calls.push(numbers.func(*step)?);
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

/// The module's start function.
fn start(
    parts: &Parts<'_>,
    numbers: &Numbers<'_>,
    sections: &mut Sections,
    nothing: u32,
) -> Result<Option<u32>> {
    let calls = parts.starts.iter().map(|start| numbers.func(*start));
    let calls = calls.collect::<Result<Vec<_>>>()?;
    if let [only] = calls[..] {
        return Ok(Some(only));
    }
    if calls.is_empty() {
        return Ok(None);
    }
    let imported = parts.live.funcs.iter();
    let imported = imported
        .filter(|func| matches!(func, Func::Host(_)))
        .count();
    let next = number(imported)?.saturating_add(sections.functions.len());
    let calls: Vec<_> = calls.into_iter().map(Instruction::Call).collect();
    sections.functions.function(nothing);
    sections.code.function(&body(&calls));
    Ok(Some(next))
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
        let table = parts.objects.table(object, index)?;
        let mut rewrite = Rewrite { numbers, object };
        let ty = rewrite.table_type(table.ty).map_err(failed)?;
        match &table.init {
            TableInit::RefNull => sections.tables.table(ty),
            TableInit::Expr(value) => {
                let named = Refs::of_expression(value)?.globals;
                let mut named = named
                    .iter()
                    .map(|&global| parts.objects.targets.global_at(object, global));
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

fn globals(
    parts: &Parts<'_>,
    numbers: &Numbers<'_>,
    in_order: &[Global],
    sections: &mut Sections,
) -> Result<()> {
    for global in in_order {
        match *global {
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
                let own = parts.objects.global(object, index)?;
                let mut rewrite = Rewrite { numbers, object };
                let ty = rewrite.global_type(own.ty).map_err(failed)?;
                let value = rewrite.expression(&own.init_expr)?;
                sections.globals.global(ty, &value);
            }
        }
    }
    for &(object, index) in &parts.live.cells {
        let Global::Number { value, ty } = parts.objects.targets.global_at(object, index) else {
            return Err(lost("a number"));
        };
        let val_type = match ty {
            Number::I32 => ValType::I32,
            Number::I64 => ValType::I64,
        };
        let value = ConstExpr::extended([rewrite::number(value, ty)]);
        let ty = GlobalType {
            val_type,
            mutable: true,
            shared: false,
        };
        sections.globals.global(ty, &value);
    }
    Ok(())
}

fn elements(parts: &Parts<'_>, numbers: &Numbers<'_>, sections: &mut Sections) -> Result<()> {
    let live = parts.live;
    let mut named: BTreeSet<Func> = BTreeSet::new();
    // Those that code names by their number come first.
    for &(object, n) in &live.elements {
        let element = parts.objects.element(object, n)?;
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
        let func = numbers.func(entry.func)?;
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
        let data = parts.objects.data(object, n)?;
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
