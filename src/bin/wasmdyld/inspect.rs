//! `wasmdyld inspect`: what one module says of itself, in words.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde::Serialize;
use wasmdyld::abi;
use wasmdyld::error::{Context, Result, plain};
use wasmdyld::object::{
    ExportItem, ExternType, Object, Outline, ParseLimits, externalize, outline,
};
use wasmdyld::plan::{Role, describe, lifecycle, role_of};
use wasmdyld::search;

use crate::args::Format;
use crate::ldd::size;
use crate::style::{self, DIM, ERROR, HEADING, OBJECT, SYMBOL, WARNING, paint};

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

    fn text(&self, out: &mut impl Write, module: &Module) -> io::Result<()> {
        let Module { object, .. } = module;
        writeln!(
            out,
            "{} {} {}",
            paint(OBJECT, plain(&module.name)),
            paint(DIM, "is"),
            what(module)
        )?;
        let mut row = |name: &str, text: String| -> io::Result<()> {
            if text.is_empty() {
                return Ok(());
            }
            let mut name = name;
            for line in text.lines() {
                writeln!(out, "  {} {line}", paint(DIM, format!("{name:<10}")))?;
                name = "";
            }
            Ok(())
        };
        row("size", size(module.bytes))?;
        row("made by", producers(&module.outline))?;
        if let Some(dylink) = &object.dylink {
            let align = |p2: u32| 1u64.checked_shl(p2).unwrap_or(0);
            row(
                "memory",
                format!(
                    "{} bytes of data, aligned to {}",
                    dylink.memory_size,
                    align(dylink.memory_p2align)
                ),
            )?;
            row(
                "table",
                format!(
                    "{} slots for addresses of its own functions, aligned to {}",
                    dylink.table_size,
                    align(dylink.table_p2align)
                ),
            )?;
            row("needs", lines(&dylink.needed))?;
            row("searches", lines(&dylink.runtime_path))?;
        }
        row("imports", imports(object))?;
        row("exports", exports(object))?;
        row("at start", life(object))?;
        row("features", object.features.names().join(", "))?;
        for note in &module.notes {
            writeln!(out, "{} {note}", paint(WARNING, "note:"))?;
        }
        if let Err(error) = &module.role {
            writeln!(out, "{} {error}", paint(ERROR, "it cannot be loaded:"))?;
        }
        if self.sections {
            writeln!(out, "\n{}", paint(HEADING, "sections"))?;
            for part in &module.outline.parts {
                let kind = if part.custom { "custom" } else { "" };
                writeln!(
                    out,
                    "{:>10} {} {}",
                    part.size,
                    plain(&part.name),
                    paint(DIM, kind)
                )?;
            }
        }
        if self.imports {
            writeln!(out, "\n{}", paint(HEADING, "imports"))?;
            for import in &object.imports {
                let weak = if import.weak { " weak" } else { "" };
                writeln!(
                    out,
                    "  {}{}{} {}{}",
                    paint(DIM, plain(&import.module)),
                    paint(DIM, "."),
                    paint(SYMBOL, plain(&import.name)),
                    import.ty,
                    paint(WARNING, weak)
                )?;
            }
        }
        if self.exports {
            writeln!(out, "\n{}", paint(HEADING, "exports"))?;
            for export in &object.exports {
                let weak = if export.weak { " weak" } else { "" };
                let tls = if export.tls { " thread-local" } else { "" };
                writeln!(
                    out,
                    "  {} {}{}{}",
                    paint(SYMBOL, plain(&export.name)),
                    item(object, &export.item),
                    paint(WARNING, weak),
                    paint(WARNING, tls)
                )?;
            }
        }
        Ok(())
    }
}

fn read(path: &std::path::Path) -> Result<Module> {
    let located = search::open_path(path)?;
    let name = located.name.clone();
    let bytes = located.read()?;
    let limits = ParseLimits::default();
    let object = Object::parse(&bytes, &limits)?;
    let main = object.export(abi::START).is_some();
    let role = match externalize(&bytes, &object) {
        Ok(Some((moved, _))) if main => {
            Object::parse(&moved, &limits).and_then(|moved| role_of(&moved, true))
        }
        Ok(_) => role_of(&object, main),
        Err(error) => Err(error),
    };
    Ok(Module {
        name,
        bytes: bytes.len() as u64,
        outline: outline(&bytes)?,
        notes: notes(&object),
        object,
        role,
    })
}

fn what(module: &Module) -> &'static str {
    let start = module.object.export(abi::START).is_some();
    match (&module.role, &module.object.dylink) {
        (Ok(Role::Main), _) => "a position-independent program",
        (Ok(Role::FixedMain), Some(_)) => "a program at fixed addresses, with needed libraries",
        (Ok(Role::FixedMain), None) => "a program at fixed addresses, without needed libraries",
        (Ok(Role::Library), _) => "a shared library",
        (Err(_), Some(_)) => "a module with a dylink.0 section",
        (Err(_), None) if start => "a program",
        (Err(_), None) => "a module without a dylink.0 section",
    }
}

fn lines(names: &[std::sync::Arc<str>]) -> String {
    let names: Vec<_> = names.iter().map(|name| plain(name)).collect();
    names.join("\n")
}

fn producers(outline: &Outline) -> String {
    let producers: Vec<String> = outline
        .producers
        .iter()
        .map(|(_, name, version)| {
            // Where the sources came from is of no use here.
            let version = version.split(" (").next().unwrap_or_default();
            let text = format!("{} {}", plain(name), plain(version));
            text.trim_end().to_string()
        })
        .collect();
    producers.join(", ")
}

/// What it asks for, summed up.
fn imports(object: &Object) -> String {
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
                provided.push(import.name.to_string());
            }
            _ => others += 1,
        }
    }
    let mut rows: Vec<String> = functions
        .into_iter()
        .map(|(module, (all, weak))| match weak {
            0 => format!("{} of {}", count(all, "functions"), plain(module)),
            weak => format!(
                "{} of {}, {weak} of them weak",
                count(all, "functions"),
                plain(module)
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
        rows.push(format!("of the linker: {}", provided.join(", ")));
    }
    rows.join("\n")
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

fn exports(object: &Object) -> String {
    let (mut functions, mut aliases, mut data, mut others) = (0, 0, 0, 0);
    for export in symbols(object) {
        match &export.item {
            ExportItem::Func { index, .. } if *index < object.imported_funcs => aliases += 1,
            ExportItem::Func { .. } => functions += 1,
            ExportItem::Data { .. } => data += 1,
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
    let rows: Vec<String> = rows
        .map(|(number, what, which)| format!("{}{which}", count(*number, what)))
        .collect();
    rows.join("\n")
}

/// The exports that others can be bound to.
fn symbols(object: &Object) -> impl Iterator<Item = &wasmdyld::object::Export> {
    let life = |name: &str| abi::LIFECYCLE.contains(&name);
    object.exports.iter().filter(move |e| !life(&e.name))
}

/// What runs, and when.
fn life(object: &Object) -> String {
    let mut steps = Vec::new();
    if object.start.is_some() {
        steps.push("its start function, when it is instantiated".to_string());
    }
    let program = object.export(abi::START).is_some();
    let role = if program { Role::Main } else { Role::Library };
    let functions = lifecycle(object, role);
    let program = program.then_some(abi::START);
    for (name, when) in [
        (functions.relocate, "addresses in its data"),
        (functions.construct, "constructors"),
        (program, "the program itself"),
    ] {
        steps.extend(name.map(|name| format!("{name}: {when}")));
    }
    steps.join("\n")
}

/// What is legal and often not meant.
fn notes(object: &Object) -> Vec<String> {
    let mut notes = Vec::new();
    let library = object.dylink.is_some() && object.export(abi::START).is_none();
    let imports = |name: &str| {
        let mut imports = object.imports.iter();
        imports.any(|i| i.module.as_ref() == abi::ENV && i.name.as_ref() == name)
    };
    if library && symbols(object).next().is_none() {
        notes.push(
            "no symbols are exported: clang hides them unless it is told -fvisibility=default"
                .to_string(),
        );
    }
    if library && (imports(abi::INITIALIZE) || imports(abi::CALL_CTORS)) {
        notes.push("it was linked with -nostartfiles: its constructors will not run".to_string());
    }
    if object.dylink.as_ref().is_some_and(|dylink| dylink.legacy) {
        notes.push(
            "its dylink section is of the form before LLVM 13; libraries are better built anew"
                .to_string(),
        );
    }
    if object.features.legacy_exceptions {
        notes.push(
            "it uses the legacy form of exceptions, which few engines run; compile with -mllvm -wasm-use-legacy-eh=false"
                .to_string(),
        );
    }
    notes
}

/// An export in a few words, with where it is.
fn item(object: &Object, item: &ExportItem) -> String {
    match item {
        ExportItem::Data { value, .. } => {
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
struct Answer {
    name: String,
    bytes: u64,
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cannot_be_loaded: Option<String>,
    dylink: Option<Dylink>,
    producers: Vec<Producer>,
    features: Vec<&'static str>,
    start_function: bool,
    imports: Vec<Import>,
    exports: Vec<Export>,
    sections: Vec<Section>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Dylink {
    memory_size: u64,
    memory_p2align: u32,
    table_size: u64,
    table_p2align: u32,
    needed: Vec<String>,
    runtime_path: Vec<String>,
}

#[derive(Serialize)]
struct Producer {
    field: String,
    name: String,
    version: String,
}

#[derive(Serialize)]
struct Import {
    module: String,
    name: String,
    #[serde(rename = "type")]
    ty: String,
    weak: bool,
}

#[derive(Serialize)]
struct Export {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    weak: bool,
    thread_local: bool,
    /// Data: offset from `__memory_base`.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

#[derive(Serialize)]
struct Section {
    name: String,
    custom: bool,
    bytes: usize,
}

fn json(module: &Module) -> Answer {
    let Module {
        object, outline, ..
    } = module;
    let texts = |names: &[std::sync::Arc<str>]| names.iter().map(|n| n.to_string()).collect();
    Answer {
        name: module.name.clone(),
        bytes: module.bytes,
        role: module
            .role
            .as_ref()
            .ok()
            .map(|role| crate::ldd::role(*role)),
        cannot_be_loaded: module.role.as_ref().err().map(ToString::to_string),
        dylink: object.dylink.as_ref().map(|dylink| Dylink {
            memory_size: dylink.memory_size,
            memory_p2align: dylink.memory_p2align,
            table_size: dylink.table_size,
            table_p2align: dylink.table_p2align,
            needed: texts(&dylink.needed),
            runtime_path: texts(&dylink.runtime_path),
        }),
        producers: outline
            .producers
            .iter()
            .cloned()
            .map(|(field, name, version)| Producer {
                field,
                name,
                version,
            })
            .collect(),
        features: object.features.names(),
        start_function: object.start.is_some(),
        imports: object
            .imports
            .iter()
            .map(|import| Import {
                module: import.module.to_string(),
                name: import.name.to_string(),
                ty: import.ty.to_string(),
                weak: import.weak,
            })
            .collect(),
        exports: object
            .exports
            .iter()
            .map(|export| Export {
                name: export.name.to_string(),
                ty: describe(&export.item),
                weak: export.weak,
                thread_local: export.tls,
                offset: match &export.item {
                    ExportItem::Data { value, .. } => Some(value.offset),
                    _ => None,
                },
            })
            .collect(),
        sections: outline
            .parts
            .iter()
            .map(|part| Section {
                name: part.name.clone(),
                custom: part.custom,
                bytes: part.size,
            })
            .collect(),
        notes: module.notes.clone(),
    }
}
