//! Debug information of one module against that of its objects: each place of code is the same instruction.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use gimli::{AttributeValue, Dwarf, EndianSlice, LittleEndian, Operation, SectionId, Unit};
use wasmparser::{Operator, Parser, Payload};

use super::shelf::{Shelf, program};
use crate::fuse::{Fused, Options, fuse};

const LIBRARY: &str = "
int counter = 3;
static int hidden(int x) { return x * counter; }
__attribute__((noinline)) int helper(int a) {
  int local = a + 1;
  for (int i = 0; i < a; i++)
    local += hidden(i);
  return local;
}
__attribute__((noinline)) int unused(int a) {
  counter += a;
  return counter * 2;
}
__attribute__((noinline)) int last(int a) {
  volatile int kept[4] = {a, a + 1, a + 2, a + 3};
  return kept[a & 3] + helper(a);
}
";

const PROGRAM: &str = "
extern int last(int), helper(int), counter;
static int own_data = 5;
__attribute__((noinline)) static int twice(int n) {
  own_data += n;
  return helper(n) * 2;
}
__attribute__((noinline)) int dead(int n) { return n ? dead(n - 1) : own_data; }
void _start(void) {
  counter = twice(counter) + last(own_data);
}
";

static FOLDERS: AtomicUsize = AtomicUsize::new(0);

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// The library and the program, compiled with some flags; `None` where there is no compiler.
fn compiled(flags: &[&str]) -> Option<(Vec<u8>, Vec<u8>)> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/guests");
    let compiler = guests.join("tools/bin/wasm-cc");
    if !compiler.exists() {
        crate::skip::skip("the guests", "cargo xtask guests");
        return None;
    }
    let folder: PathBuf = std::env::temp_dir().join(format!(
        "wasmdyld-dwarf-{}-{}",
        std::process::id(),
        FOLDERS.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::create_dir_all(&folder).expect("a folder");
    let compile = |source: &str, text: &str, more: &[&str], output: &str| {
        std::fs::write(folder.join(source), text).expect("a source");
        let mut command = Command::new(&compiler);
        command.current_dir(&folder).args(flags).args(more);
        let common = ["-g", "-fPIC", "-nostdlib", "-Wl,--experimental-pic"];
        command.args(common).args([source, "-o", output]);
        let done = command.output().expect("the compiler runs");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        std::fs::read(folder.join(output)).expect("a module")
    };
    let library = ["-shared", "-Wl,--no-entry"];
    let library = compile("lib.c", LIBRARY, &library, "lib.so");
    let main = ["-Wl,-pie", "-Wl,--import-memory", "-Wl,-Bdynamic", "lib.so"];
    let main = compile("main.c", PROGRAM, &main, "main.wasm");
    std::fs::remove_dir_all(&folder).expect("the folder is there");
    Some((library, main))
}

fn link(library: &[u8], main: &[u8], options: &Options) -> Fused {
    let mut shelf = Shelf::default();
    shelf.put("lib.so", library, false).expect("a library");
    shelf.put("main", main, true).expect("a program");
    let fused = shelf.plan("main", |world| fuse(world, options));
    fused.expect("a module")
}

fn debug(gc: bool) -> Options {
    Options {
        gc,
        // Places come before it.
        fold: true,
        debug: true,
        ..program()
    }
}

/// A function's body: where it begins, each of its instructions, and where it ends.
struct Body<'a> {
    start: u32,
    instructions: Vec<(u32, Operator<'a>)>,
    end: u32,
}

/// A module as debug information sees it.
struct Seen<'a> {
    bodies: Vec<Body<'a>>,
    imported: u32,
    dwarf: Dwarf<Slice<'a>>,
}

fn seen(bytes: &[u8]) -> Seen<'_> {
    let mut sections: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let (mut bodies, mut imported, mut code) = (Vec::new(), 0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.expect("a valid module") {
            Payload::ImportSection(section) => {
                let imports = section.into_imports().map(|import| import.expect("one").ty);
                imported = imports
                    .filter(|ty| matches!(ty, wasmparser::TypeRef::Func(_)))
                    .count() as u32;
            }
            Payload::CodeSectionStart { range, .. } => code = range.start,
            Payload::CodeSectionEntry(body) => {
                let mut reader = body.get_operators_reader().expect("operators");
                let mut instructions = Vec::new();
                while !reader.eof() {
                    let at = (reader.original_position() - code) as u32;
                    instructions.push((at, reader.read().expect("an operator")));
                }
                bodies.push(Body {
                    start: (body.range().start - code) as u32,
                    instructions,
                    end: (body.range().end - code) as u32,
                });
            }
            Payload::CustomSection(section) => {
                sections.insert(section.name(), section.data());
            }
            _ => {}
        }
    }
    let load = |id: SectionId| -> Result<_, gimli::Error> {
        let bytes = sections.get(id.name()).copied().unwrap_or_default();
        Ok(EndianSlice::new(bytes, LittleEndian))
    };
    Seen {
        bodies,
        imported,
        dwarf: Dwarf::load(load).expect("sections"),
    }
}

impl<'a> Seen<'a> {
    fn unit(&self, name: &str) -> Unit<Slice<'a>> {
        let mut units = self.dwarf.units();
        while let Some(header) = units.next().expect("a header") {
            let unit = self.dwarf.unit(header).expect("a unit");
            if unit.name.expect("a name").slice() == name.as_bytes() {
                return unit;
            }
        }
        panic!("no unit {name}");
    }

    /// Address, line, column, and whether a sequence ends there.
    fn rows(&self, unit: &Unit<Slice<'a>>) -> Vec<(u32, u64, u64, bool)> {
        let program = unit.line_program.clone().expect("a line table");
        let mut rows = program.rows();
        let mut found = Vec::new();
        while let Some((_, row)) = rows.next_row().expect("a row") {
            let column = match row.column() {
                gimli::ColumnType::LeftEdge => 0,
                gimli::ColumnType::Column(column) => column.get(),
            };
            let line = row.line().map_or(0, |line| line.get());
            found.push((row.address() as u32, line, column, row.end_sequence()));
        }
        found
    }
}

/// Where places of an object are in the fused module, by which instruction of which function they are.
struct Twin<'a, 'b> {
    old: &'a Seen<'b>,
    new: &'a Seen<'b>,
    /// Numbers in the fused module by those in the object.
    functions: BTreeMap<u32, u32>,
}

impl Twin<'_, '_> {
    fn bodies(&self) -> impl Iterator<Item = (&Body<'_>, Option<&Body<'_>>)> {
        self.old
            .bodies
            .iter()
            .zip(self.old.imported..)
            .map(|(old, index)| {
                let number = self.functions.get(&index);
                let new =
                    number.map(|number| &self.new.bodies[(number - self.new.imported) as usize]);
                (old, new)
            })
    }

    /// `None`: the function is not there.
    fn place(&self, old: u32, is_end: bool) -> Option<u32> {
        let within = |body: &Body<'_>| match is_end {
            false => (body.start..body.end).contains(&old),
            true => body.start < old && old <= body.end,
        };
        let (body, new) = self.bodies().find(|(body, _)| within(body)).expect("code");
        let new = new?;
        if old == body.start {
            return Some(new.start);
        }
        if old == body.end {
            return Some(new.end);
        }
        let position = body.instructions.iter().position(|(at, _)| *at == old);
        let position = position.expect("an instruction begins there");
        let (at, operator) = &new.instructions[position];
        let same = discriminant(operator) == discriminant(&body.instructions[position].1);
        let is_number = matches!(operator, Operator::I32Const { .. })
            && matches!(body.instructions[position].1, Operator::GlobalGet { .. });
        assert!(same || is_number, "{operator:?} at {at:#x}");
        Some(*at)
    }

    fn range(&self, old: gimli::Range) -> Option<(u32, u32)> {
        // What wasm-ld has left out itself.
        if old.begin == 0 || old.begin >= 0xffff_fffe {
            return None;
        }
        let start = self.place(old.begin as u32, false)?;
        Some((start, self.place(old.end as u32, true)?))
    }
}

/// Compares all that a unit says with what it says in its object, and gives the number of places.
fn compare(twin: &Twin<'_, '_>, name: &str, memory: u64) -> usize {
    let (old_unit, new_unit) = (twin.old.unit(name), twin.new.unit(name));
    let old_rows = twin.old.rows(&old_unit);
    let expected: Vec<_> = old_rows
        .iter()
        .filter_map(|row| twin.place(row.0, row.3).map(|at| (at, row.1, row.2, row.3)))
        .collect();
    assert_eq!(twin.new.rows(&new_unit), expected, "{name}");
    assert!(expected.len() > 5);
    let mut places = expected.len();

    let (mut old, mut new) = (old_unit.entries(), new_unit.entries());
    let (old_dwarf, new_dwarf) = (&twin.old.dwarf, &twin.new.dwarf);
    while let Some(entry) = old.next_dfs().expect("an entry") {
        let same = new.next_dfs().expect("an entry").expect("as many");
        assert_eq!(entry.tag(), same.tag());
        let text = |dwarf: &Dwarf<_>, unit: &Unit<_>, value: Option<AttributeValue<_>>| {
            value.map(|value| {
                let text = dwarf.attr_string(unit, value).expect("a name");
                String::from_utf8_lossy(EndianSlice::slice(&text)).into_owned()
            })
        };
        let named = text(old_dwarf, &old_unit, entry.attr_value(gimli::DW_AT_name));
        let new_name = text(new_dwarf, &new_unit, same.attr_value(gimli::DW_AT_name));
        assert_eq!(named, new_name);

        let mut ranges = old_dwarf.die_ranges(&old_unit, entry).expect("ranges");
        let mut expected = Vec::new();
        while let Some(range) = ranges.next().expect("a range") {
            expected.extend(twin.range(range));
        }
        let mut ranges = new_dwarf.die_ranges(&new_unit, same).expect("ranges");
        let mut found = Vec::new();
        while let Some(range) = ranges.next().expect("a range") {
            if range.begin < range.end && range.begin < 0xffff_fffe {
                found.push((range.begin as u32, range.end as u32));
            }
        }
        assert_eq!(found, expected, "{named:?}");
        places += found.len();

        if let Some(pc) = entry.attr_value(gimli::DW_AT_call_return_pc) {
            let address = |dwarf: &Dwarf<_>, unit: &Unit<_>, value| {
                dwarf
                    .attr_address(unit, value)
                    .expect("one")
                    .expect("an address") as u32
            };
            let old = address(old_dwarf, &old_unit, pc);
            let new = same
                .attr_value(gimli::DW_AT_call_return_pc)
                .expect("as many");
            let new = address(new_dwarf, &new_unit, new);
            assert_eq!(new, twin.place(old, false).unwrap_or(u32::MAX));
        }

        let location = entry.attr_value(gimli::DW_AT_location);
        let Some(location) = location else { continue };
        let new_location = same.attr_value(gimli::DW_AT_location).expect("as many");
        if let AttributeValue::Exprloc(expression) = &location {
            let AttributeValue::Exprloc(new) = &new_location else {
                panic!("a location of another form");
            };
            let old = address(old_dwarf, &old_unit, *expression);
            let new = address(new_dwarf, &new_unit, *new);
            assert_eq!(new, old.map(|old| old + memory), "{named:?}");
            places += usize::from(new.is_some());
            continue;
        }
        let mut expected = Vec::new();
        let list = old_dwarf.attr_locations(&old_unit, location);
        let mut list = list.expect("a list").expect("a list");
        while let Some(entry) = list.next().expect("an entry") {
            let range = twin.range(entry.range);
            expected.extend(range.map(|range| (range, entry.data.0.slice())));
        }
        let mut found = Vec::new();
        let list = new_dwarf.attr_locations(&new_unit, new_location);
        let mut list = list.expect("a list").expect("a list");
        while let Some(entry) = list.next().expect("an entry") {
            if entry.range.begin < entry.range.end && entry.range.begin < 0xffff_fffe {
                let range = (entry.range.begin as u32, entry.range.end as u32);
                found.push((range, entry.data.0.slice()));
            }
        }
        assert_eq!(found, expected, "{named:?}");
        places += found.len();
    }
    assert!(new.next_dfs().expect("an end").is_none());
    places
}

/// The address of data that an expression gives.
fn address<'a>(
    dwarf: &Dwarf<Slice<'a>>,
    unit: &Unit<Slice<'a>>,
    expression: gimli::Expression<Slice<'a>>,
) -> Option<u64> {
    let mut operations = expression.operations(unit.encoding());
    while let Some(operation) = operations.next().expect("an operation") {
        match operation {
            Operation::Address { address } => return Some(address),
            Operation::AddressIndex { index } => {
                return Some(dwarf.address(unit, index).expect("an address"));
            }
            _ => {}
        }
    }
    None
}

fn twin<'a, 'b>(
    old: &'a Seen<'b>,
    new: &'a Seen<'b>,
    fused: &Fused,
    object: usize,
) -> Twin<'a, 'b> {
    let functions = fused.map.objects[object].functions.iter();
    Twin {
        old,
        new,
        functions: functions.map(|(number, index)| (*index, *number)).collect(),
    }
}

#[test]
fn each_place_is_the_instruction_that_it_is_in_its_object() {
    for version in ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"] {
        for level in ["-O0", "-O2"] {
            let Some((library, main)) = compiled(&[version, level]) else {
                return;
            };
            let [library_seen, main_seen] = [&library, &main].map(|bytes| seen(bytes));
            for gc in [true, false] {
                let fused = link(&library, &main, &debug(gc));
                assert_eq!(fused.warnings, [""; 0]);
                let all = seen(&fused.bytes);
                let names: Vec<_> = fused.map.objects.iter().map(|of| &*of.name).collect();
                assert_eq!(names, ["main", "lib.so"]);
                let of = twin(&main_seen, &all, &fused, 0);
                let dead = of.bodies().filter(|(_, new)| new.is_none()).count();
                let main_places = compare(&of, "main.c", fused.map.objects[0].memory);
                let of = twin(&library_seen, &all, &fused, 1);
                let dead = dead + of.bodies().filter(|(_, new)| new.is_none()).count();
                let places = compare(&of, "lib.c", fused.map.objects[1].memory);
                assert_eq!(dead > 0, gc, "{dead}");
                assert!(main_places > 10 && places > 20, "{main_places}, {places}");
            }
        }
    }
}

#[test]
fn it_is_there_if_it_is_asked_for() {
    let Some((library, main)) = compiled(&["-O1"]) else {
        return;
    };
    let fused = link(&library, &main, &program());
    assert!(fused.loses_debug && !holds(&fused.bytes, ".debug_"));
    assert_eq!(fused.warnings.len(), 2);
    let kept = link(&library, &main, &debug(true));
    assert!(!kept.loses_debug && holds(&kept.bytes, ".debug_line"));
    assert_eq!(kept.code, fused.code);
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

/// Where the content of a section lies in a module.
fn section(bytes: &[u8], name: &str) -> std::ops::Range<usize> {
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CustomSection(section) = payload.expect("a module")
            && section.name() == name
        {
            let start = section.data_offset();
            return start..start + section.data().len();
        }
    }
    panic!("no section {name}");
}

#[test]
fn an_object_goes_without_what_is_malformed() {
    let Some((library, main)) = compiled(&["-O2", "-gdwarf-5"]) else {
        return;
    };
    for (name, at, new, why) in [
        (".debug_info", 0, &[0xff, 0xff, 0, 0][..], "malformed"),
        (".debug_info", 0, &[0xff; 4], "malformed"),
        (".debug_info", 4, &[9], "malformed"),
        (".debug_info", 7, &[8], "size"),
        (".debug_abbrev", 0, &[0x80; 60], "malformed"),
        (".debug_line", 4, &[9], "version"),
        (".debug_line", 0, &[0xff; 4], "64-bit"),
        (".debug_rnglists", 4, &[4], "version"),
        (".debug_str_offsets", 4, &[4], "version"),
    ] {
        let mut damaged = library.clone();
        let start = section(&damaged, name).start + at;
        damaged[start..start + new.len()].copy_from_slice(new);
        let fused = link(&damaged, &main, &debug(true));
        let [warning] = &fused.warnings[..] else {
            panic!("{name}: {:?}", fused.warnings);
        };
        let says = |text: &str| warning.contains(text);
        assert!(
            says("information of lib.so is left out") && says(why),
            "{name}: {warning}"
        );
        assert!(holds(&fused.bytes, "main.c") && !holds(&fused.bytes, "lib.c"));
        // What the other one says is true.
        let (of, all) = (seen(&main), seen(&fused.bytes));
        let memory = fused.map.objects[0].memory;
        compare(&twin(&of, &all, &fused, 0), "main.c", memory);
    }
}

#[test]
fn damage_changes_what_is_said_and_nothing_else() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let Some((library, main)) = compiled(&[version, "-O2"]) else {
            return;
        };
        let code = link(&library, &main, &debug(true)).code;
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        let names: &[&str] = match version {
            "-gdwarf-4" => &["info", "abbrev", "line", "loc", "ranges"],
            _ => &[
                "info",
                "abbrev",
                "line",
                "loclists",
                "rnglists",
                "addr",
                "str_offsets",
            ],
        };
        let mut lost = 0;
        for name in names {
            let range = section(&library, &format!(".debug_{name}"));
            for _ in 0..150 {
                let mut damaged = library.clone();
                for _ in 0..=random(3) {
                    let at = range.start + random(range.len());
                    damaged[at] = [0, 1, 0x7f, 0x80, 0xff, random(256) as u8][random(6)];
                }
                let fused = link(&damaged, &main, &debug(random(2) == 0));
                assert!(fused.code >= code);
                assert!(fused.bytes.len() < 64 << 10);
                lost += fused.warnings.len();
            }
        }
        assert!(lost > 100, "{lost}");
    }
}
