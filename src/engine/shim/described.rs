//! An engine that the host describes, where this library does not know it.

use super::Shim;
use crate::engine::api::Api;

/// A text in, a text out; `None`: nothing to say.
pub type TextOf = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the host says of its engine. The default is what is true of every engine.
#[derive(Default)]
pub struct Description {
    pub name: String,
    pub import_order_is_declared: bool,
    pub validation_is_final: bool,
    pub instance_outlives_handle: bool,
    /// The reason in a trap's text.
    pub trap_cause: Option<TextOf>,
    /// What the engine refused last on this thread; the text given is empty.
    pub last_error: Option<TextOf>,
}

pub(super) struct Described {
    name: &'static str,
    says: Description,
}

impl Described {
    pub fn new(says: Description) -> Described {
        // An engine is described once a process.
        let name: &'static str = Box::leak(says.name.clone().into_boxed_str());
        Described { name, says }
    }
}

impl Shim for Described {
    fn name(&self) -> &'static str {
        self.name
    }

    fn import_order_is_declared(&self) -> bool {
        self.says.import_order_is_declared
    }

    fn validation_is_final(&self) -> bool {
        self.says.validation_is_final
    }

    fn last_error(&self, _api: &'static Api) -> Option<String> {
        self.says.last_error.as_ref()?("")
    }

    fn trap_cause(&self, text: &str) -> String {
        let cause = self.says.trap_cause.as_ref().and_then(|cause| cause(text));
        cause.unwrap_or_else(|| text.to_owned())
    }

    fn instance_outlives_handle(&self) -> bool {
        self.says.instance_outlives_handle
    }
}

#[cfg(all(test, feature = "wasmtime"))]
mod tests {
    use super::*;
    use crate::engine::shim;

    fn unknown() -> &'static Api {
        Box::leak(Box::new(Api::linked_but_unknown()))
    }

    fn description() -> Description {
        Description {
            name: "mine".to_string(),
            import_order_is_declared: true,
            trap_cause: Some(Box::new(|text| Some(text.to_uppercase()))),
            ..Description::default()
        }
    }

    #[test]
    fn what_the_host_says_of_an_engine() {
        let api = unknown();
        // To ask is not to use.
        assert!(shim::known(api).is_none());
        shim::describe(api, description()).unwrap();
        assert_eq!(shim::known(api).unwrap().name(), "mine");
        let shim = shim::of(api);
        assert_eq!(shim.name(), "mine");
        assert!(shim.import_order_is_declared() && !shim.validation_is_final());
        assert_eq!(shim.trap_cause("why"), "WHY");
        assert_eq!(shim.last_error(api), None);
        assert!(
            shim::describe(api, description()).is_err(),
            "described twice"
        );
    }

    #[test]
    fn an_engine_in_use_or_known_is_not_described() {
        let api = unknown();
        assert_eq!(shim::of(api).name(), "wasm.h");
        assert_eq!(shim::known(api).unwrap().name(), "wasm.h");
        assert!(shim::describe(api, description()).is_err());
        assert!(shim::describe(Api::linked(), description()).is_err());
    }
}
