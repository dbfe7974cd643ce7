//! After the commit: data relocations of the whole batch, then constructors. Guest code runs here, no borrow is held.

use std::rc::Rc;

use super::calls;
use super::namespace::Namespace;
use crate::error::{Code, Context, Error, Result};
use crate::plan::{Definition, Lifecycle, ObjectId, lifecycle};
use crate::trace::Category;

/// The objects of one load.
pub struct Batch {
    pub relocate: Vec<ObjectId>,
    pub construct: Vec<ObjectId>,
    /// One of them calls dlerror.
    pub shows_errors: bool,
}

pub fn construct(ns: &Rc<Namespace>, batch: &Batch) -> Result<()> {
    // A constructor may follow a pointer into any object of the batch: all are relocated first.
    for &id in &batch.relocate {
        if let Some(name) = functions(ns, id).relocate {
            call(ns, id, name, Category::Reloc)?;
        }
    }
    for &id in &batch.construct {
        if let Some(name) = functions(ns, id).construct {
            call(ns, id, name, Category::Init)?;
        }
    }
    Ok(())
}

fn functions(ns: &Namespace, id: ObjectId) -> Lifecycle {
    let state = ns.state();
    let node = state.model.nodes.get(&id);
    node.map_or_else(Lifecycle::default, |node| {
        lifecycle(&node.found.object, node.found.role)
    })
}

/// Calls an exported function of no parameters, if the object itself defines it.
fn call(ns: &Rc<Namespace>, id: ObjectId, name: &str, category: Category) -> Result<()> {
    let (definition, object) = {
        let state = ns.state();
        let Some(node) = state.model.nodes.get(&id) else {
            return Ok(());
        };
        let object = &node.found.object;
        let Some(&export) = object.by_name.get(name) else {
            return Ok(());
        };
        if object.defined_func(export).is_none() {
            // An import exported again is somebody else's.
            return Ok(());
        }
        let sig = object.func_type(export);
        if !sig.is_some_and(|sig| sig.params.is_empty() && sig.results.is_empty()) {
            return Err(Error::new(
                Code::Malformed,
                format!(
                    "{}: {name} is no function of type () -> ()",
                    node.found.name
                ),
            ));
        }
        (Definition { object: id, export }, node.found.name.clone())
    };
    let trace = &ns.config().trace;
    trace.say(category, || format!("{object}: {name}"));
    calls::export(ns, definition, &[], &mut []).context(|| format!("{name} of {object}"))
}
