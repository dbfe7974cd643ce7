//! Which memory an operator reads or writes.

use wasmparser::Operator;

/// The place that one field of an operator says, if that is what it says.
macro_rules! place {
    ($found:ident memarg $value:ident) => {
        $found = Some($value.memory)
    };
    ($found:ident $field:ident $value:ident) => {
        let _ = $value;
    };
}

macro_rules! by_operator {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The memory that `operator` names together with a place in it; `None` for operators that name no place.
        pub(super) fn memory(operator: &Operator<'_>) -> Option<u32> {
            #[allow(unused_mut, unused_assignments, reason = "most operators have no such field")]
            match operator {
                $(Operator::$op $({ $($arg),* })? => {
                    let mut found: Option<u32> = None;
                    $($(place!(found $arg $arg);)*)?
                    found
                })*
                _ => None,
            }
        }
    };
}

wasmparser::for_each_operator!(by_operator);
