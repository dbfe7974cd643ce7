//! A call by pointer, read from a module's bytes where it trapped: the type that the caller takes the function for, and where the pointer
//! came from, as far as the code around it says.
//!
//! The number of the slot is on the engine's stack, and no engine tells. But often it came from a place that is still there: a constant, a
//! variable with a fixed address, or, in code that was compiled for debugging, one on the guest's stack.

use crate::hash_map::HashMap;
use std::cell::Cell;
use std::ops::Range;

use wasmparser::{BinaryReader, FunctionBody, Parser, Payload, TypeRef, ValType};

use super::convert;
use super::operators::{self, Access};
use super::types::FuncType;

/// Expressions of one function. What comes behind is unknown.
const MAX_NODES: usize = 1 << 18;
/// How far an expression is followed down.
const MAX_DEPTH: usize = 40;
const MAX_STEPS: u32 = 10_000;
/// Globals of a module's own that are looked at.
const MAX_GLOBALS: u32 = 100_000;

const CALL_INDIRECT: u8 = 0x11;
const RETURN_CALL_INDIRECT: u8 = 0x13;

/// What stands on the operand stack, or in a local variable.
#[derive(Clone, Copy, Debug)]
enum Node {
    Unknown,
    Const(u32),
    /// A global, after it has been set so many times in the function.
    Global(u32, u32),
    Local(u32),
    Load(usize, u64),
    Sum(usize, usize),
    Difference(usize, usize),
}

/// What is looked up on the way, and how many more steps it may take: an expression may have others as its parts many times over.
struct Asked<'a> {
    guest: &'a dyn Guest,
    steps: Cell<u32>,
}

/// What a global is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Always(u32),
    /// When the call trapped; the function may have set it before.
    Then(u32),
}

/// Who knows what the guest's globals and memory hold.
pub trait Guest {
    fn global(&self, index: u32) -> Option<Seen>;
    fn load(&self, address: u64) -> Option<u32>;
}

pub struct PointerCall {
    /// The type that the caller takes the function for.
    pub wanted: FuncType,
    code: Code,
    pointer: usize,
}

#[derive(Default)]
struct Code {
    nodes: Vec<Node>,
    stack: Vec<usize>,
    /// How often each local was set, and to what last. The first ones are parameters.
    locals: HashMap<u32, (u32, usize)>,
    params: u32,
    imported_globals: u32,
    /// What each of the module's own globals is worth, as far as it never changes.
    own_globals: Vec<usize>,
    /// How often each global was set up to the call, and to what first.
    globals: HashMap<u32, (u32, usize)>,
}

/// Where the bodies of a module's functions begin: by this its file is known again.
pub fn bodies(bytes: &[u8]) -> Option<Vec<u32>> {
    let mut starts = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload.ok()? {
            starts.push(u32::try_from(body.range().start).ok()?);
        }
    }
    Some(starts)
}

/// The call by pointer at a place in the module's bytes.
pub fn pointer_call(bytes: &[u8], at: usize) -> Option<PointerCall> {
    let (number, body) = body_at(bytes, at)?;
    let functions = imported(bytes, is_function)?;
    let params = function_type(bytes, functions.checked_add(number)?)?.params;
    let mut code = Code {
        nodes: vec![Node::Unknown],
        params: u32::try_from(params.len()).ok()?,
        imported_globals: imported(bytes, |ty| matches!(ty, TypeRef::Global(_)))?,
        ..Code::default()
    };
    code.constants(bytes)?;
    let mut found = None;
    let mut reader = body_reader(&body)?;
    while !reader.eof() {
        if reader.original_position() == at {
            let mut ahead = reader.clone();
            let (CALL_INDIRECT | RETURN_CALL_INDIRECT) = ahead.read_u8().ok()? else {
                return None;
            };
            found = Some((ahead.read_var_u32().ok()?, code.pop()));
        }
        code.operator(&mut reader, found.is_none())?;
    }
    let (type_index, pointer) = found?;
    Some(PointerCall {
        wanted: type_at(bytes, type_index)?,
        code,
        pointer,
    })
}

/// The instructions of a body.
fn body_reader<'a>(body: &FunctionBody<'a>) -> Option<BinaryReader<'a>> {
    let mut reader = body.get_binary_reader();
    for _ in 0..reader.read_var_u32().ok()? {
        reader.read_var_u32().ok()?;
        reader.read::<ValType>().ok()?;
    }
    Some(reader)
}

/// The type of a function, by its index among all of the module's.
pub fn function_type(bytes: &[u8], index: u32) -> Option<FuncType> {
    let mut left = index;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = import.ok()?.ty {
                        if left == 0 {
                            return type_at(bytes, ty);
                        }
                        left -= 1;
                    }
                }
            }
            Payload::FunctionSection(section) => {
                let ty = section.into_iter().nth(left.try_into().ok()?)?.ok()?;
                return type_at(bytes, ty);
            }
            _ => {}
        }
    }
    None
}

fn is_function(ty: &TypeRef) -> bool {
    matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
}

/// How many such things the module imports.
fn imported(bytes: &[u8], is_one: impl Fn(&TypeRef) -> bool) -> Option<u32> {
    let mut count = 0u32;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ImportSection(section) = payload.ok()? {
            for import in section.into_imports() {
                count = count.checked_add(is_one(&import.ok()?.ty).into())?;
            }
        }
    }
    Some(count)
}

fn type_at(bytes: &[u8], index: u32) -> Option<FuncType> {
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::TypeSection(section) = payload.ok()? {
            let mut types = section.into_iter_err_on_gc_types();
            let ty = types.nth(index.try_into().ok()?)?.ok()?;
            return Some(convert::func(&ty));
        }
    }
    None
}

/// The body that a place lies in, and its number.
fn body_at(bytes: &[u8], at: usize) -> Option<(u32, FunctionBody<'_>)> {
    let mut number = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload.ok()? {
            let range: Range<usize> = body.range();
            if range.contains(&at) {
                return Some((number, body));
            }
            number += 1;
        }
    }
    None
}

impl Code {
    fn push(&mut self, node: Node) {
        if self.nodes.len() >= MAX_NODES {
            return self.stack.push(0);
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    /// What lies deeper than what is known is unknown.
    fn pop(&mut self) -> usize {
        self.stack.pop().unwrap_or(0)
    }

    /// Reads what the module's own globals begin with; each may be made of those before it.
    fn constants(&mut self, bytes: &[u8]) -> Option<()> {
        for payload in Parser::new(0).parse_all(bytes) {
            let Payload::GlobalSection(section) = payload.ok()? else {
                continue;
            };
            let mut reader = BinaryReader::new(bytes.get(section.range())?, 0);
            for _ in 0..reader.read_var_u32().ok()?.min(MAX_GLOBALS) {
                let ty: wasmparser::GlobalType = reader.read().ok()?;
                self.stack.clear();
                while reader.clone().read_u8().ok()? != operators::END {
                    self.operator(&mut reader, true)?;
                }
                reader.read_u8().ok()?;
                let value = if ty.mutable { 0 } else { self.pop() };
                self.own_globals.push(value);
            }
        }
        self.stack.clear();
        Some(())
    }

    /// Reads an instruction. `before`: the call is still to come.
    fn operator(&mut self, reader: &mut BinaryReader<'_>, before: bool) -> Option<()> {
        match reader.read_u8().ok()? {
            // nop
            0x01 => {}
            // drop
            0x1a => drop(self.pop()),
            // local.get
            0x20 => self.push(Node::Local(reader.read_var_u32().ok()?)),
            // local.set
            0x21 => {
                let value = self.pop();
                self.assign(reader.read_var_u32().ok()?, value);
            }
            // local.tee
            0x22 => {
                let value = self.pop();
                self.assign(reader.read_var_u32().ok()?, value);
                self.stack.push(value);
            }
            // global.get
            0x23 => {
                let index = reader.read_var_u32().ok()?;
                match index.checked_sub(self.imported_globals) {
                    Some(own) => {
                        let own = self.own_globals.get(own as usize);
                        self.stack.push(own.copied().unwrap_or(0));
                    }
                    None => {
                        let sets = self.globals.get(&index).map_or(0, |(sets, _)| *sets);
                        self.push(Node::Global(index, sets));
                    }
                }
            }
            // global.set
            0x24 => {
                let index = reader.read_var_u32().ok()?;
                let value = self.pop();
                if before {
                    let (sets, _) = self.globals.entry(index).or_insert((0, value));
                    *sets = sets.saturating_add(1);
                }
            }
            // i32.load
            0x28 => match operators::read_access(reader).ok()? {
                Access { memory: 0, offset } => {
                    let address = self.pop();
                    self.push(Node::Load(address, offset));
                }
                _ => self.stack.clear(),
            },
            // i32.const
            0x41 => {
                let value = reader.read_var_i32().ok()?.cast_unsigned();
                self.push(Node::Const(value));
            }
            // i32.add and i32.sub
            code @ (0x6a | 0x6b) => {
                let (right, left) = (self.pop(), self.pop());
                self.push(match code {
                    0x6a => Node::Sum(left, right),
                    _ => Node::Difference(left, right),
                });
            }
            // It may take and give anything.
            code => {
                operators::skip(code, reader).ok()?;
                self.stack.clear();
            }
        }
        Some(())
    }

    fn assign(&mut self, local: u32, value: usize) {
        let entry = self.locals.entry(local).or_insert((0, value));
        *entry = (entry.0.saturating_add(1), value);
    }

    /// What a node is worth. `first`: what globals that the function sets are taken to have been before, where that is asked for.
    fn value(
        &self,
        asked: &Asked<'_>,
        node: usize,
        first: Option<u32>,
        depth: usize,
    ) -> Option<u32> {
        let depth = depth.checked_sub(1)?;
        asked.steps.set(asked.steps.get().checked_sub(1)?);
        let guest = asked.guest;
        let of = |node| self.value(asked, node, first, depth);
        match *self.nodes.get(node)? {
            Node::Unknown => None,
            Node::Const(value) => Some(value),
            Node::Local(local) => match self.locals.get(&local)? {
                // Set once, it has that value wherever it is read; a parameter has had another.
                (1, value) if local >= self.params => of(*value),
                _ => None,
            },
            Node::Load(address, offset) => guest.load(u64::from(of(address)?).checked_add(offset)?),
            Node::Sum(left, right) => Some(of(left)?.wrapping_add(of(right)?)),
            Node::Difference(left, right) => Some(of(left)?.wrapping_sub(of(right)?)),
            Node::Global(global, sets) => {
                match (guest.global(global)?, self.globals.get(&global)) {
                    (Seen::Always(value), _) | (Seen::Then(value), None) => Some(value),
                    // The stack pointer, read at the function's beginning and set to less.
                    (Seen::Then(then), Some((1, set))) if sets == 0 => match first {
                        Some(first) => Some(first),
                        None => Some(then.wrapping_sub(self.value(asked, *set, Some(0), depth)?)),
                    },
                    (Seen::Then(then), Some((all, _))) if sets == *all => Some(then),
                    _ => None,
                }
            }
        }
    }
}

impl PointerCall {
    /// The slot, where it can be told.
    pub fn slot(&self, guest: &dyn Guest) -> Option<u32> {
        let asked = Asked {
            guest,
            steps: Cell::new(MAX_STEPS),
        };
        self.code.value(&asked, self.pointer, None, MAX_DEPTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Base 0x1000, stack pointer 0x500 at the trap, and 7 at 0x1010 and 8 at 0x50c.
    struct Known;

    impl Guest for Known {
        fn global(&self, index: u32) -> Option<Seen> {
            [Seen::Always(0x1000), Seen::Then(0x500)]
                .get(index as usize)
                .copied()
        }

        fn load(&self, address: u64) -> Option<u32> {
            match address {
                0x1010 => Some(7),
                0x50c => Some(8),
                _ => None,
            }
        }
    }

    fn slot(code: &str) -> Option<u32> {
        let text = format!(
            r#"(module
              (import "env" "memory" (memory 1))
              (import "env" "__indirect_function_table" (table 1 funcref))
              (import "env" "__memory_base" (global $base i32))
              (import "env" "__stack_pointer" (global $sp (mut i32)))
              (import "env" "g" (func $g (result i32)))
              (type $wanted (func (param i32 f64) (result i64)))
              (global $own i32 (i32.add (global.get $base) (i32.const 8)))
              (global $other i32 (i32.add (global.get $own) (i32.const 8)))
              (global $changes (mut i32) (i32.const 3))
              (func (param $p i32) (local $a i32) (local $b i32)
                {code} (call_indirect (type $wanted)) drop))"#
        );
        let bytes = wat::parse_str(text).unwrap();
        // Of the last function the only such operator.
        let body = bodies(&bytes).unwrap()[0] as usize;
        let at = (body..bytes.len()).find(|&at| pointer_call(&bytes, at).is_some());
        let call = pointer_call(&bytes, at.unwrap()).unwrap();
        assert_eq!(call.wanted.to_string(), "(i32, f64) -> i64");
        assert_eq!(function_type(&bytes, 0).unwrap().to_string(), "() -> i32");
        assert_eq!(function_type(&bytes, 1).unwrap().to_string(), "(i32) -> ()");
        assert!(function_type(&bytes, 2).is_none());
        call.slot(&Known)
    }

    const ARGUMENTS: &str = "i32.const 1 f64.const 2";

    #[test]
    fn where_the_pointer_came_from() {
        let frame = "global.get $sp i32.const 16 i32.sub local.tee $a global.set $sp";
        for (pointer, expected) in [
            ("i32.const 5", Some(5)),
            ("global.get $base i32.load offset=16", Some(7)),
            ("global.get $base i32.const 16 i32.add i32.load", Some(7)),
            ("global.get $own i32.load offset=8", Some(7)),
            ("global.get $other i32.load", Some(7)),
            // Nobody knows.
            ("global.get $changes", None),
            ("call $g", None),
            ("local.get $p", None),
            ("local.get $p i32.load", None),
            ("i32.const 3 call $g i32.add", None),
            ("i32.const 0x40000 i32.load", None),
        ] {
            assert_eq!(
                slot(&format!("{ARGUMENTS} {pointer}")),
                expected,
                "{pointer}"
            );
        }
        // As it is compiled for debugging: the frame is below where the stack pointer was.
        let debugging = format!("{frame} {ARGUMENTS} local.get $a i32.load offset=12");
        assert_eq!(slot(&debugging), Some(8));
        let above = format!(
            "global.get $sp local.set $b {frame} {ARGUMENTS} local.get $b i32.const 4 i32.sub i32.load"
        );
        assert_eq!(slot(&above), Some(8));
        // Set twice, it may be either.
        let twice = format!("i32.const 1 local.set $a {frame} {ARGUMENTS} local.get $a");
        assert_eq!(slot(&twice), None);
        let moved = format!("{frame} {frame} {ARGUMENTS} global.get $sp i32.load offset=12");
        assert_eq!(slot(&moved), Some(8));
    }

    #[test]
    fn what_goes_round_has_an_end() {
        let circle =
            format!("local.get $b local.set $a local.get $a local.set $b {ARGUMENTS} local.get $a");
        assert_eq!(slot(&circle), None);
        // Each time it is twice the one before, and so takes twice as long to add up.
        let long = format!(
            "{ARGUMENTS} i32.const 1 {}",
            "local.tee $a local.get $a i32.add ".repeat(60)
        );
        assert_eq!(slot(&long), None);
        assert!(pointer_call(b"\0asm\x01\0\0\0", 3).is_none());
        assert!(pointer_call(b"", 0).is_none());
    }
}
