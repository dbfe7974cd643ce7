//! Which objects' functions a trap arose in.
//!
//! A module may say any name for itself, and engines have little else. So a frame's object is found by elimination: all that the
//! engine tells must agree with an object. The true one always stays. Where another does as well, both are shown.

use super::glue;
use super::namespace::{Namespace, State};
use super::pointer::Site;
use crate::demangle::demangle;
use crate::engine::{self, Module, ModuleName, Trap};
use crate::error::{Error, Frame};
use crate::object::{ExportItem, Metering, Object};
use crate::plan::{Found, ObjectId};

/// More objects that may be meant than anybody wants to read.
const MAX_NAMES: usize = 3;

/// An object that frames may belong to.
struct Candidate<'a> {
    found: &'a Found,
    /// `None`: it is being loaded.
    id: Option<ObjectId>,
    name: &'a str,
    object: &'a Object,
    /// See [`Module::identity`].
    module: Option<usize>,
}

impl<'a> Candidate<'a> {
    /// Whether nothing that the engine tells speaks against it.
    fn fits(&self, frame: &engine::EngineFrame) -> bool {
        if let (Some(one), Some(other)) = (frame.module, self.module) {
            return one == other;
        }
        let own_name = self.object.module_name.as_deref();
        let named = match &frame.module_name {
            ModuleName::Untold => true,
            ModuleName::None => own_name.is_none(),
            ModuleName::Is(name) => own_name == Some(name),
        };
        let begins = self.is_of_checks(frame.func_index)
            || self.body(frame.func_index).is_some_and(|start| {
                match (frame.module_offset, frame.func_offset) {
                    (Some(offset), Some(inside)) => offset.checked_sub(inside) == Some(start),
                    (Some(offset), None) => start <= offset,
                    (None, _) => true,
                }
            });
        named && begins
    }

    /// Whether it is a function that came into the module with its checks.
    fn is_of_checks(&self, func_index: u32) -> bool {
        let n = func_index.checked_sub(self.object.imported_funcs);
        self.object.metered != Metering::Off
            && n.is_some_and(|n| n as usize >= self.object.bodies.len())
    }

    /// Where a function's body begins.
    fn body(&self, func_index: u32) -> Option<u64> {
        let n = func_index.checked_sub(self.object.imported_funcs)?;
        self.object.bodies.get(n as usize).map(|&at| at.into())
    }

    fn function(&self, index: u32) -> Option<&'a str> {
        let mut exports = self.object.exports.iter();
        let export = exports.find(
            |export| matches!(export.item, ExportItem::Func { index: of, .. } if *of == index),
        )?;
        Some(export.name.text())
    }
}

fn shown(frame: engine::EngineFrame, candidates: &[Candidate<'_>]) -> Frame {
    let fits = candidates.iter().filter(|c| c.fits(&frame));
    let fits: Vec<&Candidate<'_>> = fits.collect();
    let name = match &frame.func_name {
        Some(name) => Some(name.as_str()),
        None => agreed(&fits, |c| c.function(frame.func_index)).flatten(),
    };
    let moved = agreed(&fits, |c| c.object.code_moved).unwrap_or(0);
    let has_places = !fits.iter().any(|c| c.object.code_rewritten);
    let parts = agreed(&fits, |c| c.object.fused).unwrap_or(false);
    let (part, name) = match name.filter(|_| parts).and_then(|name| name.split_once('!')) {
        Some((part, name)) => (Some(part), Some(name)),
        None => (None, name),
    };
    let metered = fits
        .iter()
        .any(|c| c.object.metered != Metering::Off && frame.func_index >= c.object.imported_funcs);
    Frame {
        object: part.map_or_else(
            || joined(fits.iter().map(|c| c.name)),
            |part| Some(part.to_string()),
        ),
        function: name.map(|name| demangle(name).into_owned()),
        // The checks' own import stands in front of all functions that the object defines.
        index: frame.func_index.saturating_sub(metered.into()),
        offset: frame
            .module_offset
            .filter(|_| has_places)
            .and_then(|n| n.checked_add_signed(moved)),
        in_function: frame.func_offset.filter(|_| has_places),
        source: frame.source,
    }
}

/// Where in its file the instruction stands, if only one object may be meant.
fn site(frame: &engine::EngineFrame, candidates: &[Candidate<'_>]) -> Option<Site> {
    let mut fits = candidates.iter().filter(|c| c.fits(frame));
    let (one, None) = (fits.next()?, fits.next()) else {
        return None;
    };
    let offset = frame.module_offset?;
    Some(Site {
        found: one.found.clone(),
        object: one.id,
        offset: offset.checked_add_signed(one.object.code_moved)?,
    })
}

/// What is true of all that may be meant.
fn agreed<'a, T: PartialEq>(
    fits: &[&Candidate<'a>],
    of: impl Fn(&Candidate<'a>) -> T,
) -> Option<T> {
    let (first, rest) = fits.split_first()?;
    let one = of(first);
    rest.iter().all(|c| of(c) == one).then_some(one)
}

fn joined<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Option<String> {
    let count = names.len();
    let mut shown: Vec<&str> = names.take(MAX_NAMES).collect();
    if count > MAX_NAMES {
        shown.push("others");
    }
    (count > 0).then(|| shown.join(" or "))
}

/// A function of the modules that the linker generates.
fn is_generated(frame: &engine::EngineFrame, candidates: &[Candidate<'_>]) -> bool {
    let named = matches!(&frame.module_name, ModuleName::Is(name) if name == glue::NAME);
    named && !candidates.iter().any(|c| c.fits(frame))
}

/// The frame without what checks have put there. A function of theirs that asks for one that is being entered is that one; any other does for its
/// caller what that would do by itself without checks, and is none.
fn own(frame: engine::EngineFrame, candidates: &[Candidate<'_>]) -> Option<engine::EngineFrame> {
    let fits = candidates.iter().filter(|c| c.fits(&frame));
    let fits: Vec<&Candidate<'_>> = fits.collect();
    if fits.is_empty() || !fits.iter().all(|c| c.is_of_checks(frame.func_index)) {
        return Some(frame);
    }
    let entered = agreed(&fits, |c| c.object.asked_for(frame.func_index)).flatten()?;
    Some(engine::EngineFrame {
        func_index: entered,
        module_offset: None,
        func_offset: None,
        ..frame
    })
}

impl Namespace {
    /// The error for a trap. `fresh` are the objects of a load that is not committed yet.
    pub(super) fn trap_error(&self, trap: &Trap, fresh: &[(&Found, &Module)]) -> Error {
        let told = trap.frames();
        if told.is_empty() {
            // All that there is to say: of an engine that the host has described, what it says the reason is.
            let inner = self.take_inner(&trap.cause());
            return Error::trap(self.reason(trap, None, fresh.is_empty()), inner);
        }
        let state = self.state();
        let candidates = candidates(&state, fresh);
        let site = told.first().and_then(|frame| site(frame, &candidates));
        // Those behind the innermost only pass a call on.
        // By their places before: what is generated is never the place where the guest was, if a check was.
        let told = told.into_iter().enumerate();
        let told = told.filter_map(|(n, frame)| Some((n, own(frame, &candidates)?)));
        let told = told.filter(|(n, frame)| *n == 0 || !is_generated(frame, &candidates));
        let outer = told.map(|(_, frame)| {
            if is_generated(&frame, &candidates) {
                stub(frame)
            } else {
                shown(frame, &candidates)
            }
        });
        let mut frames = self.take_inner(&trap.cause());
        frames.extend(outer);
        drop(state);
        Error::trap(self.reason(trap, site, fresh.is_empty()), frames)
    }

    /// The frames of an error that one of the linker's functions passed on as a trap of its own.
    fn take_inner(&self, why: &str) -> Vec<Frame> {
        let inner = self.side.inner.take().map(|inner| *inner);
        // A host function may have kept that trap to itself.
        inner.map_or(Vec::new(), |(text, frames)| match why.contains(&text) {
            true => frames,
            false => Vec::new(),
        })
    }
}

fn candidates<'a>(state: &'a State, fresh: &[(&'a Found, &'a Module)]) -> Vec<Candidate<'a>> {
    let candidate = |found: &'a Found, id: Option<ObjectId>, module: Option<&Module>| Candidate {
        found,
        id,
        name: &found.name,
        object: &found.object,
        module: module.and_then(Module::identity),
    };
    let mut nodes: Vec<_> = state.model.nodes.iter().collect();
    // Frames of one module of several objects are the program's, whose functions' names tell which object's they are.
    nodes.retain(|(_, node)| !node.found.is_part());
    nodes.sort_unstable_by_key(|(id, _)| **id);
    let loaded = nodes.into_iter().map(|(id, node)| {
        let live = state.live.get(id);
        candidate(&node.found, Some(*id), live.map(|live| &*live.module))
    });
    let fresh = fresh.iter().filter(|(found, _)| !found.is_part());
    loaded
        .chain(fresh.map(|(found, module)| candidate(found, None, Some(module))))
        .collect()
}

fn stub(frame: engine::EngineFrame) -> Frame {
    Frame {
        object: Some(glue::NAME.to_string()),
        function: Some("stub".to_string()),
        index: frame.func_index,
        offset: None,
        in_function: None,
        source: None,
    }
}
