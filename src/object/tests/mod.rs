//! Tests of reading and rewriting modules, on modules written as text and on damaged bytes.

#[cfg(test)]
mod clamp;
#[cfg(test)]
mod constant;
#[cfg(test)]
mod dylink;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod externalize;
pub(crate) mod hostile;
pub(crate) mod metered;
#[cfg(test)]
mod module;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod sniff;

use std::sync::Arc;

use wasm_encoder::Encode;

use super::*;
use crate::error::{Code, Error};

#[cfg(test)]
fn assemble(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|e| panic!("{e}"))
}

fn parse_bytes(bytes: &[u8]) -> Result<Object> {
    Object::parse(bytes, &ParseLimits::default())
}

#[cfg(test)]
fn parse(wat: &str) -> Object {
    parse_bytes(&assemble(wat)).unwrap_or_else(|e| panic!("{e}"))
}

/// The error of `bytes`, with its code checked.
fn refused(bytes: &[u8], code: Code) -> String {
    let error: Error = parse_bytes(bytes).expect_err("an error");
    assert_eq!(error.code(), code, "{error}");
    error.to_string()
}

/// A module that begins with a custom section, put together by hand.
#[cfg(test)]
fn with_custom(name: &str, payload: &[u8], wat: &str) -> Vec<u8> {
    let module = assemble(wat);
    let (header, sections) = module.split_at(section::HEADER);
    let mut contents = Vec::new();
    name.encode(&mut contents);
    contents.extend_from_slice(payload);
    let mut bytes = header.to_vec();
    bytes.push(section::CUSTOM);
    contents.as_slice().encode(&mut bytes);
    bytes.extend_from_slice(sections);
    bytes
}

/// Puts a custom section behind all others.
#[cfg(test)]
fn add_custom(bytes: &mut Vec<u8>, name: &str, payload: &[u8]) {
    let mut contents = string(name);
    contents.extend_from_slice(payload);
    bytes.push(section::CUSTOM);
    contents.as_slice().encode(bytes);
}

/// A subsection of `dylink.0`.
fn subsection(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    payload.encode(&mut bytes);
    bytes
}

fn leb(n: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    n.encode(&mut bytes);
    bytes
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    text.encode(&mut bytes);
    bytes
}

fn names(list: &[Arc<str>]) -> Vec<&str> {
    list.iter().map(|name| &**name).collect()
}

fn sig(params: &[ValType], results: &[ValType]) -> Arc<FuncType> {
    Arc::new(FuncType {
        params: params.to_vec(),
        results: results.to_vec(),
    })
}

const FUNCREF: ValType = ValType::Ref {
    nullable: true,
    heap: HeapType::Func,
};

/// A library with something of everything that linking looks at.
const EVERYTHING: &str = r#"
(module
  (@dylink.0
    (mem-info (memory 100 4) (table 3 0))
    (needed "libc.so" "libm.so")
    (export-info "datum" tls)
    (import-info "env" "maybe" binding-weak)
    (runtime-path "$ORIGIN/lib"))
  (type $v (func))
  (type $t (func (param i32 i64) (result f32)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 3 funcref))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "env" "__memory_base" (global $mb i32))
  (import "env" "__table_base" (global $tb i32))
  (import "GOT.mem" "maybe" (global $maybe (mut i32)))
  (import "GOT.func" "qsort" (global $qsort (mut i32)))
  (import "env" "maybe" (func $call (type $t)))
  (import "env" "__cpp_exception" (tag $tag (param i32)))
  (func $one (export "one") (type $v))
  (func $two (export "two") (type $t) f32.const 1)
  (func $start)
  (table $private 2 4 funcref)
  (tag $own (export "own_tag") (param i64))
  (global $datum (export "datum") i32 (i32.const 16))
  (global $moved (export "moved") i32 (i32.add (global.get $mb) (i32.const 8)))
  (global $counter (export "counter") (mut i64) (i64.const 1))
  (export "again" (func $call))
  (export "sp" (global $sp))
  (export "the_tag" (tag $tag))
  (export "table" (table $private))
  (export "mem" (memory 0))
  (start $start)
  (elem (table 0) (global.get $tb) func $one $two $call)
  (elem (table 1) (i32.const 1) funcref (ref.null func))
  (elem declare func $one)
  (data (global.get $mb) "some data"))
"#;
