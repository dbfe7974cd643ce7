//! Types as the section readers give them -> the types that linking compares.

use wasmparser::AbstractHeapType as Abstract;

use super::{FuncType, GlobalType, HeapType, Limits, MemoryType, TableType, ValType, fault};
use crate::abi;
use crate::error::Result;

pub(crate) fn value(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => reference(ty),
    }
}

pub(super) fn reference(ty: wasmparser::RefType) -> ValType {
    let heap = match ty.heap_type() {
        wasmparser::HeapType::Abstract { shared, ty } => heap(ty, shared),
        wasmparser::HeapType::Concrete(index) | wasmparser::HeapType::Exact(index) => {
            // The other kinds of index are a validator's, and do not come out of a reader.
            HeapType::Concrete(index.as_module_index().unwrap_or(u32::MAX))
        }
    };
    ValType::Ref {
        nullable: ty.is_nullable(),
        heap,
    }
}

fn heap(ty: Abstract, shared: bool) -> HeapType {
    let code = match ty {
        Abstract::NoCont => 0x75,
        Abstract::NoExn => 0x74,
        Abstract::NoFunc => 0x73,
        Abstract::NoExtern => 0x72,
        Abstract::None => 0x71,
        Abstract::Func => 0x70,
        Abstract::Extern => 0x6f,
        Abstract::Any => 0x6e,
        Abstract::Eq => 0x6d,
        Abstract::I31 => 0x6c,
        Abstract::Struct => 0x6b,
        Abstract::Array => 0x6a,
        Abstract::Exn => 0x69,
        Abstract::Cont => 0x68,
    };
    match (ty, shared) {
        (Abstract::Func, false) => HeapType::Func,
        (Abstract::Extern, false) => HeapType::Extern,
        (Abstract::Exn, false) => HeapType::Exn,
        (_, false) => HeapType::Other(code),
        (_, true) => HeapType::Other(code | HeapType::SHARED),
    }
}

pub(super) fn func(ty: &wasmparser::FuncType) -> FuncType {
    FuncType {
        params: ty.params().iter().copied().map(value).collect(),
        results: ty.results().iter().copied().map(value).collect(),
    }
}

pub(super) fn global(ty: wasmparser::GlobalType, offset: usize) -> Result<GlobalType> {
    // No engine has them yet, and a type that drops the mark would compare wrongly.
    if ty.shared {
        return Err(fault::unsupported(offset, "a shared global"));
    }
    Ok(GlobalType {
        content: value(ty.content_type),
        mutable: ty.mutable,
    })
}

pub(super) fn table(ty: wasmparser::TableType, offset: usize) -> Result<TableType> {
    if ty.shared {
        return Err(fault::unsupported(offset, "a shared table"));
    }
    let largest = if ty.table64 {
        u64::MAX
    } else {
        u64::from(u32::MAX)
    };
    Ok(TableType {
        element: reference(ty.element_type),
        limits: limits(ty.initial, ty.maximum, largest, offset)?,
        table64: ty.table64,
    })
}

pub(super) fn memory(ty: wasmparser::MemoryType, offset: usize) -> Result<MemoryType> {
    let page_log2 = ty.page_size_log2.unwrap_or(abi::PAGE.trailing_zeros());
    let bits: u32 = if ty.memory64 { 64 } else { 32 };
    // As many pages as the addresses reach; a page larger than all of memory leaves none.
    let largest = match bits.checked_sub(page_log2) {
        Some(64) => u64::MAX,
        Some(bits) => 1u64.checked_shl(bits).unwrap_or(u64::MAX),
        None => 0,
    };
    Ok(MemoryType {
        limits: limits(ty.initial, ty.maximum, largest, offset)?,
        shared: ty.shared,
        memory64: ty.memory64,
        page_log2: ty.page_size_log2,
    })
}

/// Limits that later arithmetic may rely on: the minimum is below the maximum, and both within
/// the address space.
fn limits(min: u64, max: Option<u64>, largest: u64, offset: usize) -> Result<Limits> {
    if min > max.unwrap_or(largest) {
        return Err(fault::malformed(
            offset,
            "a minimum size above the maximum size",
        ));
    }
    if max.is_some_and(|max| max > largest) {
        return Err(fault::malformed(
            offset,
            format_args!("a maximum size above {largest}"),
        ));
    }
    Ok(Limits { min, max })
}
