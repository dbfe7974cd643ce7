//! Memory and table as they are before any code runs: what segments put there, at the addresses of the plan.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wasmparser::{ConstExpr, DataKind, ElementItems, ElementKind, Operator};

use super::World;
use super::module::{Module, reader};
use super::targets::{Func, Table, Targets};
use super::values::Values;
use crate::error::{Code, Error, Result};
use crate::text;

/// A piece of memory.
pub(super) struct Piece<'a> {
    pub address: u64,
    pub bytes: Cow<'a, [u8]>,
    pub object: u32,
}

/// An entry of the shared table.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub func: Func,
    /// In whose range it lies.
    pub object: u32,
}

#[derive(Default)]
pub(super) struct Image<'a> {
    /// In the order in which they are put there. Those of one object may overlap.
    pub pieces: Vec<Piece<'a>>,
    pub table: BTreeMap<u64, Entry>,
    /// Element segments that stay as they are: passive ones, declared ones, those of other tables or of computed values. By object and
    /// position; with the offset of active ones.
    pub elements: Vec<(u32, u32, Option<u64>)>,
    /// Passive data segments.
    pub data: Vec<(u32, u32)>,
    /// For each object, whether its pieces lie side by side: then one byte is in one piece. By address.
    order: Vec<Option<Vec<usize>>>,
}

impl<'a> Image<'a> {
    pub fn new(
        world: &World<'_>,
        modules: &[Module<'a>],
        targets: &Targets,
        values: &Values,
    ) -> Result<Image<'a>> {
        let mut image = Image::default();
        for (module, object) in modules.iter().zip(0..) {
            let known = |expression: &ConstExpr<'_>| {
                let value = values.of(object, expression);
                value.ok_or_else(|| {
                    let name = world
                        .request
                        .fresh
                        .get(object as usize)
                        .map_or("?", |found| &found.name);
                    Error::new(
                        Code::Unsupported,
                        format!(
                            "{}: a segment begins where only a running engine could tell",
                            text::name(name)
                        ),
                    )
                })
            };
            for (segment, n) in module.data.iter().zip(0..) {
                match &segment.kind {
                    DataKind::Passive => image.data.push((object, n)),
                    DataKind::Active { offset_expr, .. } => image.pieces.push(Piece {
                        address: known(offset_expr)?,
                        bytes: Cow::Borrowed(segment.data),
                        object,
                    }),
                }
            }
            for (segment, n) in module.elements.iter().zip(0..) {
                let ElementKind::Active {
                    table_index,
                    offset_expr,
                } = &segment.kind
                else {
                    image.elements.push((object, n, None));
                    continue;
                };
                let start = known(offset_expr)?;
                let shared = targets.table_at(object, table_index.unwrap_or(0)) == Table::Shared;
                match functions(&segment.items)?.filter(|_| shared) {
                    Some(funcs) => {
                        for (func, slot) in funcs.into_iter().zip(start..) {
                            if let Some(index) = func {
                                let func = targets.func_of(object, index);
                                image.table.insert(slot, Entry { func, object });
                            }
                        }
                    }
                    None => image.elements.push((object, n, Some(start))),
                }
            }
        }
        for fill in &world.plan.fills {
            let func = targets.callee(world, &fill.callee)?;
            let object = image
                .table
                .get(&fill.slot)
                .map_or(NOBODY, |entry| entry.object);
            image.table.insert(fill.slot, Entry { func, object });
        }
        image.sort(modules.len());
        Ok(image)
    }

    fn sort(&mut self, objects: usize) {
        let mut order: Vec<Vec<usize>> = vec![Vec::new(); objects];
        for (n, piece) in self.pieces.iter().enumerate() {
            if let Some(order) = order.get_mut(piece.object as usize) {
                order.push(n);
            }
        }
        let end = |piece: &Piece<'_>| piece.address.saturating_add(piece.bytes.len() as u64);
        for mut order in order {
            let piece = |n: &usize| self.pieces.get(*n);
            order.sort_by_key(|n| piece(n).map(|piece| piece.address));
            let apart = order.windows(2).all(|two| {
                let two = two.iter().filter_map(piece).collect::<Vec<_>>();
                matches!(two[..], [first, second] if end(first) <= second.address)
            });
            self.order.push(apart.then_some(order));
        }
    }

    /// Where a byte of an object's is: which piece, and the place in it. `None` where it is in none, or in several.
    fn place(&self, object: u32, address: u64) -> Option<(usize, usize)> {
        let order = self.order.get(object as usize)?.as_ref()?;
        let start = |n: &usize| self.pieces.get(*n).map_or(u64::MAX, |piece| piece.address);
        let n = order
            .partition_point(|n| start(n) <= address)
            .checked_sub(1)?;
        let piece = self.pieces.get(*order.get(n)?)?;
        let place = usize::try_from(address.checked_sub(piece.address)?).ok()?;
        (place < piece.bytes.len()).then_some((*order.get(n)?, place))
    }

    /// Whether one piece of an object's has a byte.
    pub fn holds(&self, object: u32, address: u64) -> bool {
        self.place(object, address).is_some()
    }

    /// Puts a byte over one that a piece has.
    pub fn put(&mut self, object: u32, address: u64, byte: u8) {
        if let Some((n, place)) = self.place(object, address)
            && let Some(piece) = self.pieces.get_mut(n)
            && let Some(there) = piece.bytes.to_mut().get_mut(place)
        {
            *there = byte;
        }
    }
}

/// Entries that no object's own segment has.
pub(super) const NOBODY: u32 = u32::MAX;

/// The functions of a segment that has nothing else.
fn functions(items: &ElementItems<'_>) -> Result<Option<Vec<Option<u32>>>> {
    match items {
        ElementItems::Functions(funcs) => {
            let funcs = funcs.clone().into_iter().map(|func| func.map(Some));
            Ok(Some(
                funcs.collect::<wasmparser::Result<_>>().map_err(reader)?,
            ))
        }
        ElementItems::Expressions(_, expressions) => {
            let mut funcs = Vec::new();
            for expression in expressions.clone() {
                let mut operators = expression.map_err(reader)?.get_operators_reader();
                match operators.read().map_err(reader)? {
                    Operator::RefFunc { function_index } => funcs.push(Some(function_index)),
                    Operator::RefNull { .. } => funcs.push(None),
                    _ => return Ok(None),
                }
            }
            Ok(Some(funcs))
        }
    }
}
