//! Whether books that were written down can have been a namespace's: what they name is there, and numbers are within their bounds. What modules
//! say of it is compared by [`crate::plan::again`].

use crate::hash_map::HashSet;

use super::books::Books;
use crate::abi;
use crate::error::Result;
use crate::plan::{FuncId, Identity, KeptNode, ObjectId, contradicts};

/// Bytes that 32 bits address.
const ADDRESSES: u64 = 1 << 32;

/// Objects that stand for those that are gone, beside those that are there.
const MAX_GONE: usize = 100_000;

pub fn check(books: &Books) -> Result<()> {
    let known: HashSet<ObjectId> = books.objects.iter().map(|o| o.node.id).collect();
    objects(books, &known)?;
    batches(books)?;
    parts(books)?;
    named(books, &known)?;
    numbers(books)
}

fn objects(books: &Books, known: &HashSet<ObjectId>) -> Result<()> {
    let rising = books.objects.is_sorted_by(|a, b| a.node.id < b.node.id);
    let next = ObjectId(books.model.next);
    // The guest's handles have 32 bits.
    let few = books.model.next < u32::MAX / 16 - 1;
    if known.is_empty() || !rising || !few || known.iter().any(|&id| id >= next) {
        return Err(contradicts("the objects' numbers"));
    }
    let main = books.model.main;
    let mains = books.objects.iter().filter(|object| object.main);
    if mains.map(|object| object.node.id).ne(main) {
        return Err(contradicts("the main program"));
    }
    Ok(())
}

/// Each object is in one batch.
fn batches(books: &Books) -> Result<()> {
    let mut objects = books.objects.iter().map(|object| object.node.id).peekable();
    let (mut end, mut gone) = (0u32, 0usize);
    for batch in &books.batches {
        let count = u32::try_from(batch.order.len()).unwrap_or(u32::MAX);
        let first = batch.first.0;
        let Some(next) = first.checked_add(count).filter(|_| first >= end) else {
            return Err(contradicts("loads"));
        };
        end = next;
        let mut here = 0;
        while objects.next_if(|id| (first..end).contains(&id.0)).is_some() {
            here += 1;
        }
        gone = gone.saturating_add(batch.order.len().saturating_sub(here));
        if here == 0 || gone > MAX_GONE {
            return Err(contradicts("the objects of a load"));
        }
    }
    match objects.next() {
        None if end <= books.model.next => Ok(()),
        _ => Err(contradicts("an object that no load brought")),
    }
}

/// Objects that lie in the program's module follow it, came with it, and stay.
fn parts(books: &Books) -> Result<()> {
    let objects = books.objects.iter();
    let parts = objects.filter(|object| matches!(object.identity, Identity::Part(_)));
    let Some(main) = books.model.main else {
        return match parts.count() {
            0 => Ok(()),
            _ => Err(contradicts("objects of a program that is not there")),
        };
    };
    let batch = books.batches.iter().find(|batch| batch.first == main);
    let end = batch.map_or(0, |batch| u64::from(main.0) + batch.order.len() as u64);
    let mut ids = u64::from(main.0) + 1..end;
    for part in parts {
        if ids.next() != Some(part.node.id.0.into()) || part.main || !part.node.nodelete {
            return Err(contradicts("objects of the program's module"));
        }
    }
    Ok(())
}

/// Whatever names an object names one that is there.
fn named(books: &Books, known: &HashSet<ObjectId>) -> Result<()> {
    let model = &books.model;
    let of_objects = books.objects.iter();
    let of_objects = of_objects.flat_map(|o| o.needed.iter().chain(&o.node.uses).copied());
    let of_slots = model.slots.iter().chain(&model.calls);
    let of_slots = of_slots.filter_map(|(id, _)| match id {
        FuncId::Object { object, .. } => Some(*object),
        FuncId::Host(_) => None,
    });
    let mut all = (model.global.iter().chain(&model.openings).copied())
        .chain(model.names.iter().map(|(_, id)| *id))
        .chain(of_objects)
        .chain(of_slots);
    if all.any(|id| !known.contains(&id)) {
        return Err(contradicts("an object is named that is not there"));
    }
    let once = |list: &[ObjectId]| {
        let distinct: HashSet<ObjectId> = list.iter().copied().collect();
        distinct.len() == list.len()
    };
    let loaded =
        model.loaded.len() == known.len() && model.loaded.iter().all(|id| known.contains(id));
    if !once(&model.loaded) || !once(&model.global) || !once(&model.openings) || !loaded {
        return Err(contradicts("an object is listed twice"));
    }
    let flagged = |list: &[ObjectId], flag: fn(&KeptNode) -> bool| {
        let list: HashSet<ObjectId> = list.iter().copied().collect();
        let mut objects = books.objects.iter();
        objects.all(|object| flag(&object.node) == list.contains(&object.node.id))
    };
    if !flagged(&model.global, |node| node.global) || !flagged(&model.openings, |node| node.opened)
    {
        return Err(contradicts("the scope of an object"));
    }
    Ok(())
}

fn numbers(books: &Books) -> Result<()> {
    let model = &books.model;
    let marks = model.landmarks;
    let optional = [marks.stack_low, marks.stack_high, marks.stack_pointer];
    let mut addresses = (optional.into_iter().flatten()).chain([marks.heap_base, marks.heap_end]);
    let places = books.objects.iter().map(|object| object.node.place);
    let mut ends = places.flat_map(|place| {
        let memory = place.memory_base.saturating_add(place.memory_size);
        [memory, place.table_base.saturating_add(place.table_size)]
    });
    let mut slots = model.slots.iter().chain(&model.calls);
    let sound = books.memory_pages <= abi::MAX_PAGES
        && books.table_slots <= u32::MAX.into()
        && books.handed_over <= u64::MAX / 2
        && books.loads_made <= u64::MAX / 2
        && books.unloads <= u64::MAX / 2
        && addresses.all(|address| address <= ADDRESSES)
        && ends.all(|end| end <= ADDRESSES)
        && slots.all(|&(_, slot)| slot < books.table_slots);
    match sound {
        true => Ok(()),
        false => Err(contradicts("an address or a size is out of bounds")),
    }
}
