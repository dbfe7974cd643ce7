//! `__wasm_apply_data_relocs`, carried out when it is linked: where it only stores known numbers, as wasm-ld makes it.

use wasmparser::{FunctionBody, Operator};

use super::module::reader;
use crate::error::Result;

/// Bytes that are stored at an address.
pub(super) struct Store {
    pub address: u64,
    pub value: u64,
    pub bytes: u32,
}

/// What a function of no parameters stores, or `None` where it does anything else. `global` gives the number that a global stands for.
pub(super) fn stores(
    body: &FunctionBody<'_>,
    global: impl Fn(u32) -> Option<u64>,
) -> Result<Option<Vec<Store>>> {
    let mut machine = Machine::default();
    for local in body.get_locals_reader().map_err(reader)? {
        let (count, ty) = local.map_err(reader)?;
        if ty != wasmparser::ValType::I32 || count > MAX_LOCALS {
            return Ok(None);
        }
        machine.locals.extend((0..count).map(|_| Some(0)));
        if machine.locals.len() > MAX_LOCALS as usize {
            return Ok(None);
        }
    }
    let mut operators = body.get_operators_reader().map_err(reader)?;
    while !operators.eof() {
        if machine
            .step(&operators.read().map_err(reader)?, &global)
            .is_none()
        {
            return Ok(None);
        }
    }
    Ok(Some(machine.stores))
}

/// wasm-ld's functions have one.
const MAX_LOCALS: u32 = 16;

/// Straight code over numbers of 32 bits.
#[derive(Default)]
struct Machine {
    locals: Vec<Option<u32>>,
    stack: Vec<u32>,
    stores: Vec<Store>,
}

impl Machine {
    /// `None`: this is something else.
    fn step(&mut self, operator: &Operator<'_>, global: impl Fn(u32) -> Option<u64>) -> Option<()> {
        match *operator {
            Operator::I32Const { value } => self.stack.push(value.cast_unsigned()),
            Operator::GlobalGet { global_index } => {
                self.stack.push(u32::try_from(global(global_index)?).ok()?)
            }
            Operator::LocalGet { local_index } => {
                self.stack.push((*self.locals.get(local_index as usize)?)?)
            }
            Operator::LocalSet { local_index } => {
                let value = self.stack.pop()?;
                *self.locals.get_mut(local_index as usize)? = Some(value);
            }
            Operator::LocalTee { local_index } => {
                let value = *self.stack.last()?;
                *self.locals.get_mut(local_index as usize)? = Some(value);
            }
            Operator::I32Add => {
                let (right, left) = (self.stack.pop()?, self.stack.pop()?);
                self.stack.push(left.wrapping_add(right));
            }
            Operator::I32Sub => {
                let (right, left) = (self.stack.pop()?, self.stack.pop()?);
                self.stack.push(left.wrapping_sub(right));
            }
            Operator::I32Store { memarg } if memarg.memory == 0 => {
                let (value, address) = (self.stack.pop()?, self.stack.pop()?);
                self.stores.push(Store {
                    address: u64::from(address).checked_add(memarg.offset)?,
                    value: value.into(),
                    bytes: 4,
                });
            }
            Operator::Nop | Operator::End => {}
            _ => return None,
        }
        Some(())
    }
}
