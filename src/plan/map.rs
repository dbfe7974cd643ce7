//! The link map: what lies where in memory and table, and which objects are there, and why.

use crate::hash_map::{HashMap, HashSet};

use super::holders::Holders;
use super::model::{FuncId, Landmarks, Model, Node, ObjectId, Role};
use super::place::{Sizes, bound};
use crate::abi;
use crate::object::ExportItem;
use crate::text::{self, Lines};

/// What the model does not have: sizes as they are now, and the linker's own pieces of memory, as address and size.
pub struct Now<'a> {
    pub sizes: Sizes,
    pub texts: &'a [(u64, u64)],
}

/// A part of memory, in bytes, or of the table, in slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: u64,
    pub end: u64,
    pub what: String,
}

/// All of memory and table, without gaps.
pub struct Spaces {
    pub memory: Vec<Range>,
    pub table: Vec<Range>,
    /// Decided slots that lie in an object's own range.
    pub inside: Vec<Range>,
}

/// `None`: nothing is loaded.
pub fn spaces(model: &Model, now: &Now<'_>) -> Option<Spaces> {
    let landmarks = model.landmarks.as_ref()?;
    let ids = &model.loaded;
    let (table, inside) = table(model, ids, now);
    Some(Spaces {
        memory: memory(model, ids, now, landmarks),
        table,
        inside,
    })
}

/// The whole map as text. Deterministic: the same namespace gives the same text.
pub fn map(model: &Model, now: Option<&Now<'_>>) -> Lines {
    let mut out = Lines::default();
    let both = now.and_then(|now| Some((now, spaces(model, now)?)));
    let Some((now, spaces)) = both else {
        out.line(format_args!("nothing is loaded"));
        return out;
    };
    let Sizes {
        memory_pages,
        table_slots,
    } = now.sizes;
    let max = at_most(bound(model.memory_max));
    out.line(format_args!("memory: {memory_pages} pages{max}"));
    out.append(&spaces.memory_text());
    let max = at_most(model.table_max);
    out.line(format_args!("table: {table_slots} slots{max}"));
    out.append(&spaces.table_text());
    objects(&mut out, model, &model.loaded);
    out
}

impl Spaces {
    /// A line for each part: addresses, size, use.
    pub fn memory_text(&self) -> Lines {
        let mut out = Lines::default();
        for Range { start, end, what } in &self.memory {
            let size = end - start;
            out.line(format_args!("  {start:08x}-{end:08x} {size:>10}  {what}"));
        }
        out
    }

    /// A line for each part: slots, number, use.
    pub fn table_text(&self) -> Lines {
        let mut out = Lines::default();
        for Range { start, end, what } in &self.table {
            let slots = match end - start {
                1 => start.to_string(),
                _ => format!("{start}-{}", end - 1),
            };
            let count = end - start;
            out.line(format_args!("  {slots:>17} {count:>10}  {what}"));
            let first = self.inside.partition_point(|one| one.start < *start);
            let inside = self.inside.iter().skip(first);
            for Range {
                start: slot, what, ..
            } in inside.take_while(|one| one.start < *end)
            {
                out.line(format_args!("  {slot:>17} {:>10}    {what}", ""));
            }
        }
        out
    }
}

fn name(model: &Model, id: ObjectId) -> String {
    let node = model.nodes.get(&id);
    node.map_or("?".into(), |node| text::name(&node.found.name).into_owned())
}

fn at_most(max: Option<u64>) -> String {
    max.map_or(String::new(), |max| format!(", at most {max}"))
}

/// Ranges that are put to some use, by where they begin. What nobody claims is told by `gap`.
#[derive(Default)]
struct Ranges {
    known: Vec<Range>,
}

impl Ranges {
    /// Of two that begin alike the first one counts.
    fn add(&mut self, start: u64, len: u64, what: impl Into<String>) {
        if len > 0 {
            let end = start.saturating_add(len);
            let what = what.into();
            self.known.push(Range { start, end, what });
        }
    }

    /// Everything up to `end`.
    fn list(mut self, end: u64, gap: impl Fn(u64) -> (u64, &'static str)) -> Vec<Range> {
        let mut list = Vec::new();
        let mut at = 0;
        let fill = |list: &mut Vec<_>, mut at: u64, to: u64| {
            while at < to {
                let (until, what) = gap(at);
                let until = until.clamp(at + 1, to);
                list.push(Range {
                    start: at,
                    end: until,
                    what: what.to_string(),
                });
                at = until;
            }
        };
        in_order(&mut self.known);
        for range in self.known {
            fill(&mut list, at, range.start);
            at = at.max(range.end);
            list.push(range);
        }
        fill(&mut list, at, end);
        list
    }
}

/// By where they begin. Of those that begin alike the first one stays.
fn in_order(ranges: &mut Vec<Range>) {
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by_key(|range| range.start);
}

fn memory(model: &Model, ids: &[ObjectId], now: &Now<'_>, landmarks: &Landmarks) -> Vec<Range> {
    let mut ranges = Ranges::default();
    if let (Some(low), Some(high)) = (landmarks.stack_low, landmarks.stack_high) {
        ranges.add(low, high.saturating_sub(low), "stack");
    }
    let mut fixed = false;
    for node in ids.iter().filter_map(|id| model.nodes.get(id)) {
        let (base, size) = (node.place.memory_base, node.place.memory_size);
        let name = text::name(&node.found.name);
        if node.found.role == Role::FixedMain {
            fixed = true;
            ranges.add(base, size, format!("{name}: data, stack and heap"));
        } else {
            ranges.add(base, size, format!("{name}: data"));
        }
    }
    for &(address, size) in now.texts {
        ranges.add(address, size, "texts of the linker");
    }
    for (start, len) in model.memory.iter() {
        ranges.add(start, len, "free");
    }
    let (base, end) = (landmarks.heap_base, landmarks.heap_end);
    let gap = |at: u64| match at {
        at if at < abi::NULL_GUARD && !fixed => (abi::NULL_GUARD, "unused, as NULL points here"),
        at if at < base => (base, "unused"),
        at if at < end => (end, "heap"),
        _ => (u64::MAX, "heap: the program's own growth"),
    };
    ranges.list(now.sizes.memory_pages.saturating_mul(abi::PAGE), gap)
}

fn table(model: &Model, ids: &[ObjectId], now: &Now<'_>) -> (Vec<Range>, Vec<Range>) {
    let mut ranges = Ranges::default();
    let mut own = Vec::new();
    for node in ids.iter().filter_map(|id| model.nodes.get(id)) {
        let place = node.place;
        let name = text::name(&node.found.name);
        ranges.add(
            place.table_base,
            place.table_size,
            format!("{name}: functions"),
        );
        own.push((place, ()));
    }
    let own = Holders::new(own.into_iter());
    // A decided slot may lie in another object's own range.
    let mut inside = Vec::new();
    let symbols = Symbols::of(model);
    let slots = model.slots.iter();
    let slots = slots.map(|(&function, &slot)| (slot, symbols.name(model, function)));
    let calls = model.calls.iter().map(|(&function, &slot)| {
        let name = symbols.name(model, function);
        (slot, format!("{name}, for stubs"))
    });
    for (slot, what) in slots.chain(calls) {
        match own.of(slot).is_some() {
            true => inside.push(Range {
                start: slot,
                end: slot.saturating_add(1),
                what,
            }),
            false => ranges.add(slot, 1, what),
        }
    }
    // What stubs call is said of a slot, if something is.
    inside.reverse();
    in_order(&mut inside);
    for (start, len) in model.table.iter() {
        ranges.add(start, len, "free");
    }
    let gap = |at: u64| match at {
        0 => (1, "never a function: the null pointer"),
        _ => (u64::MAX, "the program's own growth"),
    };
    (ranges.list(now.sizes.table_slots, gap), inside)
}

/// Names of functions that have decided slots.
#[derive(Default)]
struct Symbols<'a> {
    /// The first export of each.
    exports: HashMap<FuncId, &'a str>,
    host: HashMap<u32, String>,
}

impl<'a> Symbols<'a> {
    fn of(model: &'a Model) -> Symbols<'a> {
        let mut symbols = Symbols::default();
        for (&object, node) in &model.nodes {
            for export in &node.found.object.exports {
                let ExportItem::Func { index, .. } = *export.item else {
                    continue;
                };
                let function = FuncId::Object { object, index };
                if model.slots.contains_key(&function) || model.calls.contains_key(&function) {
                    symbols
                        .exports
                        .entry(function)
                        .or_insert(export.name.text());
                }
            }
        }
        symbols.host = model.host.names();
        symbols
    }

    fn name(&self, model: &Model, function: FuncId) -> String {
        let (object, index) = match function {
            FuncId::Object { object, index } => (object, index),
            FuncId::Host(id) => {
                let host = self.host.get(&id).map_or("?", String::as_str);
                return format!("{} of the host", text::name(host));
            }
        };
        match self.exports.get(&function) {
            Some(export) => format!("{} of {}", text::name(export), name(model, object)),
            None => format!("function {index} of {}", name(model, object)),
        }
    }
}

/// Of more objects than this, a line names the first ones.
const MAX_LISTED: usize = 100;

fn objects(out: &mut Lines, model: &Model, ids: &[ObjectId]) {
    let names = |ids: &[ObjectId]| {
        let names = ids.iter().map(|&id| name(model, id));
        text::list(names, MAX_LISTED, ", ")
    };
    let (mut needers, mut users) = (HashMap::new(), HashMap::new());
    for &id in ids {
        let Some(node) = model.nodes.get(&id) else {
            continue;
        };
        let needed: HashSet<ObjectId> = node.found.needed.iter().copied().collect();
        let others = |of: &&ObjectId| **of != id;
        for &other in needed.iter().filter(others) {
            needers.entry(other).or_insert_with(Vec::new).push(id);
        }
        for &other in node.uses.iter().filter(others) {
            if !needed.contains(&other) {
                users.entry(other).or_insert_with(Vec::new).push(id);
            }
        }
    }
    out.line(format_args!(
        "objects: {}, in the order of loading",
        ids.len()
    ));
    for &id in ids {
        let Some(node) = model.nodes.get(&id) else {
            continue;
        };
        out.part(format_args!("  {}", name(model, id)));
        let path = node.found.path.as_ref();
        let path = path.map(|path| path.display().to_string());
        if let Some(path) = path.filter(|path| **path != *node.found.name) {
            out.part(format_args!(" ({path})"));
        }
        if let Some(soname) = node.found.other_name() {
            out.part(format_args!(", soname {}", text::name(soname)));
        }
        let scope = if node.global { "global" } else { "local" };
        out.line(format_args!(", {scope}{}", opens(node)));
        if !node.found.needed.is_empty() {
            out.line(format_args!("    needs {}", names(&node.found.needed)));
        }
        let mut why = Vec::new();
        if model.main == Some(id) {
            why.push("it is the main program".to_string());
        } else if node.nodelete {
            why.push("it is never unloaded".to_string());
        }
        if node.opens.host > 0 || node.opens.guest > 0 {
            why.push("it is open".to_string());
        }
        if let Some(needers) = needers.get(&id) {
            why.push(format!("needed by {}", names(needers)));
        }
        if let Some(users) = users.get(&id) {
            why.push(format!("bound to by {}", names(users)));
        }
        if !why.is_empty() {
            out.line(format_args!("    kept: {}", why.join("; ")));
        }
    }
    let scope = names(model.global.order());
    out.line(format_args!("global scope: {scope}"));
}

fn opens(node: &Node) -> String {
    let times = |count: u32, whose: &str| match count {
        0 => String::new(),
        1 => format!(", opened by the {whose}"),
        n => format!(", opened {n} times by the {whose}"),
    };
    times(node.opens.host, "host") + &times(node.opens.guest, "program")
}
