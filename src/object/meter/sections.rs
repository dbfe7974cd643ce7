//! A module with checks, section by section.

use wasm_encoder::Encode;
use wasmparser::{
    BinaryReader, DataKind, DataSectionReader, ElementItems, ElementKind, ElementSectionReader,
    ExternalKind, GlobalSectionReader, TableInit, TableSectionReader,
};

use super::super::fault;
use super::super::section::{self, Section, Sections};
use super::asides::Asides;
use super::body::Bodies;
use super::check::{Checks, When};
use super::custom::{self, Fate};
use super::edit::{Edit, Moves, STAYS};
use super::entries::Entries;
use super::pieces::Pieces;
use super::survey::Survey;
use super::{Metered, Mode, most, too_large};
use crate::abi;
use crate::error::Result;

/// `(func)`, as a type.
const NOTHING_TO_NOTHING: [u8; 3] = [0x60, 0, 0];
/// An import's kind, and the type of the global.
const MUTABLE_I64: [u8; 3] = [0x03, 0x7e, 0x01];
/// The same of the memory: one page, and never more.
const MEMORY_OF_A_PAGE: [u8; 4] = [0x02, 0x01, 0x01, 0x01];
const KIND_FUNC: u8 = 0x00;

/// `None`: the module has no code that needs a check.
pub(super) fn rewrite(bytes: &[u8], mode: Mode) -> Result<Option<Metered>> {
    let survey = Survey::of(bytes)?;
    let (func, global) = (survey.imported_funcs, survey.imported_globals);
    let memory = survey.imported_memories;
    let (when, global, memory) = match mode {
        Mode::Flag { .. } => (When::Raised(memory), STAYS, memory),
        _ => (When::Spent(global), global, STAYS),
    };
    let moves = Moves {
        func,
        global,
        memory,
    };
    let checks = Checks { when, ask: func };
    let entries = Entries::of(bytes, &survey)?;
    let pieces = &entries.pieces;
    let behind = (func.saturating_add(1))
        .saturating_add(survey.defined_funcs())
        .saturating_add(pieces.count());
    let asides = match mode {
        Mode::Flag { aside: true } => Asides::of(&entries, &survey, behind),
        _ => Asides::default(),
    };
    let mut bodies = Bodies::new(bytes, &survey, &entries, &asides, checks, moves);
    let mut writer = Writer {
        bytes,
        survey: &survey,
        pieces,
        asides: &asides,
        checks,
        moves,
        out: bytes.get(..section::HEADER).unwrap_or_default().to_vec(),
        types_written: false,
        imports_written: false,
    };
    for section in Sections::new(bytes) {
        let section = section?;
        writer.before(section.id)?;
        match section.id {
            section::CODE => writer.code(&section, &mut bodies)?,
            _ => writer.section(&section)?,
        }
        writer.check_size()?;
    }
    let (bytes, has_checks) = (writer.out, bodies.has_checks());
    Ok(has_checks.then_some(Metered { bytes, asides }))
}

struct Writer<'a> {
    bytes: &'a [u8],
    survey: &'a Survey,
    pieces: &'a Pieces,
    asides: &'a Asides,
    checks: Checks,
    moves: Moves,
    out: Vec<u8>,
    types_written: bool,
    imports_written: bool,
}

impl<'a> Writer<'a> {
    /// Types and imports come first, and are there even where the module has none.
    fn before(&mut self, id: u8) -> Result<()> {
        if matches!(id, section::CUSTOM | section::TYPE) {
            return Ok(());
        }
        if !self.types_written {
            self.types(None)?;
        }
        if !self.imports_written && id != section::IMPORT {
            self.imports(None)?;
        }
        Ok(())
    }

    fn section(&mut self, section: &Section<'a>) -> Result<()> {
        match section.id {
            section::CUSTOM => self.custom(section),
            section::TYPE => self.types(Some(section)),
            section::FUNCTION => self.functions(section),
            section::IMPORT => self.imports(Some(section)),
            section::TABLE => self.edited(section, tables),
            section::GLOBAL => self.edited(section, globals),
            section::EXPORT => self.edited(section, exports),
            section::START => self.edited(section, start),
            section::ELEMENT => self.edited(section, elements),
            section::DATA => self.edited(section, data),
            _ => {
                self.out.extend_from_slice(section.whole);
                Ok(())
            }
        }
    }

    fn code(&mut self, section: &Section<'a>, bodies: &mut Bodies<'a>) -> Result<()> {
        let mut reader = section.reader();
        let count = reader.read_var_u32().map_err(fault::reader)?;
        let most = most(self.bytes.len());
        let mut code = Vec::with_capacity(section.contents.len());
        let total = count
            .checked_add(self.functions_behind())
            .ok_or_else(|| fault::over_limit(0, count, "functions", u32::MAX))?;
        total.encode(&mut code);
        for n in 0..usize::try_from(count).unwrap_or(usize::MAX) {
            let body = reader.read_reader().map_err(fault::reader)?;
            bodies.rewrite(&mut code, n, body)?;
            if code.len() > most {
                return Err(too_large());
            }
        }
        let (survey, checks) = (self.survey, self.checks);
        let moves = (checks, self.moves.memory);
        self.pieces.bodies(&mut code, survey, moves, most)?;
        self.asides.bodies(&mut code, survey, checks.ask, most)?;
        // The hints stand in front of the code that they are of.
        let begun = self.begin(section::CUSTOM);
        bodies.hints.write(&mut self.out);
        self.end(begun)?;
        let begun = self.begin(section::CODE);
        self.out.extend_from_slice(&code);
        self.end(begun)
    }

    fn custom(&mut self, section: &Section<'a>) -> Result<()> {
        match custom::fate(section) {
            Fate::Stays => self.out.extend_from_slice(section.whole),
            Fate::Goes => {}
            Fate::Names => {
                let names = custom::names(self.bytes, section, self.moves, self.asides);
                if let Ok(contents) = names {
                    let begun = self.begin(section::CUSTOM);
                    self.out.extend_from_slice(&contents);
                    self.end(begun)?;
                }
            }
        }
        Ok(())
    }

    fn types(&mut self, section: Option<&Section<'a>>) -> Result<()> {
        let mut types = NOTHING_TO_NOTHING.to_vec();
        self.pieces.types(&mut types, self.survey);
        let more = self.pieces.count().saturating_add(1);
        self.appended(section::TYPE, section, more, &types)
    }

    fn functions(&mut self, section: &Section<'a>) -> Result<()> {
        let mut types = Vec::new();
        for n in 0..self.pieces.count() {
            self.survey.piece_type(n).encode(&mut types);
        }
        self.asides.types(&mut types, self.survey);
        let more = self.functions_behind();
        self.appended(section::FUNCTION, Some(section), more, &types)
    }

    /// How many functions stand behind those of the module's own.
    fn functions_behind(&self) -> u32 {
        self.pieces.count().saturating_add(self.asides.count())
    }

    fn imports(&mut self, section: Option<&Section<'a>>) -> Result<()> {
        let mut imports = Vec::new();
        abi::CONTROL.encode(&mut imports);
        match self.checks.when {
            When::Spent(_) => {
                abi::CONTROL_UNITS.encode(&mut imports);
                imports.extend_from_slice(&MUTABLE_I64);
            }
            When::Raised(_) => {
                abi::CONTROL_FLAG.encode(&mut imports);
                imports.extend_from_slice(&MEMORY_OF_A_PAGE);
            }
        }
        abi::CONTROL.encode(&mut imports);
        abi::CONTROL_ASK.encode(&mut imports);
        imports.push(KIND_FUNC);
        // The type behind all others.
        self.survey.types.encode(&mut imports);
        self.appended(section::IMPORT, section, 2, &imports)
    }

    /// A list with `more` entries behind those that it has.
    fn appended(
        &mut self,
        id: u8,
        section: Option<&Section<'a>>,
        more: u32,
        entries: &[u8],
    ) -> Result<()> {
        self.types_written |= id == section::TYPE;
        self.imports_written |= id == section::IMPORT;
        let (count, rest) = match section {
            Some(section) => {
                let mut reader = section.reader();
                let count = reader.read_var_u32().map_err(fault::reader)?;
                let rest = section.contents.get(reader.current_position()..);
                (count, rest.unwrap_or_default())
            }
            None => (0, &[][..]),
        };
        let total = count
            .checked_add(more)
            .ok_or_else(|| fault::over_limit(0, count, "entries in a section", u32::MAX))?;
        let begun = self.begin(id);
        total.encode(&mut self.out);
        self.out.extend_from_slice(rest);
        self.out.extend_from_slice(entries);
        self.end(begun)
    }

    /// A section that is copied with other numbers.
    fn edited(&mut self, section: &Section<'a>, with: With) -> Result<()> {
        let mut edit = Edit::new(self.bytes, section.offset, self.moves);
        let reader = section.reader();
        let end = reader.range().end;
        let begun = self.begin(section.id);
        with(&mut self.out, &mut edit, reader)?;
        edit.copy(&mut self.out, end);
        self.end(begun)
    }

    /// Begins a section, with room for its size. Gives where its contents begin.
    fn begin(&mut self, id: u8) -> usize {
        self.out.push(id);
        self.out.extend_from_slice(&[0; SIZE]);
        self.out.len()
    }

    /// Ends the section whose contents begin at `begun`: its size is written, in as many bytes as there is room for.
    fn end(&mut self, begun: usize) -> Result<()> {
        let size = self.out.len().saturating_sub(begun);
        let mut size = u32::try_from(size).map_err(|_| too_large())?;
        let room = begun
            .checked_sub(SIZE)
            .and_then(|start| self.out.get_mut(start..begun));
        let last = SIZE.saturating_sub(1);
        for (n, byte) in room.unwrap_or_default().iter_mut().enumerate() {
            let more = if n < last { 0x80 } else { 0 };
            *byte = (size & 0x7f) as u8 | more;
            size >>= 7;
        }
        Ok(())
    }

    fn check_size(&self) -> Result<()> {
        match self.out.len() > most(self.bytes.len()) {
            true => Err(too_large()),
            false => Ok(()),
        }
    }
}

/// Bytes of a number of 32 bits at their most.
const SIZE: usize = 5;

type With = fn(&mut Vec<u8>, &mut Edit<'_>, BinaryReader<'_>) -> Result<()>;

fn start(out: &mut Vec<u8>, edit: &mut Edit<'_>, mut reader: BinaryReader<'_>) -> Result<()> {
    edit.read_func(out, &mut reader)
}

fn tables(out: &mut Vec<u8>, edit: &mut Edit<'_>, reader: BinaryReader<'_>) -> Result<()> {
    for table in TableSectionReader::new(reader).map_err(fault::reader)? {
        if let TableInit::Expr(value) = table.map_err(fault::reader)?.init {
            edit.expression(out, &value)?;
        }
    }
    Ok(())
}

fn globals(out: &mut Vec<u8>, edit: &mut Edit<'_>, reader: BinaryReader<'_>) -> Result<()> {
    for global in GlobalSectionReader::new(reader).map_err(fault::reader)? {
        edit.expression(out, &global.map_err(fault::reader)?.init_expr)?;
    }
    Ok(())
}

fn exports(out: &mut Vec<u8>, edit: &mut Edit<'_>, mut reader: BinaryReader<'_>) -> Result<()> {
    for _ in 0..reader.read_var_u32().map_err(fault::reader)? {
        reader.skip_string().map_err(fault::reader)?;
        match reader.read::<ExternalKind>().map_err(fault::reader)? {
            ExternalKind::Func | ExternalKind::FuncExact => edit.read_func(out, &mut reader)?,
            ExternalKind::Global => edit.read_global(out, &mut reader)?,
            ExternalKind::Memory => edit.read_memory(out, &mut reader)?,
            ExternalKind::Table | ExternalKind::Tag => {
                reader.read_var_u32().map_err(fault::reader)?;
            }
        }
    }
    Ok(())
}

fn elements(out: &mut Vec<u8>, edit: &mut Edit<'_>, reader: BinaryReader<'_>) -> Result<()> {
    for element in ElementSectionReader::new(reader).map_err(fault::reader)? {
        let element = element.map_err(fault::reader)?;
        if let ElementKind::Active { offset_expr, .. } = &element.kind {
            edit.expression(out, offset_expr)?;
        }
        match element.items {
            ElementItems::Functions(funcs) => {
                let mut indices = edit.reader(funcs.original_position(), element.range.end);
                for _ in 0..funcs.count() {
                    edit.read_func(out, &mut indices)?;
                }
            }
            ElementItems::Expressions(_, values) => {
                for value in values {
                    edit.expression(out, &value.map_err(fault::reader)?)?;
                }
            }
        }
    }
    Ok(())
}

fn data(out: &mut Vec<u8>, edit: &mut Edit<'_>, reader: BinaryReader<'_>) -> Result<()> {
    for segment in DataSectionReader::new(reader).map_err(fault::reader)? {
        let segment = segment.map_err(fault::reader)?;
        if let DataKind::Active {
            memory_index,
            offset_expr,
        } = segment.kind
        {
            edit.segment(out, segment.range.start, segment.range.end, memory_index)?;
            edit.expression(out, &offset_expr)?;
        }
    }
    Ok(())
}
