//! Host functions: Rust closures, and forwarders to other functions, that the guest calls.
//!
//! An engine keeps a host function, with its environment, until the store is deleted; V8 never frees the environment at all
//! (Q19). So the engine gets only a *weak* pointer, and the closure belongs to the [`HostFunc`]: dropping that drops the closure at once, on
//! every engine, and with it whatever of the linker it holds. A guest that calls it later gets a trap.

use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use super::externs::{ExternPtr, Func};
use super::nesting;
use super::store::Store;
use super::sys::*;
use super::trap::Trap;
use super::types::EngineFuncType;
use super::val::{Val, kind_name, kind_of};
use super::vec::{borrowed, borrowed_mut};
use crate::error::{Code, Error, Result, panic_text};
use crate::object::FuncType;

/// How a host function fails.
#[derive(Debug)]
pub enum HostTrap {
    /// A new trap with this text. For people only: engines decorate it. Exit codes and errors travel beside the trap, not in it.
    Message(String),
    /// A trap that a call inside the host function ended with, passed on unchanged: it may be an exception that the guest's caller
    /// catches.
    Trap(Trap),
}

impl From<Trap> for HostTrap {
    fn from(trap: Trap) -> HostTrap {
        HostTrap::Trap(trap)
    }
}

impl From<String> for HostTrap {
    fn from(message: String) -> HostTrap {
        HostTrap::Message(message)
    }
}

impl From<&str> for HostTrap {
    fn from(message: &str) -> HostTrap {
        HostTrap::Message(message.to_owned())
    }
}

impl From<Error> for HostTrap {
    fn from(error: Error) -> HostTrap {
        HostTrap::Message(error.to_string())
    }
}

/// The body of a host function: arguments, and results that are zeros of their kinds to begin with.
pub type HostBody = Box<dyn Fn(&[Val], &mut [Val]) -> Result<(), HostTrap>>;

/// A closure with what its calls are checked against.
struct Body {
    results: Box<[wasm_valkind_t]>,
    run: HostBody,
}

/// A function of ours. It can be called by the guest for as long as this lives.
pub struct HostFunc {
    func: Func,
    // Held for its life alone.
    _body: Rc<Body>,
}

impl HostFunc {
    /// Fails for types whose values cannot pass through `wasm.h`.
    pub fn new(store: Store, ty: &FuncType, body: HostBody) -> Result<HostFunc> {
        let engine_type = EngineFuncType::new(store.api(), ty)?;
        HostFunc::of_type(store, ty, &engine_type, body)
    }

    /// With the engine's form of `ty`, which may be that of other functions as well.
    pub fn of_type(
        store: Store,
        ty: &FuncType,
        engine_type: &EngineFuncType,
        body: HostBody,
    ) -> Result<HostFunc> {
        let body = Rc::new(Body {
            // A kind for each: the type above would not exist otherwise.
            results: ty.results.iter().filter_map(|&ty| kind_of(ty)).collect(),
            run: body,
        });
        let func = new_func(store, engine_type, call_body, &body)?;
        Ok(HostFunc { func, _body: body })
    }

    pub fn func(&self) -> &Func {
        &self.func
    }

    pub fn as_extern(&self) -> ExternPtr<'_> {
        self.func.as_extern()
    }
}

/// A host function that passes its call on to another function: arguments, results and trap as they are.
pub struct Forwarder {
    func: Func,
    route: Rc<Route>,
}

struct Route {
    name: Box<str>,
    target: Cell<Option<NonNull<wasm_func_t>>>,
}

impl Forwarder {
    /// A forwarder without a target yet. `name` is for the trap that a call without a target ends in.
    pub fn new(store: Store, ty: &FuncType, name: &str) -> Result<Forwarder> {
        let engine_type = EngineFuncType::new(store.api(), ty)?;
        let route = Rc::new(Route {
            name: name.into(),
            target: Cell::new(None),
        });
        let func = new_func(store, &engine_type, forward, &route)?;
        Ok(Forwarder { func, route })
    }

    /// Where calls go from now on; `None` makes them trap.
    ///
    /// # Safety
    /// `target` has the forwarder's type, is of the same store, and lives until it is replaced or the forwarder dropped.
    pub unsafe fn set_target(&self, target: Option<NonNull<wasm_func_t>>) {
        self.route.target.set(target);
    }

    pub fn func(&self) -> &Func {
        &self.func
    }

    pub fn as_extern(&self) -> ExternPtr<'_> {
        self.func.as_extern()
    }
}

/// What the engine keeps for a host function: all that is left when its owner is gone.
struct Anchor<E> {
    store: Store,
    owner: Weak<E>,
}

/// Makes the engine's function. The anchor is never NULL, as engines demand of an environment.
fn new_func<E>(
    store: Store,
    ty: &EngineFuncType,
    callback: wasm_func_callback_with_env_t,
    owner: &Rc<E>,
) -> Result<Func> {
    let api = store.api();
    let anchor = Box::into_raw(Box::new(Anchor {
        store,
        owner: Rc::downgrade(owner),
    }));
    // SAFETY: the type is read during the call; `callback` expects, and `drop_anchor` frees, such an anchor.
    let raw = unsafe {
        (api.wasm_func_new_with_env)(
            store.raw(),
            ty.raw(),
            callback,
            anchor.cast(),
            Some(drop_anchor::<E>),
        )
    };
    match NonNull::new(raw) {
        // SAFETY: a new function, ours.
        Some(raw) => Ok(unsafe { Func::from_raw(api, raw) }),
        // Whether the engine has freed the anchor cannot be known; leaking it is the safe side.
        None => Err(Error::new(
            Code::Engine,
            "the engine refused a host function",
        )),
    }
}

/// The finalizer: runs when the store is deleted, or never. It drops no `E`, since it owns none, so nothing of ours runs in it.
unsafe extern "C" fn drop_anchor<E>(anchor: *mut c_void) {
    // SAFETY: the pointer that `new_func` gave away, once.
    drop(unsafe { Box::from_raw(anchor.cast::<Anchor<E>>()) });
}

unsafe extern "C" fn call_body(
    env: *mut c_void,
    args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
) -> *mut wasm_trap_t {
    // SAFETY: the engine passes back what `new_func` gave it, and keeps it during the call.
    let anchor = unsafe { &*env.cast::<Anchor<Body>>() };
    let store = anchor.store;
    // SAFETY: the engine's vectors, of `wasm_val_t`, which a `Val` is; alive and untouched by others until we return.
    let (args, results) = unsafe {
        (
            borrowed::<Val>(args.cast()),
            borrowed_mut::<Val>(results.cast()),
        )
    };
    // The strong pointer lives inside, since it may be the last: a body may drop its own `HostFunc`.
    let outcome = catch_unwind(AssertUnwindSafe(|| match anchor.owner.upgrade() {
        Some(body) => body.call(args, results),
        None => Err(GONE.into()),
    }));
    match outcome {
        Ok(Ok(())) => std::ptr::null_mut(),
        Ok(Err(HostTrap::Trap(trap))) => trap.into_raw(),
        Ok(Err(HostTrap::Message(message))) => raise(store, &message),
        Err(panic) => raise(
            store,
            &format!("a host function panicked: {}", panic_text(panic)),
        ),
    }
}

impl Body {
    fn call(&self, args: &[Val], results: &mut [Val]) -> Result<(), HostTrap> {
        if results.len() != self.results.len() {
            return Err("the engine called a host function with a wrong number of results".into());
        }
        for (result, &kind) in results.iter_mut().zip(&self.results) {
            *result = Val::zero(kind);
        }
        let Some(_entry) = nesting::Entered::new() else {
            return Err(TOO_DEEP.into());
        };
        (self.run)(args, results)?;
        // wasmer takes a result of a wrong kind for what the type says (Q6).
        for (result, &kind) in results.iter().zip(&self.results) {
            if result.kind() != kind {
                return Err(HostTrap::Message(format!(
                    "a host function returned {} in place of {}",
                    kind_name(result.kind()),
                    kind_name(kind)
                )));
            }
        }
        Ok(())
    }
}

unsafe extern "C" fn forward(
    env: *mut c_void,
    args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
) -> *mut wasm_trap_t {
    // SAFETY: the engine passes back what `new_func` gave it, and keeps it during the call.
    let anchor = unsafe { &*env.cast::<Anchor<Route>>() };
    let store = anchor.store;
    let Some(route) = anchor.owner.upgrade() else {
        return raise(store, GONE);
    };
    let Some(target) = route.target.get() else {
        return raise(
            store,
            &format!("{} was called before it was linked", route.name),
        );
    };
    // The call may end this forwarder; nothing of it is needed any more.
    drop(route);
    let Some(_entry) = nesting::Entered::new() else {
        return raise(store, TOO_DEEP);
    };
    // SAFETY: the target is alive and of the same type (`set_target`), so the engine's own vectors fit it as they are. Its trap goes
    // back untouched: it may be an exception on its way to a handler.
    unsafe { (store.api().wasm_func_call)(target.as_ptr(), args, results) }
}

const TOO_DEEP: &str = "host and guest call each other too deep: the native stack is nearly full";
const GONE: &str = "a host function was called after it was removed";

/// Ends a call in a trap.
fn raise(store: Store, message: &str) -> *mut wasm_trap_t {
    match Trap::new(store, message) {
        Some(trap) => trap.into_raw(),
        // NULL would be success with made-up results. No engine is known to come here.
        None => std::process::abort(),
    }
}
