//! `wasmdyld inspect`: what one module says of itself, in words.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde::Serialize;
use wasmdyld::abi;
use wasmdyld::error::{Context, Result};
use wasmdyld::object::{
    Brief, ExportItem, ExternType, Object, Outline, ParseLimits, Parts, outline,
};
use wasmdyld::plan::{Role, describe, lifecycle};
use wasmdyld::search::{self, SearchOptions};
use wasmdyld::survey::module::{loads_as, notes, symbols, what};
use wasmdyld::text::{list, name};

use crate::args::Format;
use crate::ldd::size;
use crate::line;
use crate::style::{self, DIM, ERROR, Each, HEADING, OBJECT, Out, SYMBOL, WARNING, paint};

#[derive(Args)]
#[command(after_help = "What is read: the file alone. It is not executed.

Exit status: 0; 1 if the module can be loaded neither as a program nor as a library; 127 if it is no module; 2 for a wrong command line.")]
pub struct Inspect {
    /// List all imports
    #[arg(long)]
    imports: bool,
    /// List all exports
    #[arg(long)]
    exports: bool,
    /// List all sections
    #[arg(long)]
    sections: bool,
    /// How the answer is written; JSON holds all lists
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// A program or library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

/// A module with everything that is said of it.
struct Module {
    name: String,
    bytes: u64,
    object: Object,
    outline: Outline,
    /// What it can be loaded as, or why not.
    role: Result<Role>,
    /// What it says of the objects that it was made of.
    parts: Option<Parts>,
    notes: Vec<String>,
}

impl Inspect {
    pub fn execute(self) -> ExitCode {
        style::exit_code(self.look())
    }

    fn look(&self) -> Result<ExitCode> {
        let module = read(&self.file).context(|| format!("reading {}", self.file.display()))?;
        let mut out = style::stdout();
        style::written(match self.format {
            Format::Text => self.text(&mut out, &module),
            Format::Json => style::write_json(&mut out, &json(&module)),
        })?;
        Ok(match module.role {
            Ok(_) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        })
    }

    fn text(&self, out: &mut Out, module: &Module) -> io::Result<()> {
        let Module { object, .. } = module;
        let called = paint(OBJECT, name(&module.name));
        line!(
            out,
            "{called} {} {}",
            paint(DIM, "is"),
            what(object, &module.role)
        )?;
        let mut row = |name: &str, rows: &[String]| -> io::Result<()> {
            let names = std::iter::once(name).chain(std::iter::repeat(""));
            for (name, row) in names.zip(rows) {
                line!(out, "  {} {row}", paint(DIM, format!("{name:<10}")))?;
            }
            Ok(())
        };
        row("size", &[size(module.bytes)])?;
        row("made by", &producers(&module.outline))?;
        if let Some(dylink) = &object.dylink {
            let align = |p2: u32| 1u64.checked_shl(p2).unwrap_or(0);
            let memory = format!(
                "{} bytes of data, aligned to {}",
                dylink.memory_size,
                align(dylink.memory_p2align)
            );
            row("memory", &[memory])?;
            let table = format!(
                "{} slots for addresses of its own functions, aligned to {}",
                dylink.table_size,
                align(dylink.table_p2align)
            );
            row("table", &[table])?;
            row("soname", &names(dylink.soname.as_slice()))?;
            row("needs", &names(&dylink.needed))?;
            row("searches", &names(&dylink.runtime_path))?;
        }
        row("objects", &parts(module))?;
        row("imports", &imports(object))?;
        row("exports", &exports(object))?;
        row("at start", &life(object))?;
        let features = object.features.names().join(", ");
        if !features.is_empty() {
            row("features", &[features])?;
        }
        for note in &module.notes {
            line!(out, "{} {note}", paint(WARNING, "note:"))?;
        }
        if let Err(error) = &module.role {
            line!(out, "{} {error}", paint(ERROR, "it cannot be loaded:"))?;
        }
        if self.sections {
            line!(out)?;
            line!(out, "{}", paint(HEADING, "sections"))?;
            for part in &module.outline.parts {
                let kind = paint(DIM, if part.custom { "custom" } else { "" });
                line!(out, "{:>10} {} {kind}", part.size, name(&part.name))?;
            }
            if module.outline.more > 0 {
                line!(out, "{:>10} more", module.outline.more)?;
            }
        }
        if self.imports {
            line!(out)?;
            line!(out, "{}", paint(HEADING, "imports"))?;
            for import in &object.imports {
                let weak = paint(WARNING, if import.weak { " weak" } else { "" });
                let module = paint(DIM, name(import.module));
                let symbol = paint(SYMBOL, name(&import.name));
                let dot = paint(DIM, ".");
                line!(out, "  {module}{dot}{symbol} {}{weak}", import.ty)?;
            }
        }
        if self.exports {
            line!(out)?;
            line!(out, "{}", paint(HEADING, "exports"))?;
            for export in &object.exports {
                let weak = paint(WARNING, if export.weak { " weak" } else { "" });
                let tls = paint(WARNING, if export.tls { " thread-local" } else { "" });
                let symbol = paint(SYMBOL, name(&export.name));
                let item = item(object, export.item);
                line!(out, "  {symbol} {item}{weak}{tls}")?;
            }
        }
        Ok(())
    }
}

fn read(path: &std::path::Path) -> Result<Module> {
    let located = search::open_path(&SearchOptions::default(), path)?;
    let name = located.name.clone();
    let bytes = located.read()?;
    let role = loads_as(&bytes)?;
    let limits = ParseLimits::default();
    let object = Object::parse(&bytes, &limits)?;
    // A load of a library does not look at it.
    let (role, parts) = match role {
        Ok(role) if role.is_main() => match Parts::of(&bytes, &object, &limits) {
            Ok(parts) => (Ok(role), parts),
            Err(error) => (Err(error), None),
        },
        other => (other, None),
    };
    Ok(Module {
        name,
        bytes: bytes.len() as u64,
        outline: outline(&bytes)?,
        notes: notes(&object),
        object,
        role,
        parts,
    })
}

fn names(all: &[std::sync::Arc<str>]) -> Vec<String> {
    all.iter().map(|one| name(one).into_owned()).collect()
}

/// The objects that the module was made of, with how many symbols each has.
fn parts(module: &Module) -> Vec<String> {
    let parts = module.parts.iter().flat_map(|parts| &parts.objects);
    parts
        .map(|part| format!("{}, {} symbols", name(&part.name), part.exports.len()))
        .collect()
}

fn producers(outline: &Outline) -> Vec<String> {
    let producers: Vec<String> = outline
        .producers
        .iter()
        .map(|(_, tool, version)| {
            // Where the sources came from is of no use here.
            let version = version.split(" (").next().unwrap_or_default();
            let text = format!("{} {}", name(tool), name(version));
            text.trim_end().to_string()
        })
        .collect();
    match producers.is_empty() {
        true => producers,
        false => vec![producers.join(", ")],
    }
}

/// Of more rows than this, the first ones are shown.
const MAX_LISTED: usize = 100;

/// What it asks for, summed up.
fn imports(object: &Object) -> Vec<String> {
    let mut functions: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut data, mut addresses, mut provided, mut others) = (0, 0, Vec::new(), 0);
    for import in &object.imports {
        match (import.module.as_ref(), &import.ty) {
            (abi::GOT_MEM, ExternType::Global(_)) => data += 1,
            (abi::GOT_FUNC, ExternType::Global(_)) => addresses += 1,
            (module, ExternType::Func(_)) => {
                let counts = functions.entry(module).or_default();
                counts.0 += 1;
                counts.1 += usize::from(import.weak);
            }
            (abi::ENV, ExternType::Memory(_) | ExternType::Table(_) | ExternType::Global(_))
                if OF_THE_LINKER.contains(&import.name.as_ref()) =>
            {
                provided.push(import.name.text());
            }
            _ => others += 1,
        }
    }
    let mut rows: Vec<String> = functions
        .into_iter()
        .map(|(module, (all, weak))| match weak {
            0 => format!("{} of {}", count(all, "functions"), name(module)),
            weak => format!(
                "{} of {}, {weak} of them weak",
                count(all, "functions"),
                name(module)
            ),
        })
        .collect();
    let more = [
        (data, "addresses", " of data (GOT.mem)"),
        (addresses, "addresses", " of functions (GOT.func)"),
        (others, "others", ": globals, tables, memories, tags"),
    ];
    let more = more.iter().filter(|(number, ..)| *number > 0);
    rows.extend(more.map(|(number, what, which)| format!("{}{which}", count(*number, what))));
    if !provided.is_empty() {
        let provided = list(provided.iter(), MAX_LISTED, ", ");
        rows.push(format!("of the linker: {provided}"));
    }
    let more = rows.len().saturating_sub(MAX_LISTED);
    rows.truncate(MAX_LISTED);
    if more > 0 {
        rows.push(format!("and of {more} more modules"));
    }
    rows
}

/// `1 function`, `2 functions`
fn count(number: usize, what: &str) -> String {
    let one = match what {
        "addresses" => "address",
        other => other.strip_suffix('s').unwrap_or(other),
    };
    format!("{number} {}", if number == 1 { one } else { what })
}

const OF_THE_LINKER: &[&str] = &[
    abi::MEMORY,
    abi::INDIRECT_FUNCTION_TABLE,
    abi::STACK_POINTER,
    abi::MEMORY_BASE,
    abi::TABLE_BASE,
    abi::TABLE_BASE_32,
];

fn exports(object: &Object) -> Vec<String> {
    let (mut functions, mut aliases, mut data, mut others) = (0, 0, 0, 0);
    for export in symbols(object) {
        match &export.item {
            ExportItem::Func { index, .. } if *index < object.imported_funcs => aliases += 1,
            ExportItem::Func { .. } => functions += 1,
            ExportItem::Data(_) => data += 1,
            _ => others += 1,
        }
    }
    let rows = [
        (functions, "functions", ""),
        (aliases, "functions", " of others, exported again"),
        (data, "data", ""),
        (others, "others", ": globals, tables, memories, tags"),
    ];
    let rows = rows.iter().filter(|(number, ..)| *number > 0);
    rows.map(|(number, what, which)| format!("{}{which}", count(*number, what)))
        .collect()
}

/// What runs, and when.
fn life(object: &Object) -> Vec<String> {
    let mut steps = Vec::new();
    if object.start.is_some() {
        steps.push("its start function, when it is instantiated".to_string());
    }
    let program = object.export(abi::START).is_some();
    let role = if program { Role::Main } else { Role::Library };
    let functions = lifecycle(&Brief::of(object), role);
    let program = program.then_some(abi::START);
    for (name, when) in [
        (functions.relocate, "addresses in its data"),
        (functions.construct, "constructors"),
        (program, "the program itself"),
    ] {
        steps.extend(name.map(|name| format!("{name}: {when}")));
    }
    steps
}

/// An export in a few words, with where it is.
fn item(object: &Object, item: &ExportItem) -> String {
    match item {
        ExportItem::Data(datum) => {
            let value = datum.value();
            let base = match value.base {
                wasmdyld::object::Base::Table => abi::TABLE_BASE,
                _ if object.dylink.is_some() => abi::MEMORY_BASE,
                _ => return format!("{} at {:#x}", describe(item), value.offset),
            };
            format!("{} at {base} + {:#x}", describe(item), value.offset)
        }
        ExportItem::Func { index, .. } if *index < object.imported_funcs => {
            format!("{}, of another object", describe(item))
        }
        other => describe(other),
    }
}

#[derive(Serialize)]
struct Answer<'a, I: Serialize, E: Serialize, S: Serialize> {
    name: &'a str,
    bytes: u64,
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cannot_be_loaded: Option<String>,
    dylink: Option<Dylink<'a>>,
    /// Names of the objects that the module was made of, where it says of what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<&'a str>,
    producers: Vec<Producer<'a>>,
    features: Vec<&'static str>,
    start_function: bool,
    imports: I,
    exports: E,
    sections: S,
    /// Sections beyond those listed.
    #[serde(skip_serializing_if = "is_zero")]
    more_sections: usize,
    notes: &'a [String],
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[derive(Serialize)]
struct Dylink<'a> {
    /// The legacy section is `dylink`.
    section: &'static str,
    memory_size: u64,
    memory_p2align: u32,
    table_size: u64,
    table_p2align: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    soname: Option<&'a str>,
    needed: Vec<&'a str>,
    runtime_path: Vec<&'a str>,
}

fn texts(names: &[std::sync::Arc<str>]) -> Vec<&str> {
    names.iter().map(AsRef::as_ref).collect()
}

#[derive(Serialize)]
struct Producer<'a> {
    field: &'a str,
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct Import<'a> {
    module: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    ty: String,
    weak: bool,
}

#[derive(Serialize)]
struct Export<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: String,
    weak: bool,
    thread_local: bool,
    /// Data: offset from `__memory_base`.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    custom: bool,
    bytes: usize,
}

fn json(module: &Module) -> impl Serialize {
    let Module {
        object, outline, ..
    } = module;
    let parts = module.parts.iter().flat_map(|parts| &parts.objects);
    let producers = outline.producers.iter();
    let producers = producers.map(|(field, name, version)| Producer {
        field,
        name,
        version,
    });
    Answer {
        name: &module.name,
        bytes: module.bytes,
        role: module
            .role
            .as_ref()
            .ok()
            .map(|&role| crate::ldd::role(role)),
        cannot_be_loaded: module.role.as_ref().err().map(ToString::to_string),
        dylink: object.dylink.as_ref().map(|dylink| Dylink {
            section: match dylink.legacy {
                true => abi::DYLINK_LEGACY,
                false => abi::DYLINK_0,
            },
            memory_size: dylink.memory_size,
            memory_p2align: dylink.memory_p2align,
            table_size: dylink.table_size,
            table_p2align: dylink.table_p2align,
            soname: dylink.soname.as_deref(),
            needed: texts(&dylink.needed),
            runtime_path: texts(&dylink.runtime_path),
        }),
        objects: parts.map(|part| part.name.as_str()).collect(),
        producers: producers.collect(),
        features: object.features.names(),
        start_function: object.start.is_some(),
        imports: Each(|| {
            object.imports.iter().map(|import| Import {
                module: import.module,
                name: import.name.text(),
                ty: import.ty.to_string(),
                weak: import.weak,
            })
        }),
        exports: Each(|| {
            object.exports.iter().map(|export| Export {
                name: export.name.text(),
                ty: describe(export.item),
                weak: export.weak,
                thread_local: export.tls,
                offset: match &export.item {
                    ExportItem::Data(datum) => Some(datum.value().offset),
                    _ => None,
                },
            })
        }),
        sections: Each(|| {
            outline.parts.iter().map(|part| Section {
                name: &part.name,
                custom: part.custom,
                bytes: part.size,
            })
        }),
        more_sections: outline.more,
        notes: &module.notes,
    }
}
