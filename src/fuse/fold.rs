//! Constants that linking has made, folded into what uses them, as a static linker's compiler would have done it.
//!
//! An address of an object's data is a sum of its base and an offset, which are one constant in the end:
//!
//! ```text
//! i32.const BASE; i32.const 12; i32.add             ->  i32.const BASE+12
//! (x) i32.const BASE; i32.add; i32.const 4; i32.add ->  (x) i32.const BASE+4; i32.add
//! (x) i32.const BASE; i32.add; i32.load offset=4    ->  (x) i32.load offset=BASE+4      where x + BASE cannot wrap
//! ```
//! `i32.add` wraps and the offset of a load does not. So the last one needs a bound of `x`, which comes from how it was made (`i32.load8_u`,
//! `i32.and`, ...). Locals that hold a constant or a number with a bound are known from where they are set to the end of that block.
//! Only straight code is looked at: what is on the stack is forgotten wherever control leaves or joins.

use std::collections::HashMap;

use wasm_encoder::{Function, Instruction, MemArg};
use wasmparser::{
    BlockType, ContType, FrameKind, FuncType, ModuleArity, Operator, RefType, SubType,
};

/// Offsets below this are as quick as none: engines reserve as much address space behind a memory, and look at the bounds where an offset is
/// larger. Less by the widest access.
const LARGEST_OFFSET: u64 = (32 << 20) - 64;
/// Instructions that are held back, since what follows may change them.
const WINDOW: usize = 4096;
/// Locals that are known at a time.
const LOCALS: usize = 64;

/// Where each local is set last, by the operator's position in the body.
#[derive(Default)]
pub(super) struct Sets {
    last: HashMap<u32, u32>,
}

impl Sets {
    /// Notes what the operator at a position sets.
    pub fn note(&mut self, position: u32, operator: &Operator<'_>) {
        if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = *operator {
            self.last.insert(local_index, position);
        }
    }
}

/// What is known of a value of 32 bits. Of any other nothing is said.
#[derive(Clone, Copy)]
struct Value {
    /// It is no larger than this, unsigned.
    most: u32,
    known: Option<u32>,
    form: Form,
}

/// How a value was made, by positions in the window.
#[derive(Clone, Copy)]
enum Form {
    Other,
    /// By this instruction alone, which does nothing else.
    Constant(usize),
    Sum(Sum),
}

/// `rest + by`: `by` is what `term` gives, `plus` adds it, and without both there is `rest`, which is at most as large.
#[derive(Clone, Copy)]
struct Sum {
    term: usize,
    plus: usize,
    by: u32,
    rest: u32,
}

const UNKNOWN: Value = Value {
    most: u32::MAX,
    known: None,
    form: Form::Other,
};

fn at_most(most: u32) -> Value {
    Value { most, ..UNKNOWN }
}

/// Folds one body, as it is written.
pub(super) struct Fold<'a> {
    sets: Sets,
    position: u32,
    /// What has been taken away is `None`.
    window: Vec<Option<Instruction<'a>>>,
    /// The top of the stack, as far as it is known.
    stack: Vec<Value>,
    locals: HashMap<u32, Value>,
    /// Locals in the order in which they came to be known, and for each open block, how many there were at its start.
    order: Vec<u32>,
    blocks: Vec<u32>,
    function: Function,
}

impl<'a> Fold<'a> {
    pub fn new(function: Function, sets: Sets) -> Fold<'a> {
        Fold {
            sets,
            position: 0,
            window: Vec::new(),
            stack: Vec::new(),
            locals: HashMap::new(),
            order: Vec::new(),
            blocks: Vec::new(),
            function,
        }
    }

    /// The next operator, and what it became.
    pub fn step(&mut self, operator: &Operator<'a>, instruction: Instruction<'a>) {
        if self.window.len() >= WINDOW {
            self.flush();
        }
        self.act(operator, instruction);
        self.position = self.position.saturating_add(1);
    }

    pub fn finish(mut self) -> Function {
        self.flush();
        self.function
    }

    fn act(&mut self, operator: &Operator<'a>, mut instruction: Instruction<'a>) {
        if let Instruction::I32Const(value) = instruction {
            let at = self.emit(instruction);
            return self.push_constant(value.cast_unsigned(), at);
        }
        if let Some(memory) = load(&mut instruction) {
            let address = self.pop();
            self.fold_address(address, memory);
            self.emit(instruction);
            return self.stack.push(match operator {
                Operator::I32Load8U { .. } => at_most(u8::MAX.into()),
                Operator::I32Load16U { .. } => at_most(u16::MAX.into()),
                _ => UNKNOWN,
            });
        }
        if let Some(memory) = store(&mut instruction) {
            self.pop();
            let address = self.pop();
            self.fold_address(address, memory);
            self.emit(instruction);
            return;
        }
        match *operator {
            Operator::I32Add => return self.add(instruction),
            Operator::LocalGet { local_index } => {
                let at = self.emit(instruction);
                let value = self.locals.get(&local_index).copied().unwrap_or(UNKNOWN);
                match value.known {
                    Some(known) => self.push_constant(known, at),
                    None => self.stack.push(value),
                }
                return;
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.set(local_index, value);
            }
            Operator::LocalTee { local_index } => {
                // The local wants all of it.
                let value = Value {
                    form: Form::Other,
                    ..self.pop()
                };
                self.set(local_index, value);
                self.stack.push(value);
            }
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => self.open(),
            Operator::Loop { .. } => {
                // What is set from here on may be so when it begins again.
                let (last, position) = (&self.sets.last, self.position);
                self.locals
                    .retain(|local, _| last.get(local).is_none_or(|&last| last < position));
                self.open();
            }
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => {
                self.forget();
                self.open();
            }
            Operator::End | Operator::Delegate { .. } => self.forget(),
            Operator::Unreachable | Operator::ThrowRef | Operator::Rethrow { .. } => self.flush(),
            _ => match self.number(operator) {
                Some(value) => self.stack.push(value),
                None => self.other(operator),
            },
        }
        self.emit(instruction);
    }

    /// What operators give of which more is known.
    fn number(&mut self, operator: &Operator<'_>) -> Option<Value> {
        let most = match operator {
            Operator::I32And => {
                let (right, left) = (self.pop(), self.pop());
                left.most.min(right.most)
            }
            Operator::I32Or | Operator::I32Xor => {
                let all = self.pop().most | self.pop().most;
                u32::MAX.checked_shr(all.leading_zeros()).unwrap_or(0)
            }
            Operator::I32Shl => {
                let (right, left) = (self.pop(), self.pop());
                let by = right.known.map(|by| by & 31);
                let by = by.filter(|&by| by <= left.most.leading_zeros());
                by.map_or(u32::MAX, |by| left.most.wrapping_shl(by))
            }
            Operator::I32ShrU => {
                let (right, left) = (self.pop(), self.pop());
                left.most.wrapping_shr(right.known.unwrap_or(0))
            }
            Operator::I32Mul => {
                let (right, left) = (self.pop(), self.pop());
                left.most.saturating_mul(right.most)
            }
            Operator::I32DivU => {
                let (right, left) = (self.pop(), self.pop());
                let by = right.known.unwrap_or(1);
                left.most.checked_div(by).unwrap_or(left.most)
            }
            Operator::I32RemU => {
                let (right, left) = (self.pop(), self.pop());
                left.most.min(right.most.saturating_sub(1))
            }
            Operator::I32Eqz => {
                self.pop();
                1
            }
            Operator::I32Eq
            | Operator::I32Ne
            | Operator::I32LtS
            | Operator::I32LtU
            | Operator::I32GtS
            | Operator::I32GtU
            | Operator::I32LeS
            | Operator::I32LeU
            | Operator::I32GeS
            | Operator::I32GeU => {
                self.pop();
                self.pop();
                1
            }
            Operator::Select => {
                self.pop();
                self.pop().most.max(self.pop().most)
            }
            _ => return None,
        };
        Some(at_most(most))
    }

    fn other(&mut self, operator: &Operator<'_>) {
        match operator.operator_arity(&Nothing) {
            Some((takes, gives)) if takes.max(gives) < 16 => {
                for _ in 0..takes {
                    self.pop();
                }
                self.stack.extend((0..gives).map(|_| UNKNOWN));
            }
            // Calls and branches.
            _ => self.flush(),
        }
    }

    fn add(&mut self, instruction: Instruction<'a>) {
        let (right, left) = (self.pop(), self.pop());
        match (left.form, right.form) {
            (Form::Constant(at), _) => self.add_constant(at, left, right, instruction),
            (_, Form::Constant(at)) => self.add_constant(at, right, left, instruction),
            (Form::Sum(sum), Form::Sum(other)) => {
                self.take(other.term);
                self.take(other.plus);
                self.emit(instruction);
                self.push_sum(Sum {
                    by: sum.by.wrapping_add(other.by),
                    rest: sum.rest.saturating_add(other.rest),
                    ..sum
                });
            }
            (Form::Sum(sum), Form::Other) => self.add_other(sum, right, instruction),
            (Form::Other, Form::Sum(sum)) => self.add_other(sum, left, instruction),
            (Form::Other, Form::Other) => {
                self.emit(instruction);
                let known = left.known.zip(right.known);
                let known = known.map(|(left, right)| left.wrapping_add(right));
                let most = left.most.saturating_add(right.most);
                self.stack.push(Value {
                    most: known.unwrap_or(most),
                    known,
                    form: Form::Other,
                });
            }
        }
    }

    fn add_other(&mut self, sum: Sum, other: Value, instruction: Instruction<'a>) {
        self.emit(instruction);
        self.push_sum(Sum {
            rest: sum.rest.saturating_add(other.most),
            ..sum
        });
    }

    /// `constant` is the one that the instruction at `at` gives.
    fn add_constant(
        &mut self,
        at: usize,
        constant: Value,
        to: Value,
        instruction: Instruction<'a>,
    ) {
        let by = constant.most;
        if by == 0 {
            self.take(at);
            return self.stack.push(to);
        }
        match (to.form, to.known) {
            (Form::Constant(other), Some(known)) => {
                let sum = known.wrapping_add(by);
                self.take(at);
                self.put_constant(other, sum);
                self.push_constant(sum, other);
            }
            (Form::Sum(sum), _) => {
                self.take(at);
                self.push_sum(Sum {
                    by: by.wrapping_add(sum.by),
                    ..sum
                });
            }
            (_, Some(known)) => {
                self.emit(instruction);
                let sum = known.wrapping_add(by);
                self.stack.push(Value {
                    most: sum,
                    known: Some(sum),
                    form: Form::Other,
                });
            }
            (_, None) => {
                let plus = self.emit(instruction);
                self.push_sum_as_it_is(Sum {
                    term: at,
                    plus,
                    by,
                    rest: to.most,
                });
            }
        }
    }

    /// Takes the constant out of an address, where it cannot have wrapped.
    fn fold_address(&mut self, address: Value, memory: &mut MemArg) {
        let Form::Sum(sum) = address.form else {
            return;
        };
        let offset = memory.offset.saturating_add(sum.by.into());
        if sum.rest.checked_add(sum.by).is_some() && offset <= LARGEST_OFFSET {
            memory.offset = offset;
            self.take(sum.term);
            self.take(sum.plus);
        }
    }

    fn push_constant(&mut self, value: u32, at: usize) {
        self.stack.push(Value {
            most: value,
            known: Some(value),
            form: Form::Constant(at),
        });
    }

    /// A sum whose constant may be another than it was.
    fn push_sum(&mut self, sum: Sum) {
        self.put_constant(sum.term, sum.by);
        self.push_sum_as_it_is(sum);
    }

    fn push_sum_as_it_is(&mut self, sum: Sum) {
        self.stack.push(Value {
            most: sum.rest.saturating_add(sum.by),
            known: None,
            form: Form::Sum(sum),
        });
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(UNKNOWN)
    }

    fn emit(&mut self, instruction: Instruction<'a>) -> usize {
        self.window.push(Some(instruction));
        self.window.len().saturating_sub(1)
    }

    fn take(&mut self, at: usize) {
        if let Some(instruction) = self.window.get_mut(at) {
            *instruction = None;
        }
    }

    fn put_constant(&mut self, at: usize, value: u32) {
        if let Some(instruction) = self.window.get_mut(at) {
            *instruction = Some(Instruction::I32Const(value.cast_signed()));
        }
    }

    /// Writes what is held back, and forgets the stack.
    fn flush(&mut self) {
        self.stack.clear();
        for instruction in self.window.drain(..).flatten() {
            self.function.instruction(&instruction);
        }
    }

    fn set(&mut self, local: u32, value: Value) {
        self.locals.remove(&local);
        if value.most < u32::MAX && self.locals.len() < LOCALS {
            let value = Value {
                form: Form::Other,
                ..value
            };
            self.locals.insert(local, value);
            self.order.push(local);
        }
    }

    fn open(&mut self) {
        self.flush();
        // A body has fewer bytes than that.
        let count = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        self.blocks.push(count);
    }

    /// A block ends: it may have been left before a local was set in it.
    fn forget(&mut self) {
        self.flush();
        let count = self.blocks.pop().unwrap_or(0) as usize;
        for local in self.order.drain(count.min(self.order.len())..) {
            self.locals.remove(&local);
        }
    }
}

/// Where a load finds its place.
fn load<'i>(instruction: &'i mut Instruction<'_>) -> Option<&'i mut MemArg> {
    use Instruction as I;
    match instruction {
        I::I32Load(memory)
        | I::I32Load8S(memory)
        | I::I32Load8U(memory)
        | I::I32Load16S(memory)
        | I::I32Load16U(memory)
        | I::I64Load(memory)
        | I::I64Load8S(memory)
        | I::I64Load8U(memory)
        | I::I64Load16S(memory)
        | I::I64Load16U(memory)
        | I::I64Load32S(memory)
        | I::I64Load32U(memory)
        | I::F32Load(memory)
        | I::F64Load(memory)
        | I::V128Load(memory) => Some(memory),
        _ => None,
    }
}

/// Where a store has its place.
fn store<'i>(instruction: &'i mut Instruction<'_>) -> Option<&'i mut MemArg> {
    use Instruction as I;
    match instruction {
        I::I32Store(memory)
        | I::I32Store8(memory)
        | I::I32Store16(memory)
        | I::I64Store(memory)
        | I::I64Store8(memory)
        | I::I64Store16(memory)
        | I::I64Store32(memory)
        | I::F32Store(memory)
        | I::F64Store(memory)
        | I::V128Store(memory) => Some(memory),
        _ => None,
    }
}

/// No module: what depends on one has no arity, and ends straight code.
struct Nothing;

impl ModuleArity for Nothing {
    fn sub_type_at(&self, _: u32) -> Option<&SubType> {
        None
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, _: u32) -> Option<u32> {
        None
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}
