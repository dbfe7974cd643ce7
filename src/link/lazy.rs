//! Functions that were missing when their importer was linked (RTLD_LAZY, and weak ones): found, or not, when called.

use std::rc::{Rc, Weak};

use super::namespace::{Linkage, Namespace, State};
use super::{slots, symbols};
use crate::engine::{HostFunc, HostTrap, Val};
use crate::error::{Code, Error, Result};
use crate::hash_map::HashSet;
use crate::object::{FuncType, ValType};
use crate::plan::{FuncId, LazyStub, ObjectId};

/// The function that generated stubs call with their number: answers the slot of the symbol's function, or traps.
pub fn resolver(ns: &Rc<Namespace>, absent: Vec<LazyStub>) -> Result<HostFunc> {
    // Weak: the namespace owns the function.
    let ns_weak: Weak<Namespace> = Rc::downgrade(ns);
    let ty = FuncType {
        params: vec![ValType::I32],
        results: vec![ValType::I32],
    };
    let body = move |args: &[Val], results: &mut [Val]| -> std::result::Result<(), HostTrap> {
        let n = args.first().and_then(|v| v.as_u32());
        let n = n.map_or(usize::MAX, |n| n as usize);
        let (Some(missing), Some(ns), Some(result)) =
            (absent.get(n), ns_weak.upgrade(), results.first_mut())
        else {
            return Err("a stub of a library that is gone was called".into());
        };
        *result = Val::u32(resolve(&ns, n, missing)?);
        Ok(())
    };
    HostFunc::new(ns.store(), &ty, Box::new(body))
}

fn resolve(ns: &Rc<Namespace>, n: usize, missing: &LazyStub) -> Result<u32> {
    let LazyStub {
        symbol,
        module,
        importer,
        ..
    } = missing;
    let Some(name) = ns.object(*importer).map(|info| info.name) else {
        return Err(Error::new(
            Code::UndefinedSymbol,
            format!("{symbol} was called by a library that is gone"),
        ));
    };
    let absent = || {
        let sig = &missing.sig;
        let text = match missing.weak {
            true => format!("{symbol} is a weak symbol that nothing defines; {name} called it"),
            false => format!("undefined symbol {symbol}: func {sig}, called by {name}"),
        };
        Error::new(Code::UndefinedSymbol, text)
    };
    let found = missing
        .lazy
        .then(|| symbols::function(&ns.state(), module, symbol, *importer));
    let (callee, sig) = found.flatten().ok_or_else(absent)?;
    if sig != missing.sig {
        return Err(Error::new(
            Code::TypeMismatch,
            format!(
                "{symbol}: {name} calls it as func {}, it is defined as func {sig}",
                missing.sig
            ),
        ));
    }
    let slot = slots::slot_of(ns, callee, &sig)?;
    if let FuncId::Object { object, .. } = callee.id() {
        let mut state = ns.state_mut();
        state.model.bind(&[(*importer, object)]);
        state.epoch += 1;
        let live = state.live.get(importer);
        if let Some(linkage) = live.map(|live| live.linkage.clone()) {
            linkage.bound.borrow_mut().push((n, object));
            state.aim(object, &linkage);
        }
    }
    Ok(slot)
}

/// Makes lazy bindings to objects that go undone, in those that stay: the next call looks the symbol up again.
pub(super) fn unbind(linkage: &Linkage, gone: &HashSet<ObjectId>) {
    unbind_where(linkage, |object| gone.contains(&object));
}

/// Makes all lazy bindings undone.
pub(super) fn unbind_all(state: &State) {
    for linkage in state.linkages() {
        unbind_where(linkage, |_| true);
    }
}

fn unbind_where(linkage: &Linkage, goes: impl Fn(ObjectId) -> bool) {
    let Some(absent) = &linkage.lazy_stubs else {
        return;
    };
    linkage.bound.borrow_mut().retain(|(n, object)| {
        if !goes(*object) {
            return true;
        }
        // The globals stand behind as many functions.
        let kept = absent.get(absent.len() / 2 + n);
        if let Some(slot) = kept.as_ref().and_then(|kept| kept.as_global()) {
            slot.set(Val::u32(0));
        }
        false
    });
}
