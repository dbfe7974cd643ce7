//! Expressions: addresses of data, and numbers of globals.

use gimli::{DieReference, EndianSlice, Expression, LittleEndian, Operation};

use super::bytes::{Broken, Read, put, put_leb, put_offset, put_word};
use super::input::{Input, Unit};
use crate::fuse::targets::{Global, Number};

/// `DW_OP_const4u`
const CONST4U: u8 = 0x0c;
/// `DW_OP_nop`
const NOP: u8 = 0x96;

/// What stands for a global that is not there, as wasm-ld has it.
const NO_GLOBAL: u32 = u32::MAX;

/// An operation that is waiting for the next one: a global that became a number, which is added to an address.
struct Base {
    number: u32,
    /// Where the operation is.
    at: usize,
    size: usize,
}

/// Rewrites an expression. `new` has the same bytes as `old`, and `addr` is what is written of `.debug_addr`.
pub(super) fn rewrite(
    input: &Input<'_>,
    unit: &Unit,
    old: &[u8],
    new: &mut [u8],
    addr: &mut [u8],
) -> Read<()> {
    // Expressions in expressions are taken one by one.
    let whole = Expression(EndianSlice::new(old, LittleEndian));
    let mut waiting = vec![(0usize, whole)];
    while let Some((start, expression)) = waiting.pop() {
        let mut operations = expression.operations(unit.encoding);
        let mut at = start;
        let mut base: Option<Base> = None;
        let mut relative = false;
        // Where a sum is made of a base and an address, which then is the whole.
        let mut sum: Option<Base> = None;
        loop {
            let broken = Broken("an expression is malformed");
            let Some(operation) = operations.next().map_err(|_| broken)? else {
                break;
            };
            let end = start.saturating_add(operations.offset_from(&expression));
            let size = end.saturating_sub(at);
            let (before, summed) = (base.take(), sum.take());
            // What an address counts from. Behind a global that is one, the expression adds it.
            let number = match (&before, std::mem::take(&mut relative)) {
                (Some(base), _) => Some(base.number),
                (None, relative) => (!relative).then_some(input.memory),
            };
            match operation {
                Operation::WasmGlobal { index } => {
                    relative = true;
                    base = global(input, new, at, size, index)?;
                }
                Operation::Address { address } => {
                    let address = u32::try_from(address).map_err(|_| broken)?;
                    if let Some(number) = number
                        && let Some(address) = data(address, number)
                    {
                        put_word(new, at.saturating_add(1), address)?;
                    }
                    sum = before;
                }
                Operation::AddressIndex { index } => {
                    let index = u32::try_from(index.0).map_err(|_| broken)?;
                    let place = unit.address_place(index)?;
                    if let Some(number) = number
                        && let Some(address) = data(input.address(place)?, number)
                    {
                        put_word(addr, place, address)?;
                    }
                    sum = before;
                }
                Operation::Plus => {
                    if let Some(base) = summed {
                        fill(new, base.at, base.size)?;
                        put(new, at, &[NOP])?;
                    }
                }
                Operation::EntryValue { expression: inner } => {
                    let inner_start = end.checked_sub(inner.len()).ok_or(broken)?;
                    waiting.push((inner_start, Expression(inner)));
                }
                Operation::Call {
                    offset: DieReference::DebugInfoRef(offset),
                }
                | Operation::VariableValue { offset }
                | Operation::ImplicitPointer { value: offset, .. } => {
                    put_offset(new, at.saturating_add(1), offset.0, input.bases.info)?;
                }
                _ => {}
            }
            at = end;
        }
    }
    Ok(())
}

/// An address of data, unless it is what linkers put where the data was left out.
fn data(address: u32, base: u32) -> Option<u32> {
    (address < u32::MAX - 1).then(|| address.wrapping_add(base))
}

/// Rewrites `DW_OP_WASM_location` of a global, and gives what it stands for if that is a number.
fn global(
    input: &Input<'_>,
    new: &mut [u8],
    at: usize,
    size: usize,
    index: u32,
) -> Read<Option<Base>> {
    let number = match (input.global)(index) {
        Some(Ok(number)) => number,
        Some(Err((value, Number::I32))) => {
            let number = value as u32;
            // Its bytes are `ed 03` and four of the index.
            if size == 6 {
                let [a, b, c, d] = number.to_le_bytes();
                put(new, at, &[CONST4U, a, b, c, d, NOP])?;
            }
            return Ok((size == 6).then_some(Base { number, at, size }));
        }
        Some(Err(_)) | None => NO_GLOBAL,
    };
    let operand = at.saturating_add(2);
    if size == 6 && new.get(at.saturating_add(1)) == Some(&3) {
        put_word(new, operand, number)?;
    } else {
        // An LEB128 may have no room for it, and then the largest that it has room for is no global either.
        let size = size.saturating_sub(2);
        let bits = u32::try_from(size.saturating_mul(7)).unwrap_or(u32::MAX);
        let most = 1u32
            .checked_shl(bits)
            .map_or(u32::MAX, |end| end.wrapping_sub(1));
        let number = if number == NO_GLOBAL { most } else { number };
        put_leb(new, operand, size, number.into())?;
    }
    Ok(None)
}

fn fill(new: &mut [u8], at: usize, size: usize) -> Read<()> {
    for n in 0..size {
        put(new, at.saturating_add(n), &[NOP])?;
    }
    Ok(())
}

/// What a global of an object is in the fused module: its index, or the number that it stands for; `None` if it is not there.
pub(in crate::fuse) type Found = Option<Result<u32, (u64, Number)>>;

/// The same by what is known of the global.
pub(in crate::fuse) fn found(global: Global, number: Option<u32>) -> Found {
    match (number, global) {
        (Some(number), _) => Some(Ok(number)),
        (None, Global::Number { value, ty }) => Some(Err((value, ty))),
        (None, _) => None,
    }
}
