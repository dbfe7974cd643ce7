//! WASI preview1 as host functions.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::hash_map::HashMap;

use super::host::HostValue;
use super::namespace::{Namespace, Side};
use crate::control;
use crate::engine::{EngineFuncType, HostFunc, HostTrap, Store, Val};
use crate::error::{Context, Result};
use crate::object::{ExternType, FuncType};
use crate::plan::{Identity, Precedence};
use crate::state::Descriptors;
use crate::wasi::{MODULE, Preview1, Stop};

/// Parameters of the longest preview1 function (`path_open` has 9).
const MAX_ARGS: usize = 16;

impl Namespace {
    /// Defines all functions of `wasi` for objects loaded from now on.
    pub fn define_wasi(&self, wasi: impl Into<Rc<dyn Preview1>>) -> Result<()> {
        let wasi: Rc<dyn Preview1> = wasi.into();
        let types = Rc::new(Types::default());
        {
            let descriptors: Rc<dyn Descriptors> = wasi.clone();
            let mut known = self.descriptors.borrow_mut();
            known.retain(|known| known.strong_count() > 0);
            known.push(Rc::downgrade(&descriptors));
        }
        for (index, function) in wasi.functions().iter().enumerate() {
            let ty = Arc::new(function.ty());
            let (side, wasi, store) = (self.side.clone(), wasi.clone(), self.store);
            let (sig, types) = (ty.clone(), types.clone());
            let make = move || {
                let (side, wasi) = (side.clone(), wasi.clone());
                let body = move |args: &[Val], results: &mut [Val]| {
                    call(&side, &*wasi, index, args, results)
                };
                let of_engine = types.of(store, &sig);
                of_engine
                    .and_then(|of_engine| {
                        HostFunc::of_type(store, &sig, &of_engine, Box::new(body))
                    })
                    .context(|| format!("defining {MODULE}.{}", function.name))
            };
            self.define(
                MODULE,
                function.name,
                HostValue::Func(OnceCell::new(), Box::new(make)),
                ExternType::Func(ty),
                Precedence::Behind,
            )?;
        }
        let files = move |path: &str, room: u64| {
            let (bytes, identity) = wasi.open_file(path, room)?;
            let identity = Identity::File {
                device: identity.device,
                inode: identity.inode,
                born: identity.born,
            };
            Ok((bytes, identity))
        };
        self.set_guest_files(files);
        Ok(())
    }
}

/// The engine's form of the functions' types: many functions have the same, and an engine looks each up behind a lock.
#[derive(Default)]
struct Types(RefCell<HashMap<FuncType, Rc<EngineFuncType>>>);

impl Types {
    fn of(&self, store: Store, ty: &FuncType) -> Result<Rc<EngineFuncType>> {
        if let Some(known) = self.0.borrow().get(ty) {
            return Ok(known.clone());
        }
        let made = Rc::new(EngineFuncType::new(store.api(), ty)?);
        self.0.borrow_mut().insert(ty.clone(), made.clone());
        Ok(made)
    }
}

fn call(
    side: &Side,
    wasi: &dyn Preview1,
    index: usize,
    args: &[Val],
    results: &mut [Val],
) -> std::result::Result<(), HostTrap> {
    let memory = side.memory.borrow().clone();
    let memory = memory.ok_or("WASI was called before there was a memory")?;
    let mut raw = [0u64; MAX_ARGS];
    let raw = raw
        .get_mut(..args.len())
        .ok_or("a WASI function with too many parameters")?;
    for (raw, arg) in raw.iter_mut().zip(args) {
        *raw = match (arg.as_u32(), arg.as_i64()) {
            (Some(value), _) => value.into(),
            (_, Some(value)) => value.cast_unsigned(),
            _ => return Err("a WASI function with a parameter that is no integer".into()),
        };
    }
    side.charge(wasi.units_asked(index, memory.size(), raw))?;
    let (outcome, moved) = {
        let _inside = side.leave()?;
        // SAFETY: no guest code runs until this returns: `leave` makes the linker refuse it.
        let called = unsafe { memory.change_all(|bytes| wasi.call(index, bytes, raw)) };
        (called, wasi.units_moved())
    };
    // What the guest waited for may have ended for this reason.
    if let Some(stop) = control::wanted() {
        return Err(stop.error().into());
    }
    if outcome.is_ok() {
        side.charge(moved)?;
    }
    match outcome {
        Ok(Some(value)) => {
            if let Some(result) = results.first_mut() {
                *result = Val::i32(value);
            }
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(Stop::Exit(code)) => Err(side.exiting(code)),
        Err(Stop::Trap(text)) => Err(HostTrap::Message(text)),
    }
}
