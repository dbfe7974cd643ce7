//! Why the engine refused an object: invalid, or valid and beyond this engine.

use super::namespace::Namespace;
use crate::aside::{self, is_lean};
use crate::engine::{Feature, Store, shim};
use crate::error::{Code, Error};
use crate::object::{Features, explain};
use crate::plan::Found;

/// What a guest is told of it names nothing that stands in the file, unless the file is the guest's.
pub fn refused(ns: &Namespace, found: &Found, bytes: &[u8]) -> Error {
    let error = why(ns, &found.name, bytes);
    if found.in_guest {
        return error;
    }
    let told = match error.code() {
        Code::Malformed => "is not a valid WebAssembly module",
        _ => "cannot run on the host's engine",
    };
    error.told_guests(format!("{} {told}", found.name))
}

fn why(ns: &Namespace, name: &str, bytes: &[u8]) -> Error {
    let explanation = match is_lean() {
        true => aside::explanation(bytes),
        false => Some(explain(bytes)),
    };
    let Some(explanation) = explanation else {
        let said = said(ns.store(), bytes).unwrap_or_else(|| "it does not say why".to_string());
        let why = format!("the engine refused {name}; {said}");
        return Error::new(Code::Unsupported, why);
    };
    if let Some(why) = explanation.invalid {
        let why = format!("{name} is not a valid module: {why}");
        return Error::new(Code::Malformed, why);
    }
    if let Some(limit) = explanation.limit {
        let why = format!("the engine refused {name}, which is valid: {limit}");
        return Error::new(Code::Limit, why);
    }
    // What it uses is worth saying only where nothing tells what of it is the matter.
    let uses = match explanation.features.names().join(", ") {
        none if none.is_empty() => "it uses no feature beyond the first release".to_string(),
        uses => format!("it uses {uses}"),
    };
    let lacking = lacking(ns, &explanation.features).join(", ");
    let reason = match (lacking.is_empty(), said(ns.store(), bytes)) {
        (false, _) => format!("{uses}; the engine has no {lacking}"),
        (true, Some(said)) => said,
        (true, None) => uses,
    };
    let why = format!("the engine refused {name}, which is valid; {reason}");
    Error::new(Code::Unsupported, why)
}

/// What an object uses and the engine has not, by asking it.
fn lacking(ns: &Namespace, used: &Features) -> Vec<&'static str> {
    let lacks = |feature| !ns.features.has(ns.store(), feature);
    // Tags come with either kind of exceptions.
    let tags = used.tags && !used.legacy_exceptions && lacks(Feature::LegacyExceptions);
    let probes = [
        (used.simd, Feature::Simd),
        (used.tail_calls, Feature::TailCalls),
        (used.memory64, Feature::Memory64),
        (used.exnref || tags, Feature::Exceptions),
        (used.legacy_exceptions, Feature::LegacyExceptions),
        (used.reference_types, Feature::ReferenceTypes),
        (used.multi_memory, Feature::MultiMemory),
        (used.extended_const, Feature::ExtendedConst),
        (used.bulk_memory, Feature::BulkMemory),
        (used.sign_extension, Feature::SignExtension),
        (used.saturating_conversions, Feature::SaturatingConversions),
        (used.multi_value, Feature::MultiValue),
    ];
    let lacking = probes
        .into_iter()
        .filter(|&(used, feature)| used && lacks(feature));
    lacking.map(|(_, feature)| feature.name()).collect()
}

/// The engine's own words, where it has any.
fn said(store: Store, bytes: &[u8]) -> Option<String> {
    let shim = shim::of(store.api());
    // What was refused last on this thread is what the question is about.
    // SAFETY: no engine is passed.
    let says = shim
        .last_error(store.api())
        .or_else(|| unsafe { shim.explain_compile_failure(None, bytes) });
    says.map(|text| {
        // Engines' texts have several lines.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{} says: {text}", shim.name())
    })
}
