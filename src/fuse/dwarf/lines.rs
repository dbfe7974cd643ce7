//! Line tables: headers stay, and the programs behind them are written anew, since distances of code have changed.

use super::bytes::{Broken, Cursor, Read, push_leb, put_offset, put_word};
use super::input::{GONE_IN_LIST, Input};
use super::lists::Gone;

// Standard opcodes
const COPY: u8 = 1;
const ADVANCE_PC: u8 = 2;
const ADVANCE_LINE: u8 = 3;
const SET_BASIC_BLOCK: u8 = 7;
const CONST_ADD_PC: u8 = 8;
const FIXED_ADVANCE_PC: u8 = 9;
const SET_PROLOGUE_END: u8 = 10;
const SET_EPILOGUE_BEGIN: u8 = 11;

// Extended opcodes
const END_SEQUENCE: u8 = 1;
const SET_ADDRESS: u8 = 2;
const DEFINE_FILE: u8 = 3;
const SET_DISCRIMINATOR: u8 = 4;

// Forms of directories and files
const DATA2: u64 = 0x05;
const DATA4: u64 = 0x06;
const DATA8: u64 = 0x07;
const STRING: u64 = 0x08;
const BLOCK: u64 = 0x09;
const DATA1: u64 = 0x0b;
const STRP: u64 = 0x0e;
const UDATA: u64 = 0x0f;
const STRX: u64 = 0x1a;
const DATA16: u64 = 0x1e;
const LINE_STRP: u64 = 0x1f;

/// Valid tables hardly grow; what would not stay below this is none.
const GROWTH: usize = 4;

/// Writes `.debug_line` anew, and says where each table has gone.
pub(super) fn rewrite(input: &Input<'_>, new: &mut Vec<u8>) -> Read<Gone> {
    let section = input.sections.line;
    let most = section.len().saturating_mul(GROWTH).saturating_add(1 << 16);
    let mut gone = Gone::default();
    let mut tables = Cursor::new(section, 0);
    while !tables.is_at_end() {
        let start = tables.at;
        let table = tables.unit()?;
        gone.add(start, new.len())?;
        let new_start = new.len();
        let header = header(input, start, &table, new)?;
        let mut program = Program {
            input,
            header: &header,
            old: Cursor::new(table.bytes, header.program),
            new,
            most,
            row: Row::default(),
            last: None,
            kept: None,
            flags: Vec::new(),
        };
        program.run()?;
        let size = new.len().saturating_sub(new_start).saturating_sub(4);
        let size = u32::try_from(size).map_err(|_| Broken("a section is too large"))?;
        put_word(new, new_start, size)?;
    }
    Ok(gone)
}

struct Header<'a> {
    /// Where the program begins.
    program: usize,
    line_base: i8,
    line_range: u8,
    opcode_base: u8,
    /// How many operands each standard opcode has, from the first on.
    lengths: &'a [u8],
}

impl Header<'_> {
    fn operands(&self, opcode: u8) -> Option<u8> {
        let n = usize::from(opcode).checked_sub(1)?;
        self.lengths.get(n).copied()
    }
}

/// Copies a header, with the offsets of its texts.
fn header<'a>(
    input: &Input<'_>,
    start: usize,
    table: &Cursor<'a>,
    new: &mut Vec<u8>,
) -> Read<Header<'a>> {
    let mut cursor = table.clone();
    let version = cursor.half()?;
    if !(2..=5).contains(&version) {
        return Err(Broken("its line tables are of a version that is not known"));
    }
    if version == 5 && cursor.half()? != 4 {
        return Err(Broken(
            "its addresses have another size than those of the code",
        ));
    }
    let length = cursor.word()? as usize;
    let program = cursor.at.checked_add(length);
    let program = program.filter(|program| *program <= table.bytes.len());
    let program = program.ok_or(Broken("a line table has no program"))?;
    let unit = cursor.byte()?;
    let operations = if version >= 4 { cursor.byte()? } else { 1 };
    if (unit, operations) != (1, 1) {
        return Err(Broken("its line tables are for another machine"));
    }
    let _is_statement = cursor.byte()?;
    let line_base = cursor.byte()?.cast_signed();
    let (line_range, opcode_base) = (cursor.byte()?, cursor.byte()?);
    if line_range == 0 || opcode_base == 0 {
        return Err(Broken("a line table has no opcodes"));
    }
    let lengths = cursor.take(usize::from(opcode_base).saturating_sub(1))?;
    let new_start = new.len();
    new.extend(table.bytes.get(start..program).unwrap_or_default());
    if version == 5 {
        let mut texts = |cursor: &mut Cursor<'a>| -> Read<()> {
            let formats = cursor.byte()?;
            let mut forms = Vec::with_capacity(formats.into());
            for _ in 0..formats {
                cursor.leb()?;
                forms.push(cursor.leb()?);
            }
            let count = cursor.leb()?;
            if forms.is_empty() {
                return Ok(());
            }
            for _ in 0..count {
                for form in &forms {
                    let at = cursor
                        .at
                        .checked_sub(start)
                        .and_then(|at| at.checked_add(new_start));
                    let at = at.ok_or(Broken("a text has no place"))?;
                    match *form {
                        STRING => cursor.text()?,
                        LINE_STRP => {
                            let text = cursor.word()? as usize;
                            put_offset(new, at, text, input.bases.line_str)?;
                        }
                        STRP => {
                            let text = cursor.word()? as usize;
                            put_offset(new, at, text, input.bases.str)?;
                        }
                        UDATA | STRX => cursor.leb().map(|_| ())?,
                        BLOCK => cursor.take_counted().map(|_| ())?,
                        DATA1 => cursor.take(1).map(|_| ())?,
                        DATA2 => cursor.take(2).map(|_| ())?,
                        DATA4 => cursor.take(4).map(|_| ())?,
                        DATA8 => cursor.take(8).map(|_| ())?,
                        DATA16 => cursor.take(16).map(|_| ())?,
                        _ => return Err(Broken("a file is told in a form that is not known")),
                    }
                }
            }
            Ok(())
        };
        // Directories, then files.
        texts(&mut cursor)?;
        texts(&mut cursor)?;
        if cursor.at > program {
            return Err(Broken("a line table's files are cut off"));
        }
    }
    Ok(Header {
        program,
        line_base,
        line_range,
        opcode_base,
        lengths,
    })
}

/// The registers that are written in another way.
#[derive(Default)]
struct Row {
    /// In the object. `None`: the code was left out before, for which linkers put what is no address.
    address: Option<u32>,
    /// How many lines are to be advanced before the next row.
    lines: i64,
}

struct Program<'a, 'b> {
    input: &'a Input<'a>,
    header: &'a Header<'a>,
    old: Cursor<'b>,
    new: &'a mut Vec<u8>,
    most: usize,
    row: Row,
    /// The address of the last row of the sequence that is written.
    last: Option<u32>,
    /// Where the sequence begins that is being written.
    kept: Option<usize>,
    /// What holds for the next row alone.
    flags: Vec<u8>,
}

impl Program<'_, '_> {
    fn run(&mut self) -> Read<()> {
        self.kept = Some(self.new.len());
        while !self.old.is_at_end() {
            let at = self.old.at;
            let opcode = self.old.byte()?;
            match opcode {
                _ if opcode >= self.header.opcode_base => {
                    let special = opcode.saturating_sub(self.header.opcode_base);
                    self.advance((special / self.header.line_range).into());
                    let lines = special % self.header.line_range;
                    self.row.lines = self.row.lines.saturating_add(lines.into());
                    let base = self.header.line_base.into();
                    self.row.lines = self.row.lines.saturating_add(base);
                    self.row();
                }
                0 => self.extended(at)?,
                COPY => self.row(),
                ADVANCE_PC => {
                    let by = self.old.leb()?;
                    self.advance(
                        by.to_le_bytes()
                            .first_chunk()
                            .map_or(0, |low| u32::from_le_bytes(*low)),
                    );
                }
                ADVANCE_LINE => {
                    let by = signed(&mut self.old)?;
                    self.row.lines = self.row.lines.saturating_add(by);
                }
                CONST_ADD_PC => {
                    let special = 255 - self.header.opcode_base;
                    self.advance((special / self.header.line_range).into());
                }
                FIXED_ADVANCE_PC => {
                    let by = self.old.half()?;
                    self.advance(by.into());
                }
                SET_BASIC_BLOCK | SET_PROLOGUE_END | SET_EPILOGUE_BEGIN => self.flags.push(opcode),
                _ => {
                    for _ in 0..self.header.operands(opcode).unwrap_or(0) {
                        self.old.leb()?;
                    }
                    self.copy(at);
                }
            }
            if self.new.len().saturating_add(self.flags.len()) > self.most {
                return Err(Broken("its line tables are not of code"));
            }
        }
        // A sequence without an end says nothing.
        self.new.truncate(self.kept.unwrap_or_default());
        Ok(())
    }

    fn advance(&mut self, by: u32) {
        self.row.address = self.row.address.and_then(|address| address.checked_add(by));
    }

    /// Copies what has been read since a place.
    fn copy(&mut self, at: usize) {
        let read = self.old.bytes.get(at..self.old.at);
        self.new.extend(read.unwrap_or_default());
    }

    fn extended(&mut self, at: usize) -> Read<()> {
        let whole = self.old.take_counted()?;
        let mut operands = Cursor::new(whole, 0);
        // One without an opcode does nothing.
        let opcode = match whole.is_empty() {
            true => 0,
            false => operands.byte()?,
        };
        match opcode {
            END_SEQUENCE => self.end(),
            SET_ADDRESS => {
                let address = Some(operands.word()?);
                self.row.address = address.filter(|address| !matches!(address, 0 | GONE_IN_LIST..));
            }
            SET_DISCRIMINATOR => {
                let read = self.old.bytes.get(at..self.old.at);
                self.flags.extend(read.unwrap_or_default());
            }
            // The sequence that it is in may be left out, which would number the files of the next ones anew.
            DEFINE_FILE => return Err(Broken("a line table adds a file between rows")),
            _ => self.copy(at),
        }
        Ok(())
    }

    /// Writes a row, if its code is there.
    fn row(&mut self) {
        let places = self.input.places;
        let Some(address) = self.row.address.and_then(|old| places.point(old)) else {
            self.flags.clear();
            return;
        };
        let flags = std::mem::take(&mut self.flags);
        self.new.extend(flags);
        let header = self.header;
        let distance = self.last.and_then(|last| address.checked_sub(last));
        // A special opcode, where it says both distances.
        let lines = self.row.lines.checked_sub(header.line_base.into());
        let lines = lines.and_then(|lines| u8::try_from(lines).ok());
        let lines = lines.filter(|lines| *lines < header.line_range);
        let special = distance.zip(lines).and_then(|(distance, lines)| {
            let distance = u8::try_from(distance).ok()?;
            let special = distance
                .checked_mul(header.line_range)?
                .checked_add(lines)?;
            special.checked_add(header.opcode_base)
        });
        if let Some(special) = special {
            self.new.push(special);
        } else {
            self.go_to(address);
            if self.row.lines != 0 {
                self.new.push(ADVANCE_LINE);
                push_signed(self.new, self.row.lines);
            }
            self.new.push(COPY);
        }
        self.row.lines = 0;
        self.last = Some(address);
    }

    fn go_to(&mut self, address: u32) {
        match self.last.and_then(|last| address.checked_sub(last)) {
            Some(0) => {}
            Some(distance) => {
                self.new.push(ADVANCE_PC);
                push_leb(self.new, distance);
            }
            None => {
                self.new.extend([0, 5, SET_ADDRESS]);
                self.new.extend(address.to_le_bytes());
            }
        }
    }

    /// Ends a sequence, which is left out if all of its code is.
    fn end(&mut self) {
        self.flags.clear();
        match self.last {
            None => self.new.truncate(self.kept.unwrap_or_default()),
            Some(last) => {
                let places = &self.input.places;
                let end = self
                    .row
                    .address
                    .and_then(|old| places.end(old))
                    .unwrap_or(last);
                self.go_to(end.max(last));
                self.new.extend([0, 1, END_SEQUENCE]);
            }
        }
        self.kept = Some(self.new.len());
        self.last = None;
        self.row = Row::default();
    }
}

/// Reads an LEB128 with a sign.
fn signed(cursor: &mut Cursor<'_>) -> Read<i64> {
    let start = cursor.at;
    let value = cursor.leb()?;
    let bits = cursor.at.saturating_sub(start).saturating_mul(7);
    let unused = u32::try_from(64usize.saturating_sub(bits)).unwrap_or(0);
    Ok(value
        .cast_signed()
        .wrapping_shl(unused)
        .wrapping_shr(unused))
}

fn push_signed(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = value;
    loop {
        let low = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        let is_last = rest == if low & 0x40 == 0 { 0 } else { -1 };
        if is_last {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}
