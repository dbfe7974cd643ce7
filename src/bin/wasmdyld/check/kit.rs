//! What probes are made with: a store, modules from text, instances by names.

use std::fmt::Debug;

use wasmdyld::engine::{
    Api, Borrowed, EngineFeatures, EngineGlobalType, EngineOptions, Extern, ExternPtr, ExternVec,
    Feature, Global, HostFunc, HostTrap, Instance, Memory, Module, OutOfBounds, OwnedEngine,
    OwnedStore, Store, Table, Trap, Val, shim,
};
use wasmdyld::error::Error;
use wasmdyld::object::{
    FuncType, GlobalType, Limits, MemoryType, Object, ParseLimits, TableType, ValType,
};

/// A note on what went well, or why it did not.
pub type Answer<T = String> = Result<T, Reason>;

/// Why a probe's answer is no.
#[derive(Debug)]
pub struct Reason(String);

impl Reason {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! reason_from {
    ($($ty:ty => |$value:ident| $text:expr;)*) => {$(
        impl From<$ty> for Reason {
            fn from($value: $ty) -> Reason {
                Reason($text)
            }
        }
    )*};
}

reason_from! {
    String => |text| text;
    &str => |text| text.to_string();
    Error => |error| error.to_string();
    OutOfBounds => |error| Error::from(error).to_string();
    Trap => |trap| format!("it traps: {}", trap.cause());
}

/// Fails if the engine gives something else than it should.
pub fn same<T: PartialEq + Debug>(what: &str, got: T, wanted: T) -> Answer<()> {
    match got == wanted {
        true => Ok(()),
        false => Err(format!("{what}: {got:?} in place of {wanted:?}").into()),
    }
}

/// An answer without a note.
pub fn fine() -> Answer {
    Ok(String::new())
}

pub struct Kit {
    // In this order: the store goes before its engine.
    store: OwnedStore,
    _engine: OwnedEngine,
    features: EngineFeatures,
}

impl Kit {
    pub fn new(api: &'static Api) -> Answer<Kit> {
        let engine = shim::of(api).new_engine(api, &EngineOptions::default())?;
        Ok(Kit {
            store: engine.new_store()?,
            _engine: engine,
            features: EngineFeatures::default(),
        })
    }

    pub fn store(&self) -> Store {
        self.store.store()
    }

    pub fn has(&self, feature: Feature) -> bool {
        self.features.has(self.store(), feature)
    }

    pub fn module(&self, text: &str) -> Answer<Module> {
        let bytes = bytes(text)?;
        Module::new(self.store(), &bytes).ok_or_else(|| {
            // SAFETY: no engine is given.
            let why = unsafe { self.store().shim().explain_compile_failure(None, &bytes) };
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            format!("it refuses the module{why}").into()
        })
    }

    /// An instance whose imports, by name, are those given.
    pub fn instance(&self, text: &str, given: &[(&str, ExternPtr<'_>)]) -> Answer<Made> {
        self.instance_of(&self.module(text)?, given)
    }

    /// The same, where some are tags: an engine is asked for no list that it cannot give.
    pub fn instance_with_tags(&self, text: &str, given: &[(&str, ExternPtr<'_>)]) -> Answer<Made> {
        let module = self.module(text)?;
        if self.store().shim().lists_tags() {
            return self.instance_of(&module, given);
        }
        let object = Object::parse(&bytes(text)?, &ParseLimits::default())?;
        let imports = object.imports.iter();
        let imports = imports.map(|import| import.name.as_bytes().to_vec());
        let exports = object.exports.iter();
        let exports = exports.map(|export| export.name.as_bytes().to_vec());
        self.make(&module, imports.collect(), exports.collect(), given)
    }

    pub fn instance_of(&self, module: &Module, given: &[(&str, ExternPtr<'_>)]) -> Answer<Made> {
        let (imports, exports) = (module.imports(), module.exports());
        let imports = imports.iter().map(|import| import.name.to_vec());
        let exports = exports.iter().map(|export| export.name.to_vec());
        self.make(module, imports.collect(), exports.collect(), given)
    }

    /// Of these imports and exports, in the engine's order.
    fn make(
        &self,
        module: &Module,
        wanted: Vec<Vec<u8>>,
        names: Vec<Vec<u8>>,
        given: &[(&str, ExternPtr<'_>)],
    ) -> Answer<Made> {
        let mut imports = Vec::with_capacity(wanted.len());
        for import in &wanted {
            let found = given.iter().find(|(name, _)| name.as_bytes() == import);
            let name = String::from_utf8_lossy(import);
            let (_, item) = found.ok_or_else(|| format!("it asks for an import {name:?}"))?;
            imports.push(*item);
        }
        let instance = Instance::new(self.store(), module, &imports).map_err(|error| {
            let why = error.trap.map(|trap| trap.cause());
            let why = why.unwrap_or_else(|| "it gives no reason".to_string());
            Reason(format!("it makes no instance: {why}"))
        })?;
        Ok(Made {
            names,
            exports: instance.exports(),
            _instance: instance,
        })
    }

    pub fn memory(&self, min: u64, max: u64) -> Answer<Memory> {
        let ty = MemoryType {
            limits: limits(min, max),
            shared: false,
            memory64: false,
            page_log2: None,
        };
        Ok(Memory::new(self.store(), ty)?)
    }

    pub fn table(&self, min: u64, max: u64) -> Answer<Table> {
        let ty = TableType {
            element: ValType::FUNCREF,
            limits: limits(min, max),
            table64: false,
        };
        Ok(Table::new(self.store(), ty)?)
    }

    pub fn global(&self, value: Val, content: ValType, mutable: bool) -> Answer<Global> {
        let ty = GlobalType { content, mutable };
        let ty = EngineGlobalType::new(self.store().api(), ty)?;
        Ok(Global::new(self.store(), &ty, value)?)
    }

    pub fn host(
        &self,
        params: &[ValType],
        results: &[ValType],
        body: impl Fn(&[Val], &mut [Val]) -> Result<(), HostTrap> + 'static,
    ) -> Answer<HostFunc> {
        let ty = FuncType {
            params: params.to_vec(),
            results: results.to_vec(),
        };
        Ok(HostFunc::new(self.store(), &ty, Box::new(body))?)
    }
}

fn limits(min: u64, max: u64) -> Limits {
    Limits {
        min,
        max: Some(max),
    }
}

/// The texts are our own: one that does not parse is a mistake in them.
pub fn bytes(text: &str) -> Answer<Vec<u8>> {
    wat::parse_str(text).map_err(|error| format!("a mistake in the probe: {error}").into())
}

/// An instance with its exports by name.
pub struct Made {
    names: Vec<Vec<u8>>,
    exports: ExternVec,
    _instance: Instance,
}

impl Made {
    pub fn item(&self, name: &str) -> Answer<Borrowed<'_, Extern>> {
        let at = self.names.iter().position(|known| known == name.as_bytes());
        let item = at.and_then(|at| self.exports.get(at));
        item.ok_or_else(|| format!("the export {name} is not among those of the instance").into())
    }

    /// Calls an export: its results, or the trap that it ended in.
    pub fn try_call(&self, name: &str, args: &[Val]) -> Answer<Result<Vec<Val>, Trap>> {
        let item = self.item(name)?;
        let func = item.as_func();
        let func = func.ok_or_else(|| format!("the export {name} is no function"))?;
        let mut results = vec![Val::i32(0); func.result_arity()];
        let outcome = func.call(args, &mut results);
        Ok(outcome.map(|()| results))
    }

    pub fn call(&self, name: &str, args: &[Val]) -> Answer<Vec<Val>> {
        let outcome = self.try_call(name, args)?;
        outcome.map_err(|trap| format!("{name} traps: {}", trap.cause()).into())
    }

    /// Calls an export of i32 only.
    pub fn int(&self, name: &str, args: &[i32]) -> Answer<i32> {
        let args: Vec<Val> = args.iter().map(|&arg| Val::i32(arg)).collect();
        let results = self.call(name, &args)?;
        let result = results.first().and_then(|value| value.as_i32());
        result.ok_or_else(|| format!("{name} gives no i32").into())
    }
}
