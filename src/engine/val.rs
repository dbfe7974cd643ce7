//! Values, laid out as `wasm_val_t`, so that a slice of them *is* the argument vector of a call.

use std::fmt;
use std::mem::MaybeUninit;

use super::sys::*;
use super::vec::{borrowed, borrowed_mut};
use crate::aside::is_lean;
use crate::object::{HeapType, ValType};

/// A value of one of the six kinds that `wasm.h` knows.
///
/// `Copy`, and therefore without ownership of a reference: references passed to a host function belong to the engine for the time
/// of the call.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Val(wasm_val_t);

impl Val {
    pub const fn i32(value: i32) -> Val {
        Val(wasm_val_t {
            kind: WASM_I32,
            of: wasm_val_union { i32: value },
        })
    }

    /// Addresses and table slots: an i32 to the engine, unsigned to us.
    pub const fn u32(value: u32) -> Val {
        Val::i32(value.cast_signed())
    }

    pub const fn i64(value: i64) -> Val {
        Val(wasm_val_t {
            kind: WASM_I64,
            of: wasm_val_union { i64: value },
        })
    }

    pub const fn f32(value: f32) -> Val {
        Val(wasm_val_t {
            kind: WASM_F32,
            of: wasm_val_union { f32: value },
        })
    }

    pub const fn f64(value: f64) -> Val {
        Val(wasm_val_t {
            kind: WASM_F64,
            of: wasm_val_union { f64: value },
        })
    }

    /// The zero of a kind: 0, or the null reference.
    pub const fn zero(kind: wasm_valkind_t) -> Val {
        // All eight bytes are written, whatever the kind.
        let of = if kind >= WASM_EXTERNREF {
            wasm_val_union {
                r#ref: std::ptr::null_mut(),
            }
        } else {
            wasm_val_union { i64: 0 }
        };
        Val(wasm_val_t { kind, of })
    }

    pub const fn kind(self) -> wasm_valkind_t {
        self.0.kind
    }

    /// Whether the value is one of the type.
    pub fn is(self, ty: ValType) -> bool {
        kind_of(ty) == Some(self.kind())
    }

    pub const fn as_i32(self) -> Option<i32> {
        match self.0.kind {
            // SAFETY: the kind says that this field was written.
            WASM_I32 => Some(unsafe { self.0.of.i32 }),
            _ => None,
        }
    }

    pub const fn as_u32(self) -> Option<u32> {
        match self.as_i32() {
            Some(value) => Some(value.cast_unsigned()),
            None => None,
        }
    }

    pub const fn as_i64(self) -> Option<i64> {
        match self.0.kind {
            // SAFETY: the kind says that this field was written.
            WASM_I64 => Some(unsafe { self.0.of.i64 }),
            _ => None,
        }
    }

    pub const fn as_f32(self) -> Option<f32> {
        match self.0.kind {
            // SAFETY: the kind says that this field was written.
            WASM_F32 => Some(unsafe { self.0.of.f32 }),
            _ => None,
        }
    }

    pub const fn as_f64(self) -> Option<f64> {
        match self.0.kind {
            // SAFETY: the kind says that this field was written.
            WASM_F64 => Some(unsafe { self.0.of.f64 }),
            _ => None,
        }
    }

    /// The reference, NULL for a null one.
    pub const fn as_ref_ptr(self) -> Option<*mut wasm_ref_t> {
        match self.0.kind {
            // SAFETY: the kind says that this field was written.
            WASM_FUNCREF | WASM_EXTERNREF => Some(unsafe { self.0.of.r#ref }),
            _ => None,
        }
    }

    /// A number by its bits, of which a smaller kind has the low ones.
    pub const fn of_bits(kind: wasm_valkind_t, bits: u64) -> Val {
        let of = match kind {
            WASM_I32 | WASM_F32 => wasm_val_union {
                i64: (bits & 0xffff_ffff).cast_signed(),
            },
            _ => wasm_val_union {
                i64: bits.cast_signed(),
            },
        };
        Val(wasm_val_t { kind, of })
    }

    /// A number's bits, those above a smaller kind zero.
    pub const fn bits(self) -> u64 {
        // SAFETY: the kind says which field was written; these are numbers, of which every bit pattern is one.
        unsafe {
            match self.0.kind {
                WASM_I32 | WASM_F32 => self.0.of.i32.cast_unsigned() as u64,
                _ => self.0.of.i64.cast_unsigned(),
            }
        }
    }

    pub(crate) const fn as_raw(&self) -> &wasm_val_t {
        &self.0
    }

    pub(crate) const fn raw(&self) -> *const wasm_val_t {
        &raw const self.0
    }

    pub(crate) const fn from_raw(raw: wasm_val_t) -> Val {
        Val(raw)
    }
}

impl From<i32> for Val {
    fn from(value: i32) -> Val {
        Val::i32(value)
    }
}

impl From<u32> for Val {
    fn from(value: u32) -> Val {
        Val::u32(value)
    }
}

impl From<i64> for Val {
    fn from(value: i64) -> Val {
        Val::i64(value)
    }
}

impl From<f32> for Val {
    fn from(value: f32) -> Val {
        Val::f32(value)
    }
}

impl From<f64> for Val {
    fn from(value: f64) -> Val {
        Val::f64(value)
    }
}

impl fmt::Debug for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the kind says which field was written.
        unsafe {
            match self.0.kind {
                WASM_I32 => write!(f, "i32 {}", self.0.of.i32),
                WASM_I64 => write!(f, "i64 {}", self.0.of.i64),
                // Numbers with a fraction as text take more code than what says so.
                WASM_F32 if is_lean() => write!(f, "f32 {:#x} (bits)", self.0.of.f32.to_bits()),
                WASM_F64 if is_lean() => write!(f, "f64 {:#x} (bits)", self.0.of.f64.to_bits()),
                WASM_F32 => write!(f, "f32 {}", self.0.of.f32),
                WASM_F64 => write!(f, "f64 {}", self.0.of.f64),
                kind => write!(f, "{}", kind_name(kind)),
            }
        }
    }
}

/// The values in a vector that a C host passes; NULL stands for none.
///
/// # Safety
/// `args` is NULL or a vector of initialised values that stays as it is for `'a`.
pub unsafe fn host_args<'a>(args: *const wasm_val_vec_t) -> &'a [Val] {
    // SAFETY: by the caller's promise; a `Val` is a `wasm_val_t`.
    unsafe { borrowed(args.cast()) }
}

/// The values in a vector that a C host passes for results; NULL stands for none. They are set to zero, since the host need not
/// have initialised them.
///
/// # Safety
/// `results` is NULL or a vector with room for its `size` values, which nothing else reads or writes for `'a`.
pub unsafe fn host_results<'a>(results: *mut wasm_val_vec_t) -> &'a mut [Val] {
    // SAFETY: by the caller's promise.
    zeroed(unsafe { host_room(results) })
}

/// As [`host_results`], as they are.
///
/// # Safety
/// As for [`host_results`].
pub unsafe fn host_room<'a>(results: *mut wasm_val_vec_t) -> &'a mut [MaybeUninit<Val>] {
    // SAFETY: by the caller's promise; nothing is said of what is in them.
    unsafe { borrowed_mut(results.cast()) }
}

/// Room for values, as values that are zero.
pub(crate) fn zeroed(room: &mut [MaybeUninit<Val>]) -> &mut [Val] {
    for value in &mut *room {
        value.write(Val::zero(WASM_I32));
    }
    // SAFETY: all of them are initialised.
    unsafe { &mut *(std::ptr::from_mut(room) as *mut [Val]) }
}

/// The engine's number for a type whose values pass through `wasm.h`; `None` for all others, see [`ValType::has_c_form`].
pub(crate) fn kind_of(ty: ValType) -> Option<wasm_valkind_t> {
    ty.has_c_form().then_some(())?;
    number_of(ty)
}

/// The number that `wasm.h` has for a type, if any: to name the type, not to make or to ask for a value of it.
pub(crate) fn number_of(ty: ValType) -> Option<wasm_valkind_t> {
    Some(match ty {
        ValType::I32 => WASM_I32,
        ValType::I64 => WASM_I64,
        ValType::F32 => WASM_F32,
        ValType::F64 => WASM_F64,
        ValType::Ref {
            nullable: true,
            heap: HeapType::Func,
        } => WASM_FUNCREF,
        ValType::Ref {
            nullable: true,
            heap: HeapType::Extern,
        } => WASM_EXTERNREF,
        ValType::V128 | ValType::Ref { .. } => return None,
    })
}

pub(crate) fn type_of(kind: wasm_valkind_t) -> Option<ValType> {
    let reference = |heap| ValType::Ref {
        nullable: true,
        heap,
    };
    Some(match kind {
        WASM_I32 => ValType::I32,
        WASM_I64 => ValType::I64,
        WASM_F32 => ValType::F32,
        WASM_F64 => ValType::F64,
        WASM_FUNCREF => reference(HeapType::Func),
        WASM_EXTERNREF => reference(HeapType::Extern),
        _ => return None,
    })
}

pub(crate) fn kind_name(kind: wasm_valkind_t) -> String {
    match type_of(kind) {
        Some(ty) => ty.to_string(),
        None => format!("value kind {kind}"),
    }
}
