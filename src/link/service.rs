//! The linker's own functions for the guest: tables of them, and one host function for each importer, which knows its caller.

use std::cell::OnceCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::exit;
use super::host::HostValue;
use super::namespace::Namespace;
use crate::abi;
use crate::control;
use crate::dlfcn;
use crate::engine::{HostFunc, HostTrap, Val, shim};
use crate::error::{Context, Error, Result};
use crate::object::{ExternType, FuncType, Import, Name, ValType};
use crate::plan::{HostDef, HostDefs, ObjectId, Precedence};

/// A call of a service.
pub struct Call<'a> {
    pub ns: &'a Rc<Namespace>,
    /// The object whose import was called; unknown for a call by pointer.
    pub caller: Option<ObjectId>,
}

/// A function that guests import: its parameters, and its result if it has one, are i32.
pub struct Service {
    pub module: &'static str,
    pub name: &'static str,
    pub params: usize,
    pub result: bool,
    pub body: fn(&Call<'_>, &[u32]) -> Result<u32, HostTrap>,
}

/// What libc has as its entry for all exit handlers: given to its `__cxa_atexit`, or to its `atexit`.
pub(super) const RUNNER_WITH: &str = "run_exit_handlers_with";
pub(super) const RUNNER: &str = "run_exit_handlers";

const EXIT: &[Service] = &[
    Service {
        module: abi::ENV,
        name: abi::CXA_ATEXIT,
        params: 3,
        result: true,
        body: exit::cxa_atexit,
    },
    Service {
        module: abi::ENV,
        name: abi::CXA_THREAD_ATEXIT,
        params: 3,
        result: true,
        body: exit::cxa_thread_atexit,
    },
    Service {
        module: abi::ENV,
        name: abi::ATEXIT,
        params: 1,
        result: true,
        body: exit::atexit,
    },
    Service {
        module: abi::LINKER,
        name: RUNNER_WITH,
        params: 1,
        result: false,
        body: exit::run_from_libc,
    },
    Service {
        module: abi::LINKER,
        name: RUNNER,
        params: 0,
        result: false,
        body: exit::run_from_libc,
    },
];

/// Units that a call costs where guests have a budget, as one of WASI's.
const PRICE: u64 = 100;

/// More parameters than any service has.
const MAX_PARAMS: usize = 8;

impl Service {
    fn ty(&self) -> FuncType {
        FuncType {
            params: vec![ValType::I32; self.params],
            results: vec![ValType::I32; self.result.into()],
        }
    }

    /// A host function for one importer, or for calls by pointer.
    pub(super) fn bind(
        &'static self,
        ns: &Rc<Namespace>,
        caller: Option<ObjectId>,
    ) -> Result<HostFunc> {
        // Weak: the namespace owns the function.
        let weak: Weak<Namespace> = Rc::downgrade(ns);
        let body = move |args: &[Val], results: &mut [Val]| -> Result<(), HostTrap> {
            let Some(ns) = weak.upgrade() else {
                return Err("the namespace is gone".into());
            };
            let mut numbers = [0; MAX_PARAMS];
            for (number, arg) in numbers.iter_mut().zip(args) {
                *number = arg.as_u32().unwrap_or(0);
            }
            let numbers = numbers.get(..args.len()).unwrap_or_default();
            let value = (self.body)(&Call { ns: &ns, caller }, numbers)?;
            // A guest that is to stop goes no further, whatever became of what it has called here.
            if let Some(stop) = control::wanted() {
                return Err(stop.error().into());
            }
            ns.side.charge(PRICE)?;
            if let Some(result) = results.first_mut() {
                *result = Val::u32(value);
            }
            Ok(())
        };
        let made = HostFunc::new(ns.store(), &self.ty(), Box::new(body))
            .context(|| format!("defining {}.{}", self.module, self.name))?;
        if let Some(way) = dlfcn::opens(self) {
            shim::of(ns.store().api()).opens(made.func(), way);
        }
        Ok(made)
    }
}

/// The linker's own functions.
fn services() -> impl Iterator<Item = &'static Service> {
    EXIT.iter().chain(dlfcn::services())
}

/// What they look like to a plan: module, name and definition.
pub fn definitions() -> impl Iterator<Item = (&'static str, &'static str, HostDef)> {
    services().map(|service| {
        let def = HostDef {
            ty: ExternType::Func(Arc::new(service.ty())),
            precedence: Precedence::BeforeIfSame,
        };
        (service.module, service.name, def)
    })
}

/// Whether an import is one of the linker's functions that there is no other way to have: all but those for exit handlers, which libc has too.
pub(super) fn is_asked_for(import: &Import<'_>) -> bool {
    let named = |service: &Service| {
        service.module == import.module.as_ref() && service.name == import.name.text()
    };
    dlfcn::services().any(named)
}

/// Takes the linker's own functions out of what the host defines.
pub(super) fn forget(host: &mut HostDefs) {
    for service in services() {
        host.forget(service.module, service.name, Precedence::BeforeIfSame);
    }
}

impl Namespace {
    /// Defines the linker's own functions, once.
    pub(super) fn define_services(&self) -> Result<()> {
        if self.state().services {
            return Ok(());
        }
        for service in services() {
            let ty = ExternType::Func(Arc::new(service.ty()));
            // What the host defined itself under such a name is meant.
            if self
                .state()
                .model
                .host
                .get(service.module, Name::new(service.name))
                .is_none()
            {
                let value = HostValue::Service(OnceCell::new(), service);
                self.define(
                    service.module,
                    service.name,
                    value,
                    ty,
                    Precedence::BeforeIfSame,
                )?;
            }
        }
        self.change()?.services = true;
        Ok(())
    }

    /// The trap for a service that cannot answer: an exit of the guest goes on as one.
    pub(crate) fn as_trap(&self, error: &Error) -> HostTrap {
        self.side.as_trap(error)
    }
}
