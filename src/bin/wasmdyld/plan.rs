//! `wasmdyld plan`: what a load would do, without doing it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde::Serialize;
use wasmdyld::error::{Context, Result};
use wasmdyld::plan::{
    Binding, Callee, Definition, Found, FuncId, Layout, ObjectId, Plan, Planned, Range, Spaces,
    Supply, bound,
};
use wasmdyld::survey::Survey;
use wasmdyld::text::{list, name};

use crate::args::{self, Format, HostArgs, LinkArgs, SearchArgs};
use crate::ldd::{complain, role};
use crate::line;
use crate::style::{self, DIM, Each, HEADING, OBJECT, Out, SYMBOL, WARNING, paint};

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
struct Bound<'a> {
    how: &'static str,
    /// The object, or `None` for the host and the linker.
    object: Option<ObjectId>,
    symbol: Option<&'a str>,
    value: Option<u64>,
}

impl View<'_> {
    fn names<'a>(&'a self, ids: &'a [ObjectId]) -> impl ExactSizeIterator<Item = &'a str> {
        ids.iter().map(|&id| self.survey.name(id))
    }

    fn symbol(&self, definition: Definition) -> Option<&str> {
        let found = self
            .survey
            .objects()
            .get(self.survey.number(definition.object))?;
        let export = found.object.exports.get(definition.export as usize)?;
        Some(export.name.text())
    }

    fn callee(&self, callee: &Callee) -> (Option<ObjectId>, Option<&str>) {
        match callee.id() {
            FuncId::Object { object, .. } => {
                (Some(object), callee.export().and_then(|d| self.symbol(d)))
            }
            FuncId::Host(_) => (None, None),
        }
    }

    fn bound(&self, supply: &Supply, binding: &Binding) -> Bound<'_> {
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

    fn text(&self, out: &mut Out, bindings: bool) -> io::Result<()> {
        line!(out, "{}", paint(HEADING, "order"))?;
        for (what, objects) in [
            ("scope", &self.survey.closure.group),
            ("instantiate", &self.plan.order),
            ("construct", &self.plan.init),
        ] {
            let objects = list(self.names(objects).map(name), objects.len(), " ");
            line!(out, "  {} {objects}", paint(DIM, format!("{what:<11}")))?;
        }
        for warning in &self.plan.warnings {
            line!(out, "{} {warning}", paint(WARNING, "warning:"))?;
        }
        if let Some(spaces) = &self.spaces {
            let Layout { memory, table, .. } = &self.plan.layout;
            line!(out)?;
            line!(out, "{}", paint(HEADING, "memory"))?;
            line!(
                out,
                "  {} pages{}",
                memory.after,
                at_most(bound(memory.max))
            )?;
            whole(out, &spaces.memory_text())?;
            line!(out)?;
            line!(out, "{}", paint(HEADING, "table"))?;
            line!(out, "  {} slots{}", table.after, at_most(table.max))?;
            let brief = (!bindings).then(|| Spaces {
                memory: Vec::new(),
                table: in_brief(&spaces.table),
                inside: Vec::new(),
            });
            whole(out, &brief.as_ref().unwrap_or(spaces).table_text())?;
        }
        line!(out)?;
        line!(out, "{}", paint(HEADING, "imports"))?;
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
            let soname = found.other_name();
            let soname = soname.map(|soname| format!(" (soname {})", name(soname)));
            let soname = paint(DIM, soname.unwrap_or_default());
            line!(
                out,
                "  {}{soname} {counts}",
                paint(OBJECT, name(&found.name))
            )?;
            if bindings {
                self.bindings(out, planned, &found.object.imports)?;
            }
        }
        Ok(())
    }

    fn bindings(
        &self,
        out: &mut Out,
        planned: &Planned,
        imports: &wasmdyld::object::Imports,
    ) -> io::Result<()> {
        let supplies = planned.imports.iter().zip(planned.bindings.iter());
        for (import, (supply, binding)) in imports.iter().zip(supplies) {
            let bound = self.bound(supply, binding);
            let mut to = String::new();
            if let Some(object) = bound.object {
                to = format!(" {} {}", paint(DIM, "->"), name(self.survey.name(object)));
                // Only what goes under another name is worth saying.
                if let Some(symbol) = bound.symbol.filter(|&s| s != import.name.as_ref()) {
                    to.push_str(&format!(":{}", name(symbol)));
                }
            }
            let value = match (bound.how, bound.value) {
                ("address", Some(value)) => format!(" {value:#x}"),
                ("slot" | "stub", Some(slot)) => format!(" {slot}"),
                _ => String::new(),
            };
            line!(
                out,
                "    {}{}{to} {}",
                paint(DIM, format!("{}.", name(import.module))),
                paint(SYMBOL, name(&import.name)),
                paint(DIM, format!("({}{value})", bound.how)),
            )?;
        }
        Ok(())
    }

    fn json(&self) -> impl Serialize {
        let layout = &self.plan.layout;
        Answer {
            scope: Each(|| self.names(&self.survey.closure.group)),
            instantiate: Each(|| self.names(&self.plan.order)),
            construct: Each(|| self.names(&self.plan.init)),
            memory: Room {
                size: layout.memory.after,
                maximum: bound(layout.memory.max),
                parts: parts(self.spaces.as_ref().map(|spaces| &spaces.memory)),
            },
            table: Room {
                size: layout.table.after,
                maximum: layout.table.max,
                parts: parts(self.spaces.as_ref().map(|spaces| &spaces.table)),
            },
            objects: Each(|| {
                let objects = self.survey.objects().iter().zip(&self.plan.objects);
                objects.map(|(found, planned)| Whole {
                    object: object(found, planned),
                    imports: Each(|| self.imports(planned, &found.object.imports)),
                })
            }),
            slots: Each(|| {
                self.plan.fills.iter().map(|fill| {
                    let (object, symbol) = self.callee(&fill.callee);
                    Slot {
                        slot: fill.slot,
                        object: object.map(|id| self.survey.name(id)),
                        symbol,
                    }
                })
            }),
            stubs: self.plan.stubs.len(),
            warnings: &self.plan.warnings,
        }
    }

    fn imports<'a>(
        &'a self,
        planned: &'a Planned,
        imports: &'a wasmdyld::object::Imports,
    ) -> impl Iterator<Item = Import<'a>> {
        let supplies = planned.imports.iter().zip(planned.bindings.iter());
        imports
            .iter()
            .zip(supplies)
            .map(|(import, (supply, binding))| {
                let bound = self.bound(supply, binding);
                Import {
                    module: import.module,
                    name: import.name.text(),
                    ty: import.ty.to_string(),
                    weak: import.weak,
                    how: bound.how,
                    object: bound.object.map(|id| self.survey.name(id)),
                    symbol: bound.symbol,
                    value: bound.value,
                }
            })
    }
}

fn object(found: &Found, planned: &Planned) -> Object {
    Object {
        name: found.name.to_string(),
        soname: found.soname().map(ToString::to_string),
        path: found.path.as_ref().map(|path| path.display().to_string()),
        role: role(found.role),
        memory_base: planned.place.memory_base,
        memory_size: planned.place.memory_size,
        table_base: planned.place.table_base,
        table_size: planned.place.table_size,
    }
}

/// Writes lines that are safe already.
fn whole(out: &mut Out, lines: &wasmdyld::text::Lines) -> io::Result<()> {
    lines.lines().try_for_each(|one| line!(out, "{one}"))
}

#[derive(Serialize)]
struct Answer<'a, A: Serialize, B: Serialize, C: Serialize, O: Serialize, S: Serialize> {
    scope: A,
    instantiate: B,
    construct: C,
    /// In pages of 64 KiB.
    memory: Room<'a>,
    /// In slots.
    table: Room<'a>,
    objects: O,
    /// Slots that the linker fills itself.
    slots: S,
    stubs: usize,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Room<'a> {
    size: u64,
    maximum: Option<u64>,
    /// All of it: memory in bytes, the table in slots.
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    start: u64,
    end: u64,
    #[serde(rename = "use")]
    what: &'a str,
}

fn parts(ranges: Option<&Vec<Range>>) -> Vec<Part<'_>> {
    let ranges = ranges.into_iter().flatten();
    let parts = ranges.map(|range| Part {
        start: range.start,
        end: range.end,
        what: &range.what,
    });
    parts.collect()
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
    #[serde(skip_serializing_if = "Option::is_none")]
    soname: Option<String>,
    path: Option<String>,
    role: &'static str,
    memory_base: u64,
    memory_size: u64,
    table_base: u64,
    table_size: u64,
}

#[derive(Serialize)]
struct Whole<I: Serialize> {
    #[serde(flatten)]
    object: Object,
    imports: I,
}

#[derive(Serialize)]
struct Import<'a> {
    module: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    ty: String,
    weak: bool,
    how: &'static str,
    /// `null`: the host's or the linker's.
    object: Option<&'a str>,
    symbol: Option<&'a str>,
    /// An address or a slot.
    value: Option<u64>,
}

#[derive(Serialize)]
struct Slot<'a> {
    slot: u64,
    object: Option<&'a str>,
    symbol: Option<&'a str>,
}
