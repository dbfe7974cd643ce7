//! Tests against the bundled engine.

mod basics;
mod host;

use super::{Api, EngineOptions, ExternPtr, Instance, Module, OwnedEngine, OwnedStore, shim};
use crate::object::{FuncType, ValType};

/// A store with its engine; fields drop in order.
struct Fixture {
    owned: OwnedStore,
    _engine: OwnedEngine,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture::with(&EngineOptions::default())
    }

    fn with(options: &EngineOptions) -> Fixture {
        let api = Api::linked();
        let engine = shim::of(api).new_engine(api, options).unwrap();
        Fixture {
            owned: engine.new_store().unwrap(),
            _engine: engine,
        }
    }

    fn store(&self) -> super::Store {
        self.owned.store()
    }

    fn module(&self, text: &str) -> Module {
        Module::new(self.store(), &wat::parse_str(text).unwrap()).expect("a valid module")
    }

    fn instance(&self, text: &str, imports: &[ExternPtr<'_>]) -> Instance {
        Instance::new(self.store(), &self.module(text), imports).expect("an instance")
    }
}

fn func_type(params: &[ValType], results: &[ValType]) -> FuncType {
    FuncType {
        params: params.to_vec(),
        results: results.to_vec(),
    }
}
