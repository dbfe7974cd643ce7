//! Tests against the bundled engine.

#[cfg(unix)]
mod cache;
mod host;
#[cfg(unix)]
mod kept;
mod modules;
mod objects;

use super::{
    Api, EngineOptions, ExternPtr, Instance, Module, OwnedEngine, OwnedStore, Store, shim,
};
use crate::object::{FuncType, HeapType, Limits, ValType};

const FUNCREF: ValType = ValType::Ref {
    nullable: true,
    heap: HeapType::Func,
};

/// A store with its engine; fields drop in order.
struct Fixture {
    store: OwnedStore,
    engine: OwnedEngine,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture::with(&EngineOptions::default())
    }

    fn with(options: &EngineOptions) -> Fixture {
        let api = Api::linked();
        let engine = shim::of(api).new_engine(api, options).unwrap();
        Fixture {
            store: engine.new_store().unwrap(),
            engine,
        }
    }

    fn store(&self) -> Store {
        self.store.store()
    }

    fn engine(&self) -> &OwnedEngine {
        &self.engine
    }

    fn module(&self, text: &str) -> Module {
        Module::new(self.store(), &wat::parse_str(text).unwrap()).expect("a valid module")
    }

    fn instance(&self, text: &str, imports: &[ExternPtr<'_>]) -> Instance {
        match Instance::new(self.store(), &self.module(text), imports) {
            Ok(instance) => instance,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn func_type(params: &[ValType], results: &[ValType]) -> FuncType {
    FuncType {
        params: params.to_vec(),
        results: results.to_vec(),
    }
}

fn limits(min: u64, max: Option<u64>) -> Limits {
    Limits { min, max }
}
