//! After the commit: data relocations of the whole batch, then constructors. Guest code runs here, no borrow is held.

use std::rc::Rc;
use std::sync::Arc;

use super::calls;
use super::namespace::Namespace;
use crate::error::{Code, Context, Error, Result};
use crate::plan::{Definition, Init, Lifecycle, ObjectId, lifecycle};
use crate::trace::Category;

/// Brings objects to life that are not yet, in the order given. Some may be of an outer load, whose constructors are running: what
/// `dlopen` gives, and all that it needs, is constructed before it returns.
pub fn construct(ns: &Rc<Namespace>, pending: &[ObjectId]) -> Result<()> {
    // A constructor may follow a pointer into any object of the batch: all are relocated first.
    for &id in pending {
        if ns.turns(id, Init::New, Init::Relocated)
            && let Some(name) = functions(ns, id).relocate
        {
            call(ns, id, name, Category::Reloc)?;
        }
    }
    for &id in pending {
        if ns.turns(id, Init::Relocated, Init::Called) {
            if let Some(name) = functions(ns, id).construct {
                call(ns, id, name, Category::Init).inspect_err(|_| {
                    ns.turns(id, Init::Called, Init::Failed);
                })?;
            }
        } else if let Some(object) = ns.failed(id) {
            let why = format!("the constructors of {object} have failed");
            return Err(Error::new(Code::Trap, why));
        }
    }
    Ok(())
}

impl Namespace {
    /// An object's next state. False, and nothing changes, if it is not in the one before.
    fn turns(&self, id: ObjectId, from: Init, to: Init) -> bool {
        let mut state = self.state_mut();
        let node = state.model.nodes.get_mut(&id);
        let Some(node) = node.filter(|node| node.init == from) else {
            return false;
        };
        node.init = to;
        true
    }

    /// The name of an object whose constructors have failed.
    fn failed(&self, id: ObjectId) -> Option<Arc<str>> {
        let state = self.state();
        let node = state.model.nodes.get(&id)?;
        (node.init == Init::Failed).then(|| node.found.name.clone())
    }
}

fn functions(ns: &Namespace, id: ObjectId) -> Lifecycle {
    let state = ns.state();
    let node = state.model.nodes.get(&id);
    node.map_or_else(Lifecycle::default, |node| {
        lifecycle(node.found.object.brief(), node.found.role)
    })
}

/// Calls an exported function of no parameters, if the object itself defines it.
fn call(ns: &Rc<Namespace>, id: ObjectId, name: &str, category: Category) -> Result<()> {
    let (definition, object) = {
        let state = ns.state();
        let Some(node) = state.model.nodes.get(&id) else {
            return Ok(());
        };
        let step = node.found.object.brief().step(name);
        // An import exported again is somebody else's.
        let Some(step) = step.filter(|step| step.own) else {
            return Ok(());
        };
        if !step.plain {
            return Err(Error::new(
                Code::Malformed,
                format!(
                    "{}: {name} is no function of type () -> ()",
                    node.found.name
                ),
            ));
        }
        let definition = Definition {
            object: id,
            export: step.export,
        };
        (definition, node.found.name.clone())
    };
    let trace = &ns.config().trace;
    trace.say(category, || format!("{object}: {name}"));
    calls::plain(ns, definition).context(|| format!("{name} of {object}"))
}
