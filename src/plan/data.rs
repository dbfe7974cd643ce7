//! Active data segments fill the memory while objects are instantiated, when others may be in it already: each has to lie in
//! what its object was given.

use super::Request;
use super::model::{Found, Placement, Role};
use super::place::Layout;
use super::resolve::Binding;
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{Base, Filled};

/// Refuses a load one of whose objects would fill memory outside of its own.
pub fn check(request: &Request<'_>, bindings: &[Vec<Binding>], layout: &Layout) -> Result<()> {
    let objects = request.fresh.iter().zip(bindings).zip(&layout.placements);
    for ((found, bindings), place) in objects {
        for filled in &found.object.data {
            let import = found.object.memory_imports.get(filled.memory as usize);
            match import.and_then(|position| bindings.get(*position as usize)) {
                Some(Binding::Memory) => within_own(found, place, filled)?,
                Some(Binding::Export(definition)) => {
                    return Err(Error::new(
                        Code::Unsupported,
                        format!(
                            "{}: a data segment lies in a memory of {}, which a load that fails could not restore",
                            found.name,
                            request.name(definition.object),
                        ),
                    ));
                }
                // Its own, or one that the host lends it.
                _ => {}
            }
        }
    }
    Ok(())
}

fn within_own(found: &Found, place: &Placement, filled: &Filled) -> Result<()> {
    let fixed = found.role == Role::FixedMain;
    let own = match filled.base {
        Some(Base::Memory) => 0..place.memory_size,
        Some(Base::None) => place.memory_base..place.memory_base.saturating_add(place.memory_size),
        Some(Base::Table) | None => {
            return Err(Error::new(
                Code::Unsupported,
                format!(
                    "{}: a data segment begins neither at a constant nor at {}, so nobody can tell what it would overwrite",
                    found.name,
                    abi::MEMORY_BASE
                ),
            ));
        }
    };
    if own.start <= filled.start && filled.end <= own.end {
        return Ok(());
    }
    let (what, advice) = match (fixed, filled.base) {
        (true, _) => (
            format!(
                "the {} bytes of memory that the program has",
                place.memory_size
            ),
            "",
        ),
        (false, Some(Base::None)) => (
            "the object's own memory, whose address is chosen when it is loaded".to_string(),
            "; compile with -fPIC",
        ),
        _ => (
            format!(
                "the {} bytes that its dylink section asks for",
                place.memory_size
            ),
            "",
        ),
    };
    Err(Error::new(
        Code::Malformed,
        format!(
            "{}: its data segments reach from {:#x} to {:#x}, outside of {what}{advice}",
            found.name, filled.start, filled.end
        ),
    ))
}
