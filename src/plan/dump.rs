//! A plan as text: for `WASMDYLD_DEBUG=plan` and for comparison with golden files.

use super::callee::Callee;
use super::model::{FuncId, ObjectId, Role};
use super::supply::Supply;
use super::{Extent, Kind, Plan, Planned, Request, bound};
use crate::object::Imports;
use crate::text::{self, Lines};

/// The whole plan. Deterministic: the same modules give the same text.
pub fn dump(request: &Request<'_>, plan: &Plan) -> Lines {
    let mut out = Lines::default();
    write(&mut out, request, plan);
    out
}

fn write(out: &mut Lines, request: &Request<'_>, plan: &Plan) {
    let layout = &plan.layout;
    let memory = Extent {
        max: bound(layout.memory.max),
        ..layout.memory
    };
    space(out, "memory", "pages", &memory);
    if let Some(high) = layout.landmarks.stack_high {
        let low = layout.landmarks.stack_low.unwrap_or(0);
        out.line(format_args!("  stack {low:#x}..{high:#x}"));
    }
    let (base, end) = (layout.landmarks.heap_base, layout.landmarks.heap_end);
    out.line(format_args!("  heap {base:#x}..{end:#x}"));
    for (start, len) in layout.memory_free.iter() {
        out.line(format_args!("  free {start:#x}+{len:#x}"));
    }
    space(out, "table", "slots", &layout.table);
    for (start, len) in layout.table_free.iter() {
        out.line(format_args!("  free {start}+{len}"));
    }
    out.line(format_args!("instantiate{}", names(request, &plan.order)));
    out.line(format_args!("construct{}", names(request, &plan.init)));
    out.line(format_args!("scope{}", names(request, request.group)));
    for (name, sig) in &plan.tags {
        out.line(format_args!("tag {name} {sig}"));
    }
    for fill in &plan.fills {
        let function = callee(request, &fill.callee);
        out.line(format_args!("slot {} = {function}", fill.slot));
    }
    for warning in &plan.warnings {
        out.line(format_args!("warning: {warning}"));
    }
    for (found, planned) in request.fresh.iter().zip(&plan.objects) {
        let role = match found.role {
            Role::Main => " (main)",
            Role::FixedMain => " (fixed main)",
            Role::Library => "",
        };
        let soname = found.other_name();
        let soname = soname.map_or(String::new(), |name| {
            format!(" soname {}", text::name(name))
        });
        let place = &planned.place;
        out.line(format_args!(
            "object {}{role}{soname} memory {:#x}+{:#x} table {}+{}",
            found.name, place.memory_base, place.memory_size, place.table_base, place.table_size
        ));
        imports(out, request, plan, planned, &found.object.imports);
    }
}

fn space(out: &mut Lines, what: &str, unit: &str, space: &Extent) {
    match space.before {
        Some(before) => out.part(format_args!("{what} {before} -> {} {unit}", space.after)),
        None => out.part(format_args!("{what} new, {} {unit}", space.after)),
    }
    if let Some(max) = space.max {
        out.part(format_args!(" of at most {max}"));
    }
    out.end();
}

fn names(request: &Request<'_>, ids: &[ObjectId]) -> String {
    ids.iter().fold(String::new(), |mut names, &id| {
        names.push(' ');
        names.push_str(request.name(id));
        names
    })
}

fn callee(request: &Request<'_>, callee: &Callee) -> String {
    match (callee.id(), callee.export()) {
        (FuncId::Host(_), _) | (_, None) => "host".to_string(),
        (_, Some(d)) => definition(request, d),
    }
}

fn definition(request: &Request<'_>, d: super::Definition) -> String {
    let found = request.found(d.object);
    let export = found.and_then(|f| f.object.exports.get(d.export as usize));
    let name = export.map_or("?", |e| e.name.text());
    format!("{}:{}", request.name(d.object), text::name(name))
}

fn imports(
    out: &mut Lines,
    request: &Request<'_>,
    plan: &Plan,
    planned: &Planned,
    imports: &Imports,
) {
    for ((import, supply), binding) in imports
        .iter()
        .zip(&planned.imports)
        .zip(planned.bindings.iter())
    {
        let (module, name) = (text::name(import.module), text::name(&import.name));
        out.line(format_args!(
            "  {module}.{name} = {}",
            supplied(request, plan, supply, binding)
        ));
    }
}

/// What an import gets.
fn supplied(
    request: &Request<'_>,
    plan: &Plan,
    supply: &Supply,
    binding: &super::Binding,
) -> String {
    use super::Binding;
    match supply {
        Supply::Memory | Supply::Table | Supply::StackPointer => "shared".to_string(),
        Supply::Number { value, .. } => {
            let what = match binding {
                Binding::Data(d) => format!(" ({})", definition(request, *d)),
                Binding::Slot(c) => format!(" (slot of {})", callee(request, c)),
                Binding::Null => " (weak undefined)".to_string(),
                _ => String::new(),
            };
            format!("{value:#x}{what}")
        }
        Supply::Export(d) => definition(request, *d),
        Supply::Host(_) => "host".to_string(),
        Supply::Stub(n) => {
            let slot = plan.stubs.get(*n).map_or(0, |s| s.slot);
            match binding {
                Binding::Func(c) => format!("{} by stub of slot {slot}", callee(request, c)),
                _ => format!("stub of slot {slot}"),
            }
        }
        Supply::Trampoline(n) => match plan.trampolines.get(*n) {
            Some(t) => format!("{} by host", definition(request, t.target)),
            None => "by host".to_string(),
        },
        Supply::LazyStub(n) => {
            let lazy = plan.lazy_stubs.get(*n).is_some_and(|a| a.lazy);
            let how = if lazy { "lazy" } else { "traps" };
            format!("undefined, {how}")
        }
        Supply::Nothing => "does nothing".to_string(),
        Supply::Tag(name) => format!("tag {name}"),
    }
}

/// One line for each import of a symbol: where it leads and how.
pub fn bindings(request: &Request<'_>, plan: &Plan) -> Lines {
    let mut out = Lines::default();
    for (found, planned) in request.fresh.iter().zip(&plan.objects) {
        let bound = planned.imports.iter().zip(planned.bindings.iter());
        for (import, (supply, binding)) in found.object.imports.iter().zip(bound) {
            let (target, how) = match supply {
                Supply::Export(d) => (definition(request, *d), "direct"),
                Supply::Stub(_) => ("".to_string(), "stub"),
                Supply::Trampoline(_) => ("".to_string(), "host trampoline"),
                Supply::Host(_) => ("the host".to_string(), "direct"),
                Supply::LazyStub(n) if plan.lazy_stubs.get(*n).is_some_and(|a| a.lazy) => {
                    ("nothing".to_string(), "looked up when called")
                }
                Supply::LazyStub(_) => ("nothing".to_string(), "traps when called"),
                Supply::Number { .. } => ("".to_string(), "address"),
                _ => continue,
            };
            let target = match binding {
                super::Binding::Func(c) | super::Binding::Slot(c) => callee(request, c),
                super::Binding::Data(d) => definition(request, *d),
                _ if target.is_empty() => continue,
                _ => target,
            };
            let (module, name) = (text::name(import.module), text::name(&import.name));
            out.line(format_args!(
                "{}: {module}.{name} -> {target} ({how})",
                found.name
            ));
        }
    }
    out
}

/// Of more definitions than this, the first ones are listed.
const MAX_LISTED: usize = 100;

/// For each imported symbol, the definitions in scope order; the first one wins.
pub fn symbols(request: &Request<'_>) -> Lines {
    let scopes = super::resolve::Scopes::new(request);
    let lookup = scopes.lookup(request);
    let mut seen = std::collections::HashSet::new();
    let mut out = Lines::default();
    for import in request.fresh.iter().flat_map(|f| &f.object.imports) {
        let kind = match import.module.as_ref() {
            crate::abi::GOT_MEM | crate::abi::GOT_FUNC => Kind::Symbol,
            _ => Kind::of_import(import.ty),
        };
        if !seen.insert((import.name.text(), kind)) {
            continue;
        }
        let names: Vec<&str> = lookup
            .all(import.name, kind)
            .map(|d| request.name(d.object))
            .collect();
        if !names.is_empty() {
            let names = text::list(names.into_iter(), MAX_LISTED, ", ");
            out.line(format_args!("{} in {names}", text::name(&import.name)));
        }
    }
    out
}
