//! A program that is one module of several objects, as these objects.

use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::object::{Metadata, Object, Parts, Split};
use crate::plan::{Found, Identity, Placement, Role, Within};

/// The program, with the other objects of its module as its parts.
pub(super) fn split(whole: Found, object: &Object, parts: Parts) -> Result<Found> {
    let (objects, space) = parts.split(object)?;
    let mut all = objects.into_iter();
    let program = all.next();
    let mut space = Some(space);
    let mut found = Vec::new();
    for split in program.into_iter().chain(all) {
        let Split {
            name,
            object,
            exports,
            slots,
            filled,
            preloaded,
            memory,
            table,
        } = split;
        let first = space.is_some();
        let within = Within {
            place: Placement {
                memory_base: memory.0,
                memory_size: memory.1,
                table_base: table.0,
                table_size: table.1,
            },
            exports,
            slots,
            filled,
            preloaded,
            space: space.take(),
        };
        found.push(Found {
            name: if first {
                whole.name.clone()
            } else {
                name.as_str().into()
            },
            path: whole.path.clone().filter(|_: &Arc<Path>| first),
            identity: match first {
                true => whole.identity.clone(),
                // As no file, and nothing that an open callback gives.
                false => Identity::Part(name.into_bytes()),
            },
            object: Metadata::new(object),
            role: if first { whole.role } else { Role::Library },
            within: Some(Arc::new(within)),
            parts: Vec::new(),
            ..whole.clone()
        });
    }
    let mut found = found.into_iter();
    let Some(mut program) = found.next() else {
        return Ok(whole);
    };
    program.parts = found.collect();
    Ok(program)
}
