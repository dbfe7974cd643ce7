//! A function that an import leads to, kept small: a load of many libraries has hundreds of thousands of imports, and each has one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::{FuncId, ObjectId};
use super::scope::Definition;

/// A function that an import leads to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Form", try_from = "Form")]
pub struct Callee {
    /// The number of the object, or [`HOST`].
    object: u32,
    /// The function's index in the object, or the host's number for it.
    index: u32,
    /// The position of the export to take it from; 0 for a host function.
    export: u32,
}

/// What no object's number is.
const HOST: u32 = u32::MAX;

/// A callee as it is written down.
#[derive(Serialize, Deserialize)]
struct Form {
    id: FuncId,
    export: Option<Definition>,
}

impl Callee {
    /// The function of an object's that it exports so.
    #[inline]
    pub fn exported(definition: Definition, index: u32) -> Callee {
        Callee {
            object: definition.object.0,
            index,
            export: definition.export,
        }
    }

    pub fn host(id: u32) -> Callee {
        Callee {
            object: HOST,
            index: id,
            export: 0,
        }
    }

    #[inline]
    pub fn id(self) -> FuncId {
        match self.object {
            HOST => FuncId::Host(self.index),
            object => FuncId::Object {
                object: ObjectId(object),
                index: self.index,
            },
        }
    }

    /// The export to take it from; `None` for a host function.
    #[inline]
    pub fn export(self) -> Option<Definition> {
        (self.object != HOST).then_some(Definition {
            object: ObjectId(self.object),
            export: self.export,
        })
    }
}

impl fmt::Debug for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Callee");
        shown
            .field("id", &self.id())
            .field("export", &self.export());
        shown.finish()
    }
}

impl From<Callee> for Form {
    fn from(callee: Callee) -> Form {
        Form {
            id: callee.id(),
            export: callee.export(),
        }
    }
}

impl TryFrom<Form> for Callee {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Callee, &'static str> {
        match (form.id, form.export) {
            (FuncId::Host(id), None) => Ok(Callee::host(id)),
            (FuncId::Object { object, index }, Some(definition))
                if object == definition.object && object.0 != HOST =>
            {
                Ok(Callee::exported(definition, index))
            }
            _ => Err("a function that is not where it is taken from"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callee_is_read_as_it_was_written_and_nothing_else_is() {
        let definition = |object, export| Definition {
            object: ObjectId(object),
            export,
        };
        let func = |object, index| FuncId::Object {
            object: ObjectId(object),
            index,
        };
        let object = Callee::exported(definition(3, 5), 7);
        assert_eq!(
            (object.id(), object.export()),
            (func(3, 7), Some(definition(3, 5)))
        );
        let host = Callee::host(9);
        assert_eq!((host.id(), host.export()), (FuncId::Host(9), None));
        for callee in [object, host] {
            let bytes = postcard::to_allocvec(&callee).unwrap();
            assert_eq!(postcard::from_bytes::<Callee>(&bytes).unwrap(), callee);
        }
        let wrong = [
            (func(3, 7), None),
            (func(3, 7), Some(definition(4, 5))),
            (func(HOST, 7), Some(definition(HOST, 5))),
            (FuncId::Host(9), Some(definition(3, 5))),
        ];
        for (id, export) in wrong {
            let bytes = postcard::to_allocvec(&Form { id, export }).unwrap();
            assert!(postcard::from_bytes::<Callee>(&bytes).is_err(), "{id:?}");
        }
    }
}
