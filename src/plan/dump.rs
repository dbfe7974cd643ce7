//! A plan as text: for `WASMDYLD_DEBUG=plan` and for comparison with golden files.

use std::fmt::{self, Write};

use super::model::{FuncId, ObjectId, Role};
use super::resolve::Callee;
use super::supply::Supply;
use super::{Extent, Plan, Planned, Request};
use crate::object::Import;

/// The whole plan. Deterministic: the same modules give the same text.
pub fn dump(request: &Request<'_>, plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, request, plan);
    out
}

fn write(out: &mut String, request: &Request<'_>, plan: &Plan) -> fmt::Result {
    let layout = &plan.layout;
    space(out, "memory", "pages", &layout.memory)?;
    if let Some(high) = layout.landmarks.stack_high {
        let low = layout.landmarks.stack_low.unwrap_or(0);
        writeln!(out, "  stack {low:#x}..{high:#x}")?;
    }
    let (base, end) = (layout.landmarks.heap_base, layout.landmarks.heap_end);
    writeln!(out, "  heap {base:#x}..{end:#x}")?;
    for (start, len) in layout.memory_free.iter() {
        writeln!(out, "  free {start:#x}+{len:#x}")?;
    }
    space(out, "table", "slots", &layout.table)?;
    for (start, len) in layout.table_free.iter() {
        writeln!(out, "  free {start}+{len}")?;
    }
    writeln!(out, "instantiate{}", names(request, &plan.order))?;
    writeln!(out, "construct{}", names(request, &plan.init))?;
    writeln!(out, "scope{}", names(request, request.group))?;
    for (name, sig) in &plan.tags {
        writeln!(out, "tag {name} {sig}")?;
    }
    for fill in &plan.fills {
        writeln!(
            out,
            "slot {} = {}",
            fill.slot,
            callee(request, &fill.callee)
        )?;
    }
    for warning in &plan.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    for (found, planned) in request.fresh.iter().zip(&plan.objects) {
        let role = match found.role {
            Role::Main => " (main)",
            Role::FixedMain => " (fixed main)",
            Role::Library => "",
        };
        let place = &planned.place;
        writeln!(
            out,
            "object {}{role} memory {:#x}+{:#x} table {}+{}",
            found.name, place.memory_base, place.memory_size, place.table_base, place.table_size
        )?;
        imports(out, request, plan, planned, &found.object.imports)?;
    }
    Ok(())
}

fn space(out: &mut String, what: &str, unit: &str, space: &Extent) -> fmt::Result {
    match space.before {
        Some(before) => write!(out, "{what} {before} -> {} {unit}", space.after)?,
        None => write!(out, "{what} new, {} {unit}", space.after)?,
    }
    match space.max {
        Some(max) => writeln!(out, " of at most {max}"),
        None => writeln!(out),
    }
}

fn names(request: &Request<'_>, ids: &[ObjectId]) -> String {
    ids.iter().fold(String::new(), |mut names, &id| {
        names.push(' ');
        names.push_str(request.name(id));
        names
    })
}

fn callee(request: &Request<'_>, callee: &Callee) -> String {
    match (callee.id, callee.export) {
        (FuncId::Host(_), _) | (_, None) => "host".to_string(),
        (_, Some(d)) => definition(request, d),
    }
}

fn definition(request: &Request<'_>, d: super::Definition) -> String {
    let found = request.found(d.object);
    let export = found.and_then(|f| f.object.exports.get(d.export as usize));
    let name = export.map_or("?", |e| e.name.as_ref());
    format!("{}:{name}", request.name(d.object))
}

fn imports(
    out: &mut String,
    request: &Request<'_>,
    plan: &Plan,
    planned: &Planned,
    imports: &[Import],
) -> fmt::Result {
    for ((import, supply), binding) in imports
        .iter()
        .zip(&planned.imports)
        .zip(planned.bindings.iter())
    {
        write!(out, "  {}.{} = ", import.module, import.name)?;
        match supply {
            Supply::Memory | Supply::Table | Supply::StackPointer => writeln!(out, "shared")?,
            Supply::Number { value, .. } => {
                write!(out, "{value:#x}")?;
                match binding {
                    super::Binding::Data(d) => writeln!(out, " ({})", definition(request, *d))?,
                    super::Binding::Slot(c) => writeln!(out, " (slot of {})", callee(request, c))?,
                    super::Binding::Null => writeln!(out, " (weak undefined)")?,
                    _ => writeln!(out)?,
                }
            }
            Supply::Export(d) => writeln!(out, "{}", definition(request, *d))?,
            Supply::Host(_) => writeln!(out, "host")?,
            Supply::Stub(n) => {
                let slot = plan.stubs.get(*n).map_or(0, |s| s.slot);
                match binding {
                    super::Binding::Func(c) => {
                        writeln!(out, "{} by stub of slot {slot}", callee(request, c))?
                    }
                    _ => writeln!(out, "stub of slot {slot}")?,
                }
            }
            Supply::Trampoline(n) => match plan.trampolines.get(*n) {
                Some(t) => writeln!(out, "{} by host", definition(request, t.target))?,
                None => writeln!(out, "by host")?,
            },
            Supply::LazyStub(n) => {
                let lazy = plan.lazy_stubs.get(*n).is_some_and(|a| a.lazy);
                let how = if lazy { "lazy" } else { "traps" };
                writeln!(out, "undefined, {how}")?;
            }
            Supply::Nothing => writeln!(out, "does nothing")?,
            Supply::Tag(name) => writeln!(out, "tag {name}")?,
        }
    }
    Ok(())
}

/// One line for each import of a symbol: where it leads and how.
pub fn bindings(request: &Request<'_>, plan: &Plan) -> String {
    let mut out = String::new();
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
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "{}: {}.{} -> {target} ({how})",
                found.name, import.module, import.name
            );
        }
    }
    out
}

/// For each imported symbol, every definition in scope order; the first one wins.
pub fn symbols(request: &Request<'_>) -> String {
    let scopes = super::resolve::Scopes::new(request);
    let lookup = scopes.lookup(request);
    let mut seen = std::collections::HashSet::new();
    let mut out = String::new();
    for import in request.fresh.iter().flat_map(|f| &f.object.imports) {
        if !seen.insert(&import.name) {
            continue;
        }
        let names: Vec<&str> = lookup
            .all(&import.name)
            .map(|d| request.name(d.object))
            .collect();
        if !names.is_empty() {
            let _ = writeln!(out, "{} in {}", import.name, names.join(", "));
        }
    }
    out
}
