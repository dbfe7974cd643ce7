//! Where each new object's data and table slots go.
//!
//! The first load lays out the whole memory:
//!
//! ```text
//! 0       1024        +stack       +data of main, libraries            pages
//! | unused | <- stack   | main | liba | libb | heap_base ... heap_end    |     position-independent main, or none
//! | the main program's own layout             | liba | libb | free        |     fixed main
//! ```
//!
//! The stack comes first, so that an overflow leaves memory at its lower end and traps. Later loads take free ranges
//! first, then new pages at the end.

use serde::{Deserialize, Serialize};

use super::Request;
use super::model::{Found, Landmarks, Placement, Role};
use super::regions::{Regions, align_up};
use super::resolve::Binding;
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{ExternType, Limits};

/// Sizes as the engine reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub memory_pages: u64,
    pub table_slots: u64,
}

/// The memory (in pages) or the table (in slots).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// `None`: to be made.
    pub before: Option<u64>,
    pub after: u64,
    pub max: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Layout {
    /// One for each new object.
    pub placements: Vec<Placement>,
    pub memory: Extent,
    pub table: Extent,
    pub landmarks: Landmarks,
    /// What is free once the load is done.
    pub memory_free: Regions,
    pub table_free: Regions,
}

/// The last address that is aligned as the heap is. The end of the largest memory is no address of 32 bits.
const LAST_ADDRESS: u64 = abi::MAX_PAGES * abi::PAGE - abi::STACK_ALIGN;

/// A space being filled: free ranges first, then its end.
struct Filling<'a> {
    free: Regions,
    end: u64,
    unit: u64,
    limit: u64,
    what: &'a str,
}

impl Filling<'_> {
    fn take(&mut self, found: &Found, size: u64, p2align: u32) -> Result<u64> {
        if p2align > abi::MAX_P2ALIGN {
            return Err(Error::new(
                Code::Malformed,
                format!(
                    "{}: dylink.0 asks for an alignment of 2^{p2align} in the {}",
                    found.name, self.what
                ),
            ));
        }
        let align = 1u64 << p2align;
        if size == 0 {
            // Nothing lies there, so that there is always room; the address of an empty object is not null if possible.
            let at = align_up(self.end, align).unwrap_or(0);
            let inside = at < self.limit.saturating_mul(self.unit);
            return Ok(if inside { at } else { 0 });
        }
        if let Some(at) = self.free.take(size, align) {
            return Ok(at);
        }
        let too_much = || {
            Error::new(
                Code::Limit,
                format!(
                    "{}: no room for {size} {} aligned to {align} in the {}: {} of at most {} are in use",
                    found.name,
                    if self.unit == 1 { "slots" } else { "bytes" },
                    self.what,
                    self.end,
                    self.limit.saturating_mul(self.unit)
                ),
            )
        };
        // What is free at the end grows with it.
        let start = self.free.take_tail(self.end).unwrap_or(self.end);
        let at = align_up(start, align).ok_or_else(too_much)?;
        let end = at.checked_add(size).ok_or_else(too_much)?;
        if end > self.limit.saturating_mul(self.unit) {
            return Err(too_much());
        }
        // The end began above address 0 and the null slot: every gap is ours to hand out.
        self.free.give(start, at - start)?;
        self.end = end;
        Ok(at)
    }
}

pub fn place(request: &Request<'_>, bindings: &[Vec<Binding>]) -> Result<Layout> {
    let objects = request.fresh.iter().zip(bindings);
    let objects: Vec<Placing<'_>> = objects
        .map(|(found, bindings)| Placing {
            found,
            memory: imported_limits(found, bindings, Kind::Memory),
            table: imported_limits(found, bindings, Kind::Table),
        })
        .collect();
    match (&request.now, &request.model.landmarks) {
        (Some(now), Some(landmarks)) => place_later(request, &objects, *now, *landmarks),
        (now, _) => place_first(request, &objects, *now),
    }
}

/// An object to be placed.
struct Placing<'a> {
    found: &'a Found,
    /// What it says of the shared memory and table, where it imports them.
    memory: Option<Limits>,
    table: Option<Limits>,
}

impl Placing<'_> {
    fn limits(&self, kind: Kind) -> Option<Limits> {
        match kind {
            Kind::Memory => self.memory,
            Kind::Table => self.table,
        }
    }

    fn fixed_bytes(&self) -> u64 {
        let own = self.found.object.memory.map(|m| m.limits);
        bytes(self.memory.or(own).map_or(0, |l| l.min))
    }

    fn fixed_slots(&self) -> u64 {
        let own = self.found.object.table.map(|(_, t)| t.limits);
        self.table.or(own).map_or(0, |l| l.min)
    }
}

fn place_later(
    request: &Request<'_>,
    objects: &[Placing<'_>],
    now: Sizes,
    landmarks: Landmarks,
) -> Result<Layout> {
    let model = request.model;
    let mut memory = Filling {
        free: model.memory.clone(),
        // A program without a memory of its own has left none.
        end: bytes(now.memory_pages).max(abi::NULL_GUARD),
        unit: abi::PAGE,
        limit: memory_limit(request, model.memory_max),
        what: "memory",
    };
    let mut table = Filling {
        free: model.table.clone(),
        end: now.table_slots,
        unit: 1,
        limit: table_limit(request, model.table_max),
        what: "table",
    };
    let mut placements = Vec::with_capacity(request.fresh.len());
    for object in objects {
        placements.push(place_object(object, &mut memory, &mut table)?);
    }
    // A memory of no pages, into which nothing was put, need not grow.
    let used = Some(memory.end).filter(|&end| end > abi::NULL_GUARD);
    let pages = used.unwrap_or(0).div_ceil(abi::PAGE);
    let pages = pages.max(minimum(objects, Kind::Memory));
    give_rest(&mut memory.free, memory.end, pages)?;
    let slots = table.end.max(minimum(objects, Kind::Table));
    table.free.give(table.end, slots - table.end)?;
    check_maximum(objects, Kind::Memory, model.memory_max)?;
    check_maximum(objects, Kind::Table, model.table_max)?;
    let layout = Layout {
        placements,
        memory: Extent {
            before: Some(now.memory_pages),
            after: pages,
            max: model.memory_max,
        },
        table: Extent {
            before: Some(now.table_slots),
            after: slots,
            max: model.table_max,
        },
        landmarks,
        memory_free: memory.free,
        table_free: table.free,
    };
    within_limits(request, layout)
}

/// `now` is what a namespace that was emptied has left: it serves again where its limits are those that would be chosen.
fn place_first(
    request: &Request<'_>,
    objects: &[Placing<'_>],
    now: Option<Sizes>,
) -> Result<Layout> {
    // Always with a maximum: a library that declares the largest there is would not take a memory without one.
    let memory_max = maximum(
        objects,
        Kind::Memory,
        request.options.limits.memory_pages,
        abi::MAX_PAGES,
    )
    .or(Some(abi::MAX_PAGES));
    let table_max = maximum(
        objects,
        Kind::Table,
        request.options.limits.table_slots,
        u32::MAX.into(),
    );
    let fixed = objects.iter().find(|o| o.found.role == Role::FixedMain);
    // A program may have less memory than stays unused below every object.
    let own = fixed.map_or(0, Placing::fixed_bytes);
    let mut end = own.max(abi::NULL_GUARD);
    let stack = match fixed.map(|object| object.found) {
        None => Some(end),
        Some(found) if imports(found, abi::STACK_POINTER) && found.stack_pointer.is_none() => {
            Some(end)
        }
        Some(_) => None,
    };
    let mut landmarks = Landmarks {
        stack_pointer: fixed.and_then(|object| object.found.stack_pointer),
        ..Landmarks::default()
    };
    if let Some(low) = stack {
        let high = align_up(request.options.stack_size, abi::STACK_ALIGN)
            .and_then(|size| low.checked_add(size))
            .filter(|&high| high <= bytes(memory_limit(request, memory_max)).min(LAST_ADDRESS))
            .ok_or_else(|| {
                let size = request.options.stack_size;
                Error::new(Code::Limit, format!("no room for a stack of {size} bytes"))
            })?;
        landmarks.stack_low = Some(low);
        landmarks.stack_high = Some(high);
        landmarks.stack_pointer = Some(high);
        end = high;
    }
    let mut memory = Filling {
        free: Regions::default(),
        end,
        unit: abi::PAGE,
        limit: memory_limit(request, memory_max),
        what: "memory",
    };
    let mut table = Filling {
        free: Regions::default(),
        end: fixed.map_or(0, Placing::fixed_slots).max(abi::FIRST_SLOT),
        unit: 1,
        limit: table_limit(request, table_max),
        what: "table",
    };
    let space = fixed.and_then(|object| object.found.space());
    if let Some(space) = space {
        for &(start, len) in &space.memory_free {
            memory.free.give(start, len)?;
        }
        for &(start, len) in &space.table_free {
            table.free.give(start, len)?;
        }
    }
    let mut placements = Vec::with_capacity(request.fresh.len());
    for object in objects {
        placements.push(place_object(object, &mut memory, &mut table)?);
    }
    if fixed.is_some() && stack.is_none() && memory.end == end {
        // Nothing lies behind the program, and its memory stays as large as it asks for.
        memory.end = own;
    }
    if fixed.is_none() && request.fresh.iter().any(|f| imports(f, abi::DLERROR)) {
        // All that is behind becomes the heap.
        let room = memory.end;
        memory.end = room.saturating_add(abi::ERROR_ROOM);
        memory.free.give(room, abi::ERROR_ROOM)?;
    }
    let kept = now.filter(|_| {
        fixed.is_none()
            && memory_max == request.model.memory_max
            && table_max == request.model.table_max
    });
    let heap_base = align_up(memory.end, abi::STACK_ALIGN).unwrap_or(memory.end);
    let pages = heap_base
        .div_ceil(abi::PAGE)
        .max(minimum(objects, Kind::Memory))
        .max(kept.map_or(0, |now| now.memory_pages));
    let slots = table
        .end
        .max(minimum(objects, Kind::Table))
        .max(kept.map_or(0, |now| now.table_slots));
    table.free.give(table.end, slots - table.end)?;
    if fixed.is_some() {
        // The heap lies in the main program's own layout; what is left of the last page serves later loads.
        give_rest(&mut memory.free, heap_base, pages)?;
        landmarks.heap_base = bytes(pages).min(LAST_ADDRESS);
    } else {
        landmarks.heap_base = heap_base.min(LAST_ADDRESS);
    }
    landmarks.heap_end = bytes(pages).min(LAST_ADDRESS);
    if let Some(space) = space {
        // Where the objects were told that it is.
        let end = |(start, len): (u64, u64)| start.saturating_add(len).min(LAST_ADDRESS);
        landmarks.stack_low = space.stack.map(|stack| stack.0);
        landmarks.stack_high = space.stack.map(end);
        landmarks.heap_base = space.heap.0.min(LAST_ADDRESS);
        landmarks.heap_end = end(space.heap);
    }
    let layout = Layout {
        placements,
        memory: Extent {
            before: kept.map(|now| now.memory_pages),
            after: pages,
            max: memory_max,
        },
        table: Extent {
            before: kept.map(|now| now.table_slots),
            after: slots,
            max: table_max,
        },
        landmarks,
        memory_free: memory.free,
        table_free: table.free,
    };
    within_limits(request, layout)
}

fn place_object(
    object: &Placing<'_>,
    memory: &mut Filling<'_>,
    table: &mut Filling<'_>,
) -> Result<Placement> {
    let found = object.found;
    if let Some(within) = &found.within {
        return Ok(within.place);
    }
    if found.role == Role::FixedMain {
        return Ok(Placement {
            memory_base: 0,
            memory_size: object.fixed_bytes(),
            table_base: 0,
            table_size: object.fixed_slots(),
        });
    }
    let Some(dylink) = &found.object.dylink else {
        return Ok(Placement::default());
    };
    Ok(Placement {
        memory_base: memory.take(found, dylink.memory_size, dylink.memory_p2align)?,
        memory_size: dylink.memory_size,
        table_base: table.take(found, dylink.table_size, dylink.table_p2align)?,
        table_size: dylink.table_size,
    })
}

fn bytes(pages: u64) -> u64 {
    pages.saturating_mul(abi::PAGE)
}

/// What lies behind `end` is for later objects, but not what stays unused at null, where a program has left no memory or none at all.
fn give_rest(free: &mut Regions, end: u64, pages: u64) -> Result<()> {
    let from = end.max(abi::NULL_GUARD);
    free.give(from, bytes(pages).saturating_sub(from))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Memory,
    Table,
}

/// What `found` says of the shared memory or table: the bounds that hold for all imports of it.
fn imported_limits(found: &Found, bindings: &[Binding], kind: Kind) -> Option<Limits> {
    let object = &found.object;
    let (imports, shared) = match kind {
        Kind::Memory => (&object.memory_imports, Binding::Memory),
        Kind::Table => (&object.table_imports, Binding::Table),
    };
    let imports = imports.iter().map(|&position| position as usize);
    let imports = imports.filter(|&position| bindings.get(position) == Some(&shared));
    let limits = imports.filter_map(|position| match object.imports.get(position)?.ty {
        ExternType::Memory(ty) => Some(ty.limits),
        ExternType::Table(ty) => Some(ty.limits),
        _ => None,
    });
    limits.reduce(|a, b| Limits {
        min: a.min.max(b.min),
        max: a.max.into_iter().chain(b.max).min(),
    })
}

fn imports(found: &Found, name: &str) -> bool {
    if name == abi::DLERROR && !found.object.brief().calls_dlerror {
        return false;
    }
    let mut imports = found.object.imports.iter();
    imports.any(|i| i.module.as_ref() == abi::ENV && i.name.as_ref() == name)
}

fn minimum(objects: &[Placing<'_>], kind: Kind) -> u64 {
    let all = objects.iter().filter_map(|object| object.limits(kind));
    all.map(|l| l.min).max().unwrap_or(0)
}

/// A memory's maximum, where it says anything: there is no larger memory than that.
pub fn bound(maximum: Option<u64>) -> Option<u64> {
    maximum.filter(|&pages| pages < abi::MAX_PAGES)
}

/// The lowest maximum among the importers and the configuration; `None` where that is no bound at all.
fn maximum(objects: &[Placing<'_>], kind: Kind, configured: u64, unbounded: u64) -> Option<u64> {
    let imported = objects.iter().filter_map(|object| object.limits(kind)?.max);
    let max = imported.chain([configured]).min().unwrap_or(unbounded);
    (max < unbounded).then_some(max)
}

fn check_maximum(objects: &[Placing<'_>], kind: Kind, max: Option<u64>) -> Result<()> {
    for object in objects {
        let Some(wanted) = object.limits(kind).and_then(|l| l.max) else {
            continue;
        };
        if max.is_none_or(|max| max > wanted) {
            let what = if kind == Kind::Memory {
                "memory"
            } else {
                "table"
            };
            let has = max.map_or("none".to_string(), |max| max.to_string());
            return Err(Error::new(
                Code::TypeMismatch,
                format!(
                    "{}: imports a {what} of at most {wanted}, the namespace's has the maximum {has}",
                    object.found.name
                ),
            ));
        }
    }
    Ok(())
}

fn memory_limit(request: &Request<'_>, max: Option<u64>) -> u64 {
    let limit = request.options.limits.memory_pages.min(abi::MAX_PAGES);
    max.map_or(limit, |max| max.min(limit))
}

fn table_limit(request: &Request<'_>, max: Option<u64>) -> u64 {
    let limit = request.options.limits.table_slots.min(u32::MAX.into());
    max.map_or(limit, |max| max.min(limit))
}

pub fn within_limits(request: &Request<'_>, layout: Layout) -> Result<Layout> {
    let check = |what: &str, unit: &str, wanted: u64, limit: u64| {
        if wanted <= limit {
            return Ok(());
        }
        let names: Vec<&str> = request.fresh.iter().map(|f| f.name.as_ref()).collect();
        Err(Error::new(
            Code::Limit,
            format!(
                "the {what} would need {wanted} {unit}, the limit is {limit}, while placing {}",
                names.join(", ")
            ),
        ))
    };
    check(
        "memory",
        "pages",
        layout.memory.after,
        memory_limit(request, layout.memory.max),
    )?;
    check(
        "table",
        "slots",
        layout.table.after,
        table_limit(request, layout.table.max),
    )?;
    Ok(layout)
}
