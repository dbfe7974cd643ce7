//! `wasmdyld plan`: what a load would do, without doing it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde::Serialize;
use wasmdyld::error::{Context, Result, plain};
use wasmdyld::plan::{
    Binding, Callee, Definition, FuncId, Layout, ObjectId, Plan, Planned, Range, Spaces, Supply,
};
use wasmdyld::survey::Survey;

use crate::args::{self, Format, HostArgs, LinkArgs, SearchArgs};
use crate::ldd::{complain, role};
use crate::style::{self, DIM, HEADING, OBJECT, SYMBOL, WARNING, paint};

#[derive(Args)]
#[command(
    after_help = "What is planned: what `run` would carry out, or loading a library first into a namespace of its own. Nothing is executed, no
engine is asked. WASI and the linker's own functions count as defined by the host.

Exit status: 0; 1 if a library is missing; 127 if there is no plan: symbols are undefined or of the wrong type, or there
is no room; 2 for a wrong command line."
)]
pub struct Show {
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    link: LinkArgs,
    #[command(flatten)]
    host: HostArgs,
    /// List what every import is bound to
    #[arg(long)]
    bindings: bool,
    /// How the answer is written; JSON holds all bindings
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// A program or library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

impl Show {
    pub fn execute(self) -> ExitCode {
        style::exit_code(self.look())
    }

    fn look(&self) -> Result<ExitCode> {
        let config = args::config(&self.search, Some(&self.link))?;
        let survey = Survey::of(&self.file, &config, &self.host.host_defines)?;
        if !complain(&survey) {
            return Ok(ExitCode::FAILURE);
        }
        let plan = survey
            .plan()
            .context(|| format!("planning {}", self.file.display()))?;
        let view = View {
            survey: &survey,
            spaces: survey.spaces(&plan),
            plan: &plan,
        };
        let mut out = style::stdout();
        style::written(match self.format {
            Format::Text => view.text(&mut out, self.bindings),
            Format::Json => style::write_json(&mut out, &view.json()),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

struct View<'a> {
    survey: &'a Survey,
    plan: &'a Plan,
    spaces: Option<Spaces>,
}

/// How an import is satisfied.
struct Bound {
    how: &'static str,
    /// The object, or `None` for the host and the linker.
    object: Option<ObjectId>,
    symbol: Option<String>,
    value: Option<u64>,
}

impl View<'_> {
    fn names(&self, ids: &[ObjectId]) -> Vec<String> {
        ids.iter()
            .map(|&id| plain(self.survey.name(id)).into_owned())
            .collect()
    }

    fn symbol(&self, definition: Definition) -> Option<String> {
        let found = self
            .survey
            .objects()
            .get(self.survey.number(definition.object))?;
        let export = found.object.exports.get(definition.export as usize)?;
        Some(export.name.to_string())
    }

    fn callee(&self, callee: &Callee) -> (Option<ObjectId>, Option<String>) {
        match callee.id {
            FuncId::Object { object, .. } => {
                (Some(object), callee.export.and_then(|d| self.symbol(d)))
            }
            FuncId::Host(_) => (None, None),
        }
    }

    fn bound(&self, supply: &Supply, binding: &Binding) -> Bound {
        let how = match supply {
            Supply::Memory | Supply::Table | Supply::StackPointer => "shared",
            Supply::Number { .. } => match binding {
                Binding::Null => "weak undefined",
                Binding::Slot(_) => "slot",
                _ => "address",
            },
            Supply::Export(_) => "direct",
            Supply::Host(_) => "host",
            Supply::Stub(_) => "stub",
            Supply::Trampoline(_) => "trampoline",
            Supply::LazyStub(n) if self.plan.lazy_stubs.get(*n).is_some_and(|a| a.lazy) => "lazy",
            Supply::LazyStub(_) => "traps",
            Supply::Nothing => "nothing",
            Supply::Tag(_) => "tag",
        };
        let value = match supply {
            Supply::Number { value, .. } => Some(*value),
            Supply::Stub(n) => self.plan.stubs.get(*n).map(|stub| stub.slot),
            _ => None,
        };
        let (object, symbol) = match binding {
            Binding::Func(callee) | Binding::Slot(callee) => self.callee(callee),
            Binding::Data(d) | Binding::Export(d) => (Some(d.object), self.symbol(*d)),
            _ => (None, None),
        };
        Bound {
            how,
            object,
            symbol,
            value,
        }
    }

    fn text(&self, out: &mut impl Write, bindings: bool) -> io::Result<()> {
        let list = |ids: &[ObjectId]| self.names(ids).join(" ");
        writeln!(out, "{}", paint(HEADING, "order"))?;
        let rows = [
            ("scope", list(&self.survey.closure.group)),
            ("instantiate", list(&self.plan.order)),
            ("construct", list(&self.plan.init)),
        ];
        for (name, objects) in rows {
            writeln!(out, "  {} {objects}", paint(DIM, format!("{name:<11}")))?;
        }
        for warning in &self.plan.warnings {
            writeln!(out, "{} {}", paint(WARNING, "warning:"), plain(warning))?;
        }
        if let Some(spaces) = &self.spaces {
            let Layout { memory, table, .. } = &self.plan.layout;
            writeln!(out, "\n{}", paint(HEADING, "memory"))?;
            writeln!(out, "  {} pages{}", memory.after, at_most(memory.max))?;
            write!(out, "{}", spaces.memory_text())?;
            writeln!(out, "\n{}", paint(HEADING, "table"))?;
            writeln!(out, "  {} slots{}", table.after, at_most(table.max))?;
            let brief = (!bindings).then(|| Spaces {
                memory: Vec::new(),
                table: in_brief(&spaces.table),
                inside: BTreeMap::new(),
            });
            write!(out, "{}", brief.as_ref().unwrap_or(spaces).table_text())?;
        }
        writeln!(out, "\n{}", paint(HEADING, "imports"))?;
        for (found, planned) in self.survey.objects().iter().zip(&self.plan.objects) {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for (supply, binding) in planned.imports.iter().zip(planned.bindings.iter()) {
                *counts.entry(self.bound(supply, binding).how).or_default() += 1;
            }
            let counts: Vec<String> = counts.iter().map(|(how, n)| format!("{n} {how}")).collect();
            let counts = match counts.is_empty() {
                true => "none".to_string(),
                false => counts.join(", "),
            };
            writeln!(out, "  {} {counts}", paint(OBJECT, plain(&found.name)))?;
            if bindings {
                self.bindings(out, planned, &found.object.imports)?;
            }
        }
        Ok(())
    }

    fn bindings(
        &self,
        out: &mut impl Write,
        planned: &Planned,
        imports: &[wasmdyld::object::Import],
    ) -> io::Result<()> {
        let supplies = planned.imports.iter().zip(planned.bindings.iter());
        for (import, (supply, binding)) in imports.iter().zip(supplies) {
            let bound = self.bound(supply, binding);
            let mut to = String::new();
            if let Some(object) = bound.object {
                to = format!(" {} {}", paint(DIM, "->"), plain(self.survey.name(object)));
                // Only what goes under another name is worth saying.
                if let Some(symbol) = bound.symbol.filter(|s| s.as_str() != import.name.as_ref()) {
                    to.push_str(&format!(":{}", plain(&symbol)));
                }
            }
            let value = match (bound.how, bound.value) {
                ("address", Some(value)) => format!(" {value:#x}"),
                ("slot" | "stub", Some(slot)) => format!(" {slot}"),
                _ => String::new(),
            };
            writeln!(
                out,
                "    {}{}{to} {}",
                paint(DIM, format!("{}.", plain(&import.module))),
                paint(SYMBOL, plain(&import.name)),
                paint(DIM, format!("({}{value})", bound.how)),
            )?;
        }
        Ok(())
    }

    fn json(&self) -> Answer {
        let layout = &self.plan.layout;
        let objects = self.survey.objects().iter().zip(&self.plan.objects);
        Answer {
            scope: self.names(&self.survey.closure.group),
            instantiate: self.names(&self.plan.order),
            construct: self.names(&self.plan.init),
            memory: Room {
                size: layout.memory.after,
                maximum: layout.memory.max,
                parts: parts(self.spaces.as_ref().map(|spaces| &spaces.memory)),
            },
            table: Room {
                size: layout.table.after,
                maximum: layout.table.max,
                parts: parts(self.spaces.as_ref().map(|spaces| &spaces.table)),
            },
            objects: objects
                .map(|(found, planned)| Object {
                    name: found.name.to_string(),
                    path: found.path.as_ref().map(|path| path.display().to_string()),
                    role: role(found.role),
                    memory_base: planned.place.memory_base,
                    memory_size: planned.place.memory_size,
                    table_base: planned.place.table_base,
                    table_size: planned.place.table_size,
                    imports: self.imports(planned, &found.object.imports),
                })
                .collect(),
            slots: self
                .plan
                .fills
                .iter()
                .map(|fill| {
                    let (object, symbol) = self.callee(&fill.callee);
                    Slot {
                        slot: fill.slot,
                        object: object.map(|id| self.survey.name(id).to_string()),
                        symbol,
                    }
                })
                .collect(),
            stubs: self.plan.stubs.len(),
            warnings: self.plan.warnings.clone(),
        }
    }

    fn imports(&self, planned: &Planned, imports: &[wasmdyld::object::Import]) -> Vec<Import> {
        let supplies = planned.imports.iter().zip(planned.bindings.iter());
        imports
            .iter()
            .zip(supplies)
            .map(|(import, (supply, binding))| {
                let bound = self.bound(supply, binding);
                Import {
                    module: import.module.to_string(),
                    name: import.name.to_string(),
                    ty: import.ty.to_string(),
                    weak: import.weak,
                    how: bound.how,
                    object: bound.object.map(|id| self.survey.name(id).to_string()),
                    symbol: bound.symbol,
                    value: bound.value,
                }
            })
            .collect()
    }
}

#[derive(Serialize)]
struct Answer {
    scope: Vec<String>,
    instantiate: Vec<String>,
    construct: Vec<String>,
    /// In pages of 64 KiB.
    memory: Room,
    /// In slots.
    table: Room,
    objects: Vec<Object>,
    /// Slots that the linker fills itself.
    slots: Vec<Slot>,
    stubs: usize,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Room {
    size: u64,
    maximum: Option<u64>,
    /// All of it: memory in bytes, the table in slots.
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    start: u64,
    end: u64,
    #[serde(rename = "use")]
    what: String,
}

fn parts(ranges: Option<&Vec<Range>>) -> Vec<Part> {
    let ranges = ranges.into_iter().flatten();
    let part = |range: &Range| Part {
        start: range.start,
        end: range.end,
        what: range.what.clone(),
    };
    ranges.map(part).collect()
}

/// With slots that are given to one function each taken together.
fn in_brief(table: &[Range]) -> Vec<Range> {
    let single = |range: &Range| range.start > 0 && range.end - range.start == 1;
    let runs = table.chunk_by(|a, b| single(a) && single(b));
    runs.filter_map(|run| match run {
        [only] => Some(only.clone()),
        [first, .., last] => Some(Range {
            start: first.start,
            end: last.end,
            what: "given to functions whose addresses are taken, or called by stubs (--bindings lists them)".to_string(),
        }),
        [] => None,
    })
    .collect()
}

fn at_most(max: Option<u64>) -> String {
    max.map_or(String::new(), |max| format!(", at most {max}"))
}

#[derive(Serialize)]
struct Object {
    name: String,
    path: Option<String>,
    role: &'static str,
    memory_base: u64,
    memory_size: u64,
    table_base: u64,
    table_size: u64,
    imports: Vec<Import>,
}

#[derive(Serialize)]
struct Import {
    module: String,
    name: String,
    #[serde(rename = "type")]
    ty: String,
    weak: bool,
    how: &'static str,
    /// `null`: the host's or the linker's.
    object: Option<String>,
    symbol: Option<String>,
    /// An address or a slot.
    value: Option<u64>,
}

#[derive(Serialize)]
struct Slot {
    slot: u64,
    object: Option<String>,
    symbol: Option<String>,
}
