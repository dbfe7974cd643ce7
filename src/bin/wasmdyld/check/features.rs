//! The engine's functions, and the features of its WebAssembly.

use wasmdyld::engine::{Api, Feature};

use super::kit::{Answer, Kit, fine};

/// An engine without the required ones is not opened at all.
pub fn functions(kit: &Kit) -> Answer {
    let lacks = kit.store().api().lacks();
    let names: Vec<_> = lacks.iter().map(|name| name.to_string_lossy()).collect();
    let required = Api::REQUIRED.len();
    Ok(match names.as_slice() {
        [] => format!("{required} required, {} optional", Api::OPTIONAL.len()),
        names => format!("{required} required; without {}", names.join(", ")),
    })
}

pub fn feature(kit: &Kit, feature: Feature) -> Answer {
    match kit.has(feature) {
        true => fine(),
        false => Err("it refuses modules that use them".into()),
    }
}
