//! Operators that work on a length: what they cost.

use wasmparser::Operator;

use super::survey::Survey;

/// Bytes that are filled or copied for a unit, as a power of two.
const BYTES_LOG2: u32 = 6;
/// Elements of tables and arrays for a unit, as a power of two.
const ELEMENTS_LOG2: u32 = 2;

/// An operator whose last operand is a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bulk {
    /// The length is an i64, otherwise an i32.
    pub wide: bool,
    pub price: Price,
}

/// A length that the code states right in front of an operator.
#[derive(Clone, Copy, Default)]
pub(super) struct Stated(Option<u64>);

/// Bulk operations whose code states that they cost no more than this count as instructions do.
const FEW_UNITS: u64 = 64;

impl Stated {
    pub fn pass(&mut self, operator: &Operator<'_>) {
        self.0 = match *operator {
            Operator::I32Const { value } => Some(value.cast_unsigned().into()),
            Operator::I64Const { value } => Some(value.cast_unsigned()),
            _ => None,
        };
    }

    pub fn is_short(self, bulk: Bulk) -> bool {
        self.0.is_some_and(|length| bulk.units(length) <= FEW_UNITS)
    }
}

/// Units for a length, which is taken without a sign. None of them overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Price {
    /// So many powers of two of it are a unit.
    Less(u32),
    /// Each of it is so many powers of two of units. Only the lower half of the length counts: no memory has as many pages as the
    /// upper half would say, so that to grow by them fails at once.
    More(u32),
}

impl Bulk {
    pub fn bytes(wide: bool) -> Bulk {
        Bulk {
            wide,
            price: Price::Less(BYTES_LOG2),
        }
    }

    fn elements(wide: bool) -> Bulk {
        Bulk {
            wide,
            price: Price::Less(ELEMENTS_LOG2),
        }
    }

    /// What `operator` costs, if it is such a one.
    pub fn of(operator: &Operator<'_>, survey: &Survey) -> Option<Bulk> {
        let wide = |memory| survey.memory(memory).is_some_and(|memory| memory.wide);
        let wide_table = |table| survey.is_wide_table(table);
        Some(match *operator {
            Operator::MemoryFill { mem } | Operator::MemoryDiscard { mem } => {
                Bulk::bytes(wide(mem))
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                Bulk::bytes(wide(dst_mem) && wide(src_mem))
            }
            Operator::MemoryInit { .. } => Bulk::bytes(false),
            Operator::MemoryGrow { mem } => {
                let memory = survey.memory(mem)?;
                // New pages cost what it costs to fill them.
                let price = match memory.page_log2.checked_sub(BYTES_LOG2) {
                    Some(more) => Price::More(more),
                    None => Price::Less(BYTES_LOG2.saturating_sub(memory.page_log2)),
                };
                Bulk {
                    wide: memory.wide,
                    price,
                }
            }
            Operator::TableFill { table } | Operator::TableGrow { table } => {
                Bulk::elements(wide_table(table))
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => Bulk::elements(wide_table(dst_table) && wide_table(src_table)),
            Operator::TableInit { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. }
            | Operator::ArrayFill { .. }
            | Operator::ArrayCopy { .. }
            | Operator::ArrayInitData { .. }
            | Operator::ArrayInitElem { .. } => Bulk::elements(false),
            _ => return None,
        })
    }

    /// The units of a length that the code itself states.
    pub fn units(self, length: u64) -> u64 {
        match self.price {
            Price::Less(shift) => length >> shift,
            Price::More(shift) => (length & u64::from(u32::MAX)) << shift,
        }
    }
}
