//! Stepping over the instructions of WebAssembly. wasmparser makes a value of each, by a function that an engine takes longer to compile than all else
//! that reads a module, where this library is a module itself; and it is a part of that module, which everybody fetches.

use wasmparser::{BinaryReader, HeapType, ValType};

use super::fault;
use crate::error::Result;

pub(super) const END: u8 = 0x0b;
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const TRY: u8 = 0x06;
const TRY_TABLE: u8 = 0x1f;

/// A type that is written as one byte, or an index, which is never negative: so begins a byte of a type.
const NEGATIVE: u8 = 0x40;
const EMPTY: u8 = 0x40;
const CONTINUES: u8 = 0x80;
/// In the alignment of an access: the number of a memory follows.
const HAS_MEMORY: u32 = 0x40;

/// Reads the rest of an instruction that begins with a byte.
pub(super) fn skip(code: u8, reader: &mut BinaryReader<'_>) -> Result<()> {
    let at = reader.original_position();
    let read = match code {
        0xfb..=0xfe => match reader.read_var_u32() {
            Ok(second) => prefixed(code, second, reader),
            Err(error) => Err(error),
        },
        _ => plain(code, reader),
    };
    match read.map_err(fault::reader)? {
        true => Ok(()),
        false => Err(fault::malformed(
            at.saturating_sub(1),
            format_args!("illegal opcode: 0x{code:x}"),
        )),
    }
}

/// Reads an expression of constants, up to its end.
pub(super) fn skip_expression(reader: &mut BinaryReader<'_>) -> Result<()> {
    let mut in_block = false;
    loop {
        let code = reader.read_u8().map_err(fault::reader)?;
        if code == END {
            break;
        }
        skip(code, reader)?;
        in_block |= matches!(code, BLOCK | LOOP | IF | TRY | TRY_TABLE);
    }
    let at = reader.original_position();
    match in_block {
        false => Ok(()),
        true => Err(fault::malformed(
            at,
            "control frames remain at end of expression",
        )),
    }
}

type Read = wasmparser::Result<bool>;

/// Whether there is such an instruction.
fn plain(code: u8, reader: &mut BinaryReader<'_>) -> Read {
    match code {
        BLOCK | LOOP | IF | TRY => block_type(reader)?,
        TRY_TABLE => {
            block_type(reader)?;
            let catches = reader.read_var_u32()?;
            for _ in 0..catches {
                match reader.read_u8()? {
                    0 | 1 => indices(2, reader)?,
                    2 | 3 => indices(1, reader)?,
                    _ => return Ok(false),
                }
            }
        }
        // br_table
        0x0e => {
            let count = reader.read_var_u32()?;
            indices(count, reader)?;
            indices(1, reader)?;
        }
        // select with types
        0x1c => {
            let count = reader.read_var_u32()?;
            for _ in 0..count {
                reader.read::<ValType>()?;
            }
        }
        0x28..=0x3e => access(reader)?,
        0x41 => drop(reader.read_var_i32()?),
        0x42 => drop(reader.read_var_i64()?),
        0x43 => drop(reader.read_bytes(4)?),
        0x44 => drop(reader.read_bytes(8)?),
        0xd0 => drop(reader.read::<HeapType>()?),
        // Switching of stacks.
        0xe3 | 0xe5 => resume(1, reader)?,
        0xe4 => resume(2, reader)?,
        0x11 | 0x13 | 0xe1 | 0xe6 => indices(2, reader)?,
        0x07..=0x09 | 0x0c | 0x0d | 0x10 | 0x12 | 0x14 | 0x15 | 0x18 => indices(1, reader)?,
        0x20..=0x26 | 0x3f | 0x40 | 0xd2 | 0xd5 | 0xd6 | 0xe0 | 0xe2 => indices(1, reader)?,
        0x00 | 0x01 | 0x05 | 0x0a | END | 0x0f | 0x19..=0x1b => {}
        0x45..=0xc4 | 0xd1 | 0xd3 | 0xd4 => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// As [`plain`], of one of two numbers.
fn prefixed(first: u8, second: u32, reader: &mut BinaryReader<'_>) -> Read {
    match (first, second) {
        // Structures, arrays, and references to them.
        (0xfb, 0x02..=0x05 | 0x08..=0x0a | 0x11..=0x13) => indices(2, reader)?,
        (0xfb, 0x00..=0x10 | 0x20..=0x22) if second != 0x0f => indices(1, reader)?,
        (0xfb, 0x14..=0x17 | 0x23 | 0x24) => drop(reader.read::<HeapType>()?),
        (0xfb, 0x18 | 0x19 | 0x25 | 0x26) => {
            reader.read_u8()?;
            indices(1, reader)?;
            reader.read::<HeapType>()?;
            reader.read::<HeapType>()?;
        }
        (0xfb, 0x0f | 0x1a..=0x1e) => {}
        // Conversions, and instructions for whole memories and tables.
        (0xfc, 0x08 | 0x0a | 0x0c | 0x0e) => indices(2, reader)?,
        (0xfc, 0x09 | 0x0b | 0x0d | 0x0f..=0x12) => indices(1, reader)?,
        (0xfc, 0x00..=0x07 | 0x13..=0x16) => {}
        // Vectors.
        (0xfd, 0x00..=0x0b | 0x5c | 0x5d) => access(reader)?,
        (0xfd, 0x0c | 0x0d) => drop(reader.read_bytes(16)?),
        (0xfd, 0x15..=0x22) => drop(reader.read_u8()?),
        (0xfd, 0x54..=0x5b) => {
            access(reader)?;
            reader.read_u8()?;
        }
        // Numbers that nothing has been given.
        (0xfd, 0x9a | 0xa2 | 0xa5 | 0xa6 | 0xaf | 0xb0 | 0xb2..=0xb4 | 0xbb) => return Ok(false),
        (0xfd, 0xc2 | 0xc5 | 0xc6 | 0xcf | 0xd0 | 0xd2..=0xd4 | 0xe2 | 0xee) => return Ok(false),
        (0xfd, 0x0e..=0x113) => {}
        // Atomic accesses.
        (0xfe, 0x00..=0x02 | 0x10..=0x4e) => access(reader)?,
        (0xfe, 0x03) => drop(reader.read_u8()?),
        (0xfe, 0x4f..=0x5b | 0x67..=0x71) => indices(2, reader)?,
        (0xfe, 0x5c..=0x66) => indices(3, reader)?,
        (0xfe, 0x72) => {}
        _ => return Ok(false),
    }
    Ok(true)
}

fn indices(count: u32, reader: &mut BinaryReader<'_>) -> wasmparser::Result<()> {
    for _ in 0..count {
        reader.read_var_u32()?;
    }
    Ok(())
}

fn block_type(reader: &mut BinaryReader<'_>) -> wasmparser::Result<()> {
    let first = reader.clone().read_u8()?;
    if first == EMPTY {
        reader.read_u8()?;
    } else if first & (CONTINUES | NEGATIVE) == NEGATIVE {
        reader.read::<ValType>()?;
    } else {
        reader.read_var_s33()?;
    }
    Ok(())
}

/// What is in front of the table of handlers, and that.
fn resume(count: u32, reader: &mut BinaryReader<'_>) -> wasmparser::Result<()> {
    indices(count, reader)?;
    let handlers = reader.read_var_u32()?;
    for _ in 0..handlers {
        let kind = reader.read_u8()?;
        indices(if kind == 0 { 2 } else { 1 }, reader)?;
    }
    Ok(())
}

/// Where in a memory.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub memory: u32,
    pub offset: u64,
}

fn access(reader: &mut BinaryReader<'_>) -> wasmparser::Result<()> {
    read_access(reader).map(drop)
}

pub(super) fn read_access(reader: &mut BinaryReader<'_>) -> wasmparser::Result<Access> {
    let flags = reader.read_var_u32()?;
    let memory = match flags & HAS_MEMORY {
        0 => 0,
        _ => reader.read_var_u32()?,
    };
    let offset = reader.read_var_u64()?;
    Ok(Access { memory, offset })
}

/// Reads the type of a table, and whether it begins with something else than null.
pub(super) fn table(reader: &mut BinaryReader<'_>) -> Result<(wasmparser::TableType, bool)> {
    let with_value = reader.clone().read_u8().map_err(fault::reader)? == WITH_VALUE;
    if with_value {
        reader.read_u8().map_err(fault::reader)?;
        if reader.read_u8().map_err(fault::reader)? != 0 {
            let at = reader.original_position().saturating_sub(1);
            return Err(fault::malformed(at, "invalid table encoding"));
        }
    }
    let ty = reader.read().map_err(fault::reader)?;
    if with_value {
        skip_expression(reader)?;
    }
    Ok((ty, with_value))
}

const WITH_VALUE: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{ConstExpr, Operator, OperatorsReader};

    /// How many bytes of an instruction's are one, by wasmparser.
    fn theirs(bytes: &[u8]) -> Option<usize> {
        let mut reader = OperatorsReader::new(BinaryReader::new(bytes, 0));
        // These want a frame that they go on or end.
        let enclosed = matches!(bytes.first(), Some(0x05 | 0x07 | 0x18 | 0x19));
        if enclosed {
            let frame = if bytes.first() == Some(&0x05) {
                0x04
            } else {
                0x06
            };
            let all = [&[frame, 0x40], bytes].concat();
            let mut reader = OperatorsReader::new(BinaryReader::new(&all, 0));
            reader.read().unwrap();
            reader.read().ok()?;
            return Some(reader.original_position() - 2);
        }
        reader.read().ok()?;
        Some(reader.original_position())
    }

    fn ours(bytes: &[u8]) -> Option<usize> {
        let mut reader = BinaryReader::new(bytes, 0);
        let code = reader.read_u8().ok()?;
        skip(code, &mut reader).ok()?;
        Some(reader.original_position())
    }

    /// What may follow an instruction's number: all that is read of it is in one of these, and where it is longer or shorter, it is so in one.
    fn tails() -> Vec<Vec<u8>> {
        let mut tails: Vec<Vec<u8>> = vec![
            vec![0; 24],
            vec![1; 24],
            vec![2; 24],
            vec![3; 40],
            vec![0x70; 64],
            vec![0x7f; 40],
            vec![0x40; 40],
            // Indices of two bytes.
            [0x81, 0x01].repeat(20),
            // An access of another memory, and of the far end of one.
            vec![0x42, 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 5, 5, 5],
            // A type of references, and what follows of catches and handlers.
            vec![0x64, 0x70, 4, 0, 1, 2, 1, 3, 4, 2, 5, 3, 6, 9, 9],
            vec![0x40, 2, 0, 1, 2, 3, 4, 5, 6],
            vec![0, 2, 0, 3, 0x84, 1, 1, 5, 7, 7],
            vec![0, 0, 2, 0, 3, 0x84, 1, 1, 5, 7, 7],
            vec![2, 0x63, 5, 0x7b, 1, 1],
            vec![3, 1, 0x70, 0x6f, 1, 1],
        ];
        let mut state = 0x2545_f491_4f6c_dd1du64;
        for _ in 0..200 {
            let byte = |_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Small numbers mean most.
                let byte = state.to_le_bytes()[3];
                if byte & 1 == 0 { byte >> 5 } else { byte }
            };
            tails.push((0..40).map(byte).collect());
        }
        tails
    }

    #[test]
    fn instructions_are_as_long_as_wasmparser_has_them() {
        let tails = tails();
        let mut known = 0;
        let mut compare = |head: &[u8]| {
            let mut is_known = false;
            for tail in &tails {
                let bytes = [head, tail].concat();
                let theirs = theirs(&bytes);
                is_known |= theirs.is_some();
                // What wasmparser refuses for what an index or a flag is worth may be read here.
                if let Some(length) = theirs {
                    assert_eq!(ours(&bytes), Some(length), "{head:x?} {tail:x?}");
                }
            }
            if !is_known {
                for tail in &tails {
                    let bytes = [head, tail].concat();
                    assert_eq!(ours(&bytes), None, "{head:x?}");
                }
            }
            known += usize::from(is_known);
        };
        for code in 0..=0xfa {
            compare(&[code]);
        }
        compare(&[0xff]);
        for prefix in 0xfb..=0xfe {
            for second in 0..0x180u32 {
                let (low, high) = (second & 0x7f, second >> 7);
                let low = u8::try_from(low).unwrap() | if high > 0 { 0x80 } else { 0 };
                let high = u8::try_from(high).unwrap();
                match high {
                    0 => compare(&[prefix, low]),
                    _ => compare(&[prefix, low, high]),
                }
            }
        }
        assert!(known > 600, "{known}");
    }

    #[test]
    fn expressions_end_where_wasmparser_ends_them() {
        for text in [
            "f64.const 1",
            "v128.const i64x2 11 11",
            "ref.null func",
            "i32.const 11 i32.const 11 i32.add",
            "i32.const 11 ref.i31",
        ] {
            let module = format!("(module (func {text} unreachable))");
            let module = wat::parse_str(module).unwrap();
            let end = module.len();
            // Of the body: one byte says that there are no locals.
            let begin = (8..end).rev().find(|&at| {
                let mut reader = OperatorsReader::new(BinaryReader::new(&module[at..], at));
                module[at - 1] == 0 && matches!(reader.read(), Ok(first) if begins(&first, text))
            });
            let mut bytes = module[begin.unwrap()..end].to_vec();
            // In the place of `unreachable`, which stands in no such expression.
            bytes.remove(bytes.len() - 2);
            bytes.push(7);
            let mut reader = BinaryReader::new(&bytes, 0);
            skip_expression(&mut reader).unwrap();
            assert_eq!(reader.original_position(), bytes.len() - 1, "{text}");
            let mut theirs = BinaryReader::new(&bytes, 0);
            theirs.read::<ConstExpr<'_>>().unwrap();
            assert_eq!(theirs.original_position(), reader.original_position());
        }
        for (bytes, why) in [
            (&[0x02, 0x40, END, END][..], "control frames remain"),
            (&[0x27, END], "illegal opcode: 0x27"),
            (&[0x41, 1], "unexpected end"),
            (&[0xfb, 0x7f, END], "illegal opcode: 0xfb"),
        ] {
            let error = skip_expression(&mut BinaryReader::new(bytes, 0)).unwrap_err();
            assert!(error.message().contains(why), "{}", error.message());
        }
    }

    fn begins(first: &Operator<'_>, text: &str) -> bool {
        let names = [
            ("f64.const", "F64Const"),
            ("v128", "V128Const"),
            ("ref.null", "RefNull"),
            ("i32.const", "I32Const"),
        ];
        let mut names = names.iter().filter(|(name, _)| text.starts_with(name));
        let debug = format!("{first:?}");
        names.any(|(_, name)| debug.starts_with(name))
    }
}
