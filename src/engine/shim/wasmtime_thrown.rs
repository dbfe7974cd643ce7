//! What the bundled engine tells of an exception that nobody caught. The C interface's handles of stores have no function for it.

use wasmtime_c_api as c;
use wasmtime_c_api::wasmtime as w;
use wasmtime_c_api::wasmtime::AsContextMut;

use crate::engine::store::Store;

/// See [`super::Shim::with_thrown`].
///
/// The exception lies in the store until somebody takes it. What the guest does meanwhile may put another there, or take it: so it is taken
/// out, and put back.
pub(super) fn with(store: Store, error: &w::Error, tell: &mut dyn FnMut(u32)) {
    if !error.is::<w::ThrownException>() {
        return;
    }
    // SAFETY: our opaque type stands for this one. The store is alive, and nothing of the engine's runs in it meanwhile but what waits for the
    // host, as where the C interface reaches it.
    let context = || unsafe { (*store.raw().cast::<c::WasmStoreRef>()).context_mut() };
    let kept = {
        let mut scope = w::RootScope::new(context());
        let Some(exception) = scope.as_context_mut().take_pending_exception() else {
            return;
        };
        let Ok(kept) = exception.to_owned_rooted(&mut scope) else {
            let _ = scope.as_context_mut().throw::<()>(exception);
            return;
        };
        (number(&mut scope, exception), kept)
    };
    let (number, exception) = kept;
    if let Some(number) = number {
        tell(number);
    }
    let mut scope = w::RootScope::new(context());
    let exception = exception.to_rooted(&mut scope);
    // The result is the error that says that there is an exception: the trap has it.
    let _ = scope.as_context_mut().throw::<()>(exception);
}

/// The one number that it carries.
fn number(mut store: impl AsContextMut, exception: w::Rooted<w::ExnRef>) -> Option<u32> {
    let fields = exception.ty(&store).ok()?;
    if fields.fields().len() != 1 {
        return None;
    }
    match exception.field(&mut store, 0).ok()? {
        w::Val::I32(number) => Some(number.cast_unsigned()),
        _ => None,
    }
}
