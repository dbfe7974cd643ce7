//! A module, and the state that a run of it has come to -> a module that begins there. Pure: who runs it is `link/capture.rs`.
//!
//! ```text
//! module -> to_run    stops at the point, and answers what its globals hold
//!        -> resumed   memory and globals are those of the answers; the entry does what is left
//! ```
//! The stack of calls is no part of the state, since no module can hold one. What is left to do is therefore always the call of main, from its beginning.
//! Indices stay, so that code is copied as it is: what is new comes last, and only `_start` and `wasmdyld_snapshot` get other bodies.

mod image;
mod plain;
mod sections;
mod start;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use wasm_encoder::{
    BlockType, ConstExpr, DataCountSection, Encode, ExportKind, ExportSection, GlobalType, Ieee32,
    Ieee64, Instruction, MemorySection, MemoryType, SectionId, ValType,
};
use wasmparser::{BinaryReader, ExternalKind, Validator, WasmFeatures};

use self::plain::{Cell, Plain, cannot};
use self::sections::Sections;
use self::start::{Start, body};
use super::module::reader;
use super::targets::{lost, number};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::text;

/// How far the module is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// Until everything is constructed, and main would be called.
    Constructed,
    /// Until this function, called after the constructors, has returned.
    Called(String),
    /// Until the program, in its main function, calls `wasmdyld_snapshot`.
    Ready,
}

impl Point {
    /// As people name them: nothing, `ready`, or a function.
    pub fn named(name: &str) -> Point {
        match name {
            "" => Point::Constructed,
            "ready" => Point::Ready,
            name => Point::Called(name.to_string()),
        }
    }

    /// The symbol that has to be exported for it.
    pub fn symbol(&self) -> Option<&str> {
        match self {
            Point::Constructed => None,
            Point::Called(name) => Some(name),
            Point::Ready => Some(abi::SNAPSHOT),
        }
    }
}

/// What a run came to.
pub struct State<'a> {
    pub memory: &'a [u8],
    /// To each of [`Snapshot::questions`].
    pub answers: &'a [u64],
}

/// A module of which a snapshot is to be made.
pub struct Snapshot<'a> {
    plain: Plain<'a>,
    point: Point,
    /// Taken apart, if it is a program.
    start: Option<Start>,
    cells: Vec<Cell>,
    initialize: Option<u32>,
}

/// Questions before those about globals: whether the point was reached, and what the function that was called returned.
const OWN_QUESTIONS: usize = 2;

/// What a snapshot may have of memory that is not zero, in bytes: several copies of it are held at a time, and engines and browsers take modules of
/// 1 GiB at most.
const MAX_CONTENT: usize = 512 << 20;

// Segments begin with these.
const ACTIVE: u8 = 0;
const PASSIVE: u8 = 1;
/// The kind, address and length of a segment.
const MAX_SEGMENT_HEAD: usize = 12;

/// What the names of [`question`] begin with.
const QUESTION: &str = "wasmdyld:snapshot.";

/// The function that answers a question.
pub fn question(n: usize) -> String {
    format!("{QUESTION}{n}")
}

impl<'a> Snapshot<'a> {
    /// Looks at a module, which exports `_start` or is a library, with the symbol of the point and those of [`abi::BEFORE_SNAPSHOT`] and
    /// [`abi::AFTER_SNAPSHOT`] that it has. A global exported as `__stack_pointer` keeps its first value.
    ///
    /// # Errors
    /// `NotFound`, `TypeMismatch`: of the symbol. `Unsupported`: the module has state that no module can begin with, or a start function that is not
    /// understood. `Malformed`: it is not valid.
    pub fn new(bytes: &'a [u8], point: Point) -> Result<Snapshot<'a>> {
        let plain = Plain::read(bytes)?;
        if let Some(taken) = (plain.exports.iter()).find(|export| export.name.starts_with(QUESTION))
        {
            let why = format!(
                "it exports {}, a name of the linker's own",
                text::name(taken.name)
            );
            return Err(cannot(&why));
        }
        let func = |name| plain.exported(name, ExternalKind::Func);
        let start = func(abi::START)
            .map(|entry| Start::of(&plain, entry))
            .transpose()?;
        let initialize = func(abi::INITIALIZE).filter(|&func| plain.is_plain(func));
        if point == Point::Ready && start.is_none() {
            let why = "a library has no main function that could call wasmdyld_snapshot";
            return Err(Error::new(Code::Unsupported, why)
                .line("  Name a function of it: --snapshot=FUNCTION."));
        }
        if let Some(name) = point.symbol() {
            let signature = func(name).and_then(|func| plain.signature(func));
            let shown = text::name(name);
            let (params, results) = signature.ok_or_else(|| {
                Error::new(
                    Code::NotFound,
                    format!("there is no function {shown} to call before the snapshot"),
                )
            })?;
            if !params.is_empty() || !matches!(results, [] | [wasmparser::ValType::I32]) {
                let why = format!(
                    "{shown} is called before the snapshot, and so takes nothing and returns nothing or an int: its type is another one"
                );
                return Err(Error::new(Code::TypeMismatch, why));
            }
        }
        let stack = plain.exported(abi::STACK_POINTER, ExternalKind::Global);
        Ok(Snapshot {
            cells: plain.cells(stack)?,
            point,
            start,
            initialize,
            plain,
        })
    }

    pub fn point(&self) -> &Point {
        &self.point
    }

    /// How many questions the module that is run answers.
    pub fn questions(&self) -> usize {
        self.cells.len().saturating_add(OWN_QUESTIONS)
    }

    /// The module to run, as a program. It traps at the point. Each question is answered by a function `() -> i64` named by [`question`].
    pub fn to_run(&self) -> Result<Vec<u8>> {
        let plain = &self.plain;
        let mut sections = plain.sections.clone();
        let mut ty = Vec::new();
        for results in [&[][..], &[ValType::I64]] {
            let mut section = wasm_encoder::TypeSection::new();
            section.ty().function([], results.iter().copied());
            ty.extend(items(&section)?);
        }
        let nothing = plain.type_count();
        let answer = nothing.checked_add(1).ok_or_else(|| lost("a type"))?;
        sections.append(SectionId::Type, 2, &ty)?;

        let reached = plain.global_count();
        let status = reached.checked_add(1).ok_or_else(|| lost("a global"))?;
        let in_main = status.checked_add(1).ok_or_else(|| lost("a global"))?;
        let mut globals = wasm_encoder::GlobalSection::new();
        let own = [reached, status, in_main];
        for _ in own {
            globals.global(counter(), &ConstExpr::i32_const(0));
        }
        sections.append(SectionId::Global, own.len(), &items(&globals)?)?;

        let mut stop = Vec::new();
        for name in abi::BEFORE_SNAPSHOT {
            self.tidy(name, &mut stop);
        }
        Instruction::I32Const(1).encode(&mut stop);
        Instruction::GlobalSet(reached).encode(&mut stop);
        Instruction::Unreachable.encode(&mut stop);

        let asked = self.point.symbol();
        let asked = asked.and_then(|name| plain.exported(name, ExternalKind::Func));
        let mut call = Vec::new();
        if let Some(func) = asked.filter(|_| self.point != Point::Ready) {
            Instruction::Call(func).encode(&mut call);
            if plain.is_main(func) {
                Instruction::GlobalSet(status).encode(&mut call);
            }
        }
        call.extend_from_slice(&stop);

        let (mut instead, mut new) = (Vec::new(), Vec::new());
        match (&self.start, asked) {
            (Some(start), Some(func)) if self.point == Point::Ready => {
                let mut main = Vec::new();
                Instruction::I32Const(1).encode(&mut main);
                Instruction::GlobalSet(in_main).encode(&mut main);
                Instruction::Call(start.main).encode(&mut main);
                // An exit handler that calls it comes too late.
                Instruction::I32Const(0).encode(&mut main);
                Instruction::GlobalSet(in_main).encode(&mut main);
                instead.push((start.func, start.instead(plain, &main)?));
                // A constructor that calls it is not the last one.
                let mut code = Vec::new();
                Instruction::GlobalGet(in_main).encode(&mut code);
                Instruction::If(BlockType::Empty).encode(&mut code);
                code.extend_from_slice(&stop);
                Instruction::End.encode(&mut code);
                if plain.is_main(func) {
                    Instruction::I32Const(0).encode(&mut code);
                }
                instead.push((func, body(&code)?));
            }
            (Some(start), _) => instead.push((start.func, start.instead(plain, &call)?)),
            (None, _) => {
                let mut code = Vec::new();
                if let Some(initialize) = self.initialize {
                    Instruction::Call(initialize).encode(&mut code);
                }
                code.extend_from_slice(&call);
                new.push((nothing, abi::START.to_string(), body(&code)?));
            }
        }
        let own = [reached, status].map(|global| Cell {
            global,
            ty: wasmparser::ValType::I32,
            lane: 0,
        });
        for (cell, n) in own.iter().chain(&self.cells).zip(0..) {
            new.push((answer, question(n), body(&told(cell))?));
        }
        self.add(&mut sections, &instead, new)?;
        valid(sections.module())
    }

    /// Adds functions, by type and with the names that they are exported by.
    fn add(
        &self,
        sections: &mut Sections<'_>,
        instead: &[(u32, Vec<u8>)],
        new: Vec<(u32, String, Vec<u8>)>,
    ) -> Result<()> {
        let mut functions = Vec::new();
        let mut exports = ExportSection::new();
        for ((ty, name, _), func) in new.iter().zip(self.plain.func_count()..) {
            ty.encode(&mut functions);
            exports.export(name, ExportKind::Func, func);
        }
        sections.append(SectionId::Function, new.len(), &functions)?;
        sections.append(SectionId::Export, new.len(), &items(&exports)?)?;
        let bodies: Vec<Vec<u8>> = new.into_iter().map(|(_, _, body)| body).collect();
        self.plain.code(sections, instead, &bodies)
    }

    /// Calls a function of the C library's, if it is there. Of its arguments each is 0.
    fn tidy(&self, name: &str, code: &mut Vec<u8>) -> bool {
        let func = self.plain.exported(name, ExternalKind::Func);
        let Some((func, (params, results))) =
            func.and_then(|func| Some((func, self.plain.signature(func)?)))
        else {
            return false;
        };
        if params
            .iter()
            .chain(results)
            .any(|&ty| ty != wasmparser::ValType::I32)
        {
            return false;
        }
        for _ in params {
            Instruction::I32Const(0).encode(code);
        }
        Instruction::Call(func).encode(code);
        for _ in results {
            Instruction::Drop.encode(code);
        }
        true
    }

    /// Whether the run has come to its point.
    ///
    /// # Errors
    /// The function that was to be called returned that it failed.
    pub fn reached(&self, answers: &[u64]) -> Result<bool> {
        let [reached, status, ..] = *answers else {
            return Err(lost("an answer"));
        };
        if reached != 0 && status != 0 {
            let name = text::name(self.point.symbol().unwrap_or_default());
            let why = format!(
                "{name} has returned {}, which says that it failed: there is no snapshot",
                status.cast_signed() as i32
            );
            return Err(Error::new(Code::Unsupported, why));
        }
        Ok(reached != 0)
    }

    /// The module that begins with a state. Of what it exported, `hidden` is left out.
    ///
    /// # Errors
    /// `Limit`: more of the memory is not zero than a module may hold.
    pub fn resumed(&self, state: &State<'_>, hidden: &BTreeSet<&str>) -> Result<Vec<u8>> {
        let plain = &self.plain;
        let mut sections = plain.sections.clone();
        sections.remove(SectionId::Start);
        self.memory(state.memory, &mut sections)?;
        self.globals(state.answers, &mut sections)?;

        let mut afresh = Vec::new();
        for name in abi::AFTER_SNAPSHOT {
            if self.tidy(name, &mut afresh) {
                break;
            }
        }
        let (mut instead, mut new) = (Vec::new(), Vec::new());
        if let Some(start) = &self.start {
            instead.push((start.func, start.rest(plain, &afresh)?));
        } else if !afresh.is_empty() {
            let mut ty = wasm_encoder::TypeSection::new();
            ty.ty().function([], []);
            sections.append(SectionId::Type, 1, &items(&ty)?)?;
            new.push((
                plain.type_count(),
                abi::INITIALIZE.to_string(),
                body(&afresh)?,
            ));
        }
        let mut exports = ExportSection::new();
        for export in &plain.exports {
            if hidden.contains(export.name) || export.name == abi::INITIALIZE {
                continue;
            }
            let kind = ExportKind::from(export.kind);
            let index = match (&self.start, export.name) {
                (Some(start), abi::START) => start.func,
                _ => export.index,
            };
            exports.export(export.name, kind, index);
        }
        sections.replace(&exports)?;
        self.add(&mut sections, &instead, new)?;
        valid(sections.module())
    }

    fn memory(&self, memory: &[u8], sections: &mut Sections<'_>) -> Result<()> {
        let page = usize::try_from(abi::PAGE).map_err(|_| lost("a page"))?;
        let (pages, ty) = (memory.len().div_ceil(page) as u64, &self.plain.memory);
        let pieces = image::pieces(memory);
        let size: usize = pieces.iter().map(ExactSizeIterator::len).sum();
        fits(size)?;
        let named = &self.plain.data;
        let count = number(pieces.len().saturating_add(named.len()))?;
        let mut data = Vec::with_capacity(size.saturating_add(pieces.len() * MAX_SEGMENT_HEAD));
        count.encode(&mut data);
        for segment in named {
            match segment {
                Some(range) => data.extend_from_slice(self.plain.bytes(range.clone())?),
                // Code may only drop it.
                None => data.extend_from_slice(&[PASSIVE, 0]),
            }
        }
        for piece in pieces {
            let address = number(piece.start)?;
            let bytes = memory.get(piece).ok_or_else(|| lost("memory"))?;
            data.push(ACTIVE);
            ConstExpr::i32_const(address.cast_signed()).encode(&mut data);
            bytes.encode(&mut data);
        }
        match count {
            0 => sections.remove(SectionId::Data),
            _ => sections.set(SectionId::Data, data),
        }
        sections.remove(SectionId::DataCount);
        if !named.is_empty() {
            sections.replace(&DataCountSection { count })?;
        }
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: pages.max(ty.initial),
            maximum: ty.maximum,
            memory64: false,
            shared: false,
            page_size_log2: ty.page_size_log2,
        });
        sections.replace(&memories)
    }

    fn globals(&self, answers: &[u64], sections: &mut Sections<'_>) -> Result<()> {
        let mut answers = self
            .cells
            .iter()
            .zip(answers.iter().skip(OWN_QUESTIONS))
            .peekable();
        let mut content = Vec::new();
        for ((range, ty), global) in self.plain.globals.iter().zip(self.plain.first_global()?..) {
            let mut lanes = Vec::new();
            while let Some((_, answer)) = answers.next_if(|(cell, _)| cell.global == global) {
                lanes.push(*answer);
            }
            let value = match (ty.content_type, &lanes[..]) {
                (wasmparser::ValType::V128, &[low, high]) => constant(&Instruction::V128Const(
                    (i128::from(high.cast_signed()) << 64) | i128::from(low),
                )),
                (ty, &[value]) => constant(&number_of(ty, value)?),
                _ => {
                    content.extend_from_slice(self.plain.bytes(range.clone())?);
                    continue;
                }
            };
            let ty = GlobalType::try_from(*ty).map_err(|_| lost("a global's type"))?;
            let mut section = wasm_encoder::GlobalSection::new();
            section.global(ty, &value);
            content.extend(items(&section)?);
        }
        sections.remove(SectionId::Global);
        if self.plain.globals.is_empty() {
            return Ok(());
        }
        sections.append(SectionId::Global, self.plain.globals.len(), &content)
    }
}

/// Whether a module may hold so many bytes of memory.
fn fits(size: usize) -> Result<()> {
    if size <= MAX_CONTENT {
        return Ok(());
    }
    let why = format!(
        "the program has {size} bytes in its memory that are not zero, and a snapshot has at most {MAX_CONTENT}"
    );
    let what = "  Take the snapshot before the program has made so much, or let it make that when it runs.";
    Err(Error::new(Code::Limit, why).line(what))
}

/// The items of a section, without their count.
fn items(section: &impl Encode) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    section.encode(&mut bytes);
    let mut content = BinaryReader::new(&bytes, 0);
    content.read_var_u32().map_err(reader)?;
    content.read_var_u32().map_err(reader)?;
    let items = bytes.get(content.original_position()..);
    Ok(items.ok_or_else(|| lost("a section"))?.to_vec())
}

fn counter() -> GlobalType {
    GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    }
}

/// Code that gives a lane of a global as an i64.
fn told(cell: &Cell) -> Vec<u8> {
    let mut code = Vec::new();
    Instruction::GlobalGet(cell.global).encode(&mut code);
    let as_number: &[Instruction<'_>] = match cell.ty {
        wasmparser::ValType::I32 => &[Instruction::I64ExtendI32U],
        wasmparser::ValType::F32 => &[Instruction::I32ReinterpretF32, Instruction::I64ExtendI32U],
        wasmparser::ValType::F64 => &[Instruction::I64ReinterpretF64],
        wasmparser::ValType::V128 => &[Instruction::I64x2ExtractLane(cell.lane)],
        wasmparser::ValType::I64 | wasmparser::ValType::Ref(_) => &[],
    };
    for instruction in as_number {
        instruction.encode(&mut code);
    }
    code
}

/// The other way round.
#[allow(
    clippy::cast_possible_truncation,
    reason = "of 32 bits it has the low half"
)]
fn number_of(ty: wasmparser::ValType, value: u64) -> Result<Instruction<'static>> {
    Ok(match ty {
        wasmparser::ValType::I32 => Instruction::I32Const((value as u32).cast_signed()),
        wasmparser::ValType::I64 => Instruction::I64Const(value.cast_signed()),
        wasmparser::ValType::F32 => Instruction::F32Const(Ieee32::new(value as u32)),
        wasmparser::ValType::F64 => Instruction::F64Const(Ieee64::new(value)),
        wasmparser::ValType::V128 | wasmparser::ValType::Ref(_) => return Err(lost("a global")),
    })
}

fn constant(instruction: &Instruction<'static>) -> ConstExpr {
    ConstExpr::extended([instruction.clone()])
}

fn valid(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let checked = Validator::new_with_features(WasmFeatures::all()).validate_all(&bytes);
    checked.map_err(|error| {
        let (why, offset) = (error.message(), error.offset());
        match why.contains("exceeds limit") {
            true => cannot(why),
            false => Error::new(
                Code::Internal,
                format!("the snapshot is not valid: {why} at offset {offset:#x}"),
            ),
        }
    })?;
    Ok(bytes)
}
