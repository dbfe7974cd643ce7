//! WebAssembly types as far as linking compares them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HeapType {
    Func,
    Extern,
    Exn,
    /// Any other abstract heap type, by its code in the binary format, with [`HeapType::SHARED`]
    /// set in the shared form.
    Other(u8),
    /// An index into the module's own types: comparable only by the engine.
    Concrete(u32),
}

impl HeapType {
    /// Marks the code of a shared heap type; codes proper have seven bits.
    pub const SHARED: u8 = 0x80;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValType {
    I32,
    I64,
    F32,
    F64,
    V128,
    Ref { nullable: bool, heap: HeapType },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FuncType {
    pub params: Vec<ValType>,
    pub results: Vec<ValType>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GlobalType {
    pub content: ValType,
    pub mutable: bool,
}

/// Limits in pages (memories) or entries (tables).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Limits {
    pub min: u64,
    pub max: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryType {
    pub limits: Limits,
    pub shared: bool,
    pub memory64: bool,
    /// log2 of the page size where the module sets its own.
    pub page_log2: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableType {
    pub element: ValType,
    pub limits: Limits,
    pub table64: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    Func(Arc<FuncType>),
    Global(GlobalType),
    Table(Box<TableType>),
    Memory(Box<MemoryType>),
    Tag(Arc<FuncType>),
}

const _: () = assert!(size_of::<ExternType>() <= 16, "each import has one");

/// What a constant address is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Base {
    /// A plain constant.
    None,
    /// The object's `__memory_base`.
    Memory,
    /// The object's `__table_base`.
    Table,
}

/// The value of a constant expression, reduced to `base + offset` (wrapping in the type's width).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConstValue {
    pub base: Base,
    pub offset: u64,
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeapType::Func => f.write_str("func"),
            HeapType::Extern => f.write_str("extern"),
            HeapType::Exn => f.write_str("exn"),
            HeapType::Other(code) => write!(f, "heap type {code:#x}"),
            HeapType::Concrete(index) => write!(f, "type {index}"),
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref {
                nullable: true,
                heap,
            } if !matches!(heap, HeapType::Concrete(_)) => write!(f, "{heap}ref"),
            ValType::Ref { nullable, heap } => {
                let null = if *nullable { "null " } else { "" };
                write!(f, "(ref {null}{heap})")
            }
        }
    }
}

/// Of a longer list of types, the first ones are shown.
const MAX_LISTED: usize = 32;
const LISTED: usize = 8;

fn list(f: &mut fmt::Formatter<'_>, types: &[ValType]) -> fmt::Result {
    let shown = match types.len() {
        0..=MAX_LISTED => types.len(),
        _ => LISTED,
    };
    write!(f, "({})", text::list(types.iter(), shown, ", "))
}

impl ValType {
    /// What the table that objects share holds.
    pub const FUNCREF: ValType = ValType::Ref {
        nullable: true,
        heap: HeapType::Func,
    };

    /// Whether values of this type may pass through `wasm.h`, be it as a global's value, an argument or a result: the one place that
    /// decides it, for all engines alike, so that a program that runs on one runs on the others.
    ///
    /// `wasm.h` has no form for vectors and for references other than these two, and an engine that is asked for one ends the
    /// process. It has a form for `externref`, in which wasmtime and wasmi end the process as well (Q4).
    pub fn has_c_form(self) -> bool {
        match self {
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => true,
            ValType::V128 => false,
            ValType::Ref { nullable, heap } => nullable && heap == HeapType::Func,
        }
    }
}

impl FuncType {
    /// Whether the function can be called through `wasm.h`, or be one of the host's.
    pub fn has_c_form(&self) -> bool {
        let mut all = self.params.iter().chain(&self.results);
        all.all(|ty| ty.has_c_form())
    }
}

impl fmt::Display for FuncType {
    /// `(i32, i64) -> f32`, `() -> ()`, `(i32) -> (i32, i32)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        match self.results.as_slice() {
            [one] => write!(f, "{one}"),
            all => list(f, all),
        }
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutable {
            write!(f, "mutable {}", self.content)
        } else {
            write!(f, "{}", self.content)
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) => write!(f, "{}..={max}", self.min),
            None => write!(f, "{}..", self.min),
        }
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(t) => write!(f, "func {t}"),
            ExternType::Global(t) => write!(f, "global {t}"),
            ExternType::Table(t) => write!(f, "table of {} {}", t.element, t.limits),
            ExternType::Memory(t) => {
                let shared = if t.shared { "shared " } else { "" };
                let bits = if t.memory64 { "64-bit " } else { "" };
                write!(f, "{shared}{bits}memory {}", t.limits)
            }
            ExternType::Tag(t) => write!(f, "tag {t}"),
        }
    }
}
