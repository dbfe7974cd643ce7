//! What a fused module does, decoded from its bytes, is what the load would do, by its plan: each import is bound to the same, each address and
//! slot is the same, memory and table begin alike, and the entry calls the same in the same order.

use std::collections::{BTreeMap, HashMap};

use wasmparser::{FunctionBody, Operator, OperatorsReader};

use crate::abi;
use crate::fuse::module::Module;
use crate::fuse::{Fused, World};
use crate::object::{Base, ExportItem, Object, ParseLimits};
use crate::plan::{Binding, FuncId, ObjectId, lifecycle};

/// What the plan says that a function is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Target {
    Own(usize, u32),
    Host(String, String),
    Absent,
    Nothing,
}

/// What the plan says that a global is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Value {
    Number(u64),
    Stack,
    Own(usize, u32),
    Host(String, String),
}

const PAGE: u64 = 1 << 16;
type Memory = BTreeMap<u64, Vec<u8>>;

fn put(memory: &mut Memory, address: u64, bytes: &[u8]) {
    for (&byte, at) in bytes.iter().zip(address..) {
        let page = memory
            .entry(at / PAGE)
            .or_insert_with(|| vec![0; PAGE as usize]);
        page[(at % PAGE) as usize] = byte;
    }
}

/// The bytes of a range that are not zero.
fn within(memory: &Memory, range: &std::ops::Range<u64>) -> Vec<(u64, u8)> {
    let mut all = Vec::new();
    for (page, bytes) in memory.range(range.start / PAGE..=range.end / PAGE) {
        let bytes = (page * PAGE..).zip(bytes);
        all.extend(
            bytes
                .filter(|(at, byte)| **byte != 0 && range.contains(at))
                .map(|(at, byte)| (at, *byte)),
        );
    }
    all
}

struct Compared<'a> {
    world: &'a World<'a>,
    fused: &'a Fused,
    module: Module<'a>,
    /// What it imports, by kind: module and name.
    imports: Object,
    originals: Vec<Module<'a>>,
    number_of: HashMap<(usize, u32), u32>,
    /// What each object's own segments put into the shared table: slots and function indices.
    entries: Vec<Vec<(u64, u32)>>,
    /// Where the load has each function: what the plan decides, or the first place in its object's own segments.
    slot_of: HashMap<FuncId, u64>,
    hosts: HashMap<u32, Target>,
    /// Which index of the fused module stands for what, as far as seen.
    globals: HashMap<u32, Value>,
    types: HashMap<(usize, u32), u32>,
    /// Slots that code names, with the functions that have to be there.
    slots: BTreeMap<u64, Target>,
    /// Addresses and slots that were compared.
    numbers: usize,
    calls: usize,
}

/// What was compared.
pub struct Tally {
    pub numbers: usize,
    pub calls: usize,
    pub bytes: usize,
}

/// Panics where the module does otherwise than the plan. `whole`: nothing was left out.
pub fn compare(world: &World<'_>, fused: &Fused, whole: bool) -> Tally {
    let module = Module::read(&fused.bytes).expect("a module");
    let imports = Object::parse(&fused.bytes, &ParseLimits::default()).expect("a module");
    let originals = world
        .bytes
        .iter()
        .map(|bytes| Module::read(bytes).expect("a module"));
    let mut number_of = HashMap::new();
    for (object, placed) in fused.map.objects.iter().enumerate() {
        for &(number, index) in &placed.functions {
            assert!(number_of.insert((object, index), number).is_none());
        }
    }
    let mut compared = Compared {
        world,
        fused,
        module,
        imports,
        originals: originals.collect(),
        number_of,
        entries: Vec::new(),
        slot_of: world.plan.slots.iter().copied().collect(),
        hosts: HashMap::new(),
        globals: HashMap::new(),
        types: HashMap::new(),
        slots: BTreeMap::new(),
        numbers: 0,
        calls: 0,
    };
    for (id, module, name) in world.request.model.host.each() {
        let target = Target::Host(module.to_string(), name.to_string());
        compared.hosts.insert(id, target);
    }
    for (n, object) in (0..world.bytes.len()).zip(world.request.fresh_ids()) {
        let entries = compared.entries(n);
        for &(slot, index) in &entries {
            compared
                .slot_of
                .entry(FuncId::Object { object, index })
                .or_insert(slot);
        }
        compared.entries.push(entries);
    }
    compared.sizes();
    compared.bodies();
    let bytes = compared.memory(whole);
    compared.table(whole);
    compared.entry();
    Tally {
        numbers: compared.numbers,
        calls: compared.calls,
        bytes,
    }
}

impl<'a> Compared<'a> {
    fn object(&self, n: usize) -> &'a Object {
        &self.world.request.fresh[n].object
    }

    fn fresh(&self, id: ObjectId) -> usize {
        (id.0 - self.world.request.first()) as usize
    }

    fn callee(&self, id: FuncId) -> Target {
        match id {
            FuncId::Object { object, index } => Target::Own(self.fresh(object), index),
            FuncId::Host(id) => self.hosts[&id].clone(),
        }
    }

    /// What the plan binds a function of an object to.
    fn target(&self, n: usize, index: u32) -> Target {
        let Some(&position) = self.object(n).func_imports.get(index as usize) else {
            return Target::Own(n, index);
        };
        match &self.world.plan.objects[n].bindings[position as usize] {
            Binding::Func(callee) => self.callee(callee.id()),
            Binding::Unresolved { .. } => Target::Absent,
            Binding::Nothing => Target::Nothing,
            other => panic!("a function bound to {other:?}"),
        }
    }

    /// The number that an address or a slot is, worked out from what it is bound to.
    fn value(&self, n: usize, index: u32) -> Value {
        let Some(&position) = self.object(n).global_imports.get(index as usize) else {
            return Value::Own(n, index);
        };
        let (plan, request) = (self.world.plan, self.world.request);
        let place = |n: usize| plan.layout.placements[n];
        let landmarks = plan.layout.landmarks;
        let import = self
            .object(n)
            .imports
            .get(position as usize)
            .expect("an import");
        let host = || Value::Host(import.module.to_string(), import.name.text().to_string());
        match &plan.objects[n].bindings[position as usize] {
            Binding::MemoryBase => Value::Number(place(n).memory_base),
            Binding::TableBase => Value::Number(place(n).table_base),
            Binding::StackPointer => Value::Stack,
            Binding::Null => Value::Number(0),
            Binding::Number(number) => Value::Number(*number),
            Binding::Address(landmark) => Value::Number(match landmark {
                crate::plan::Landmark::StackLow => landmarks.stack_low.unwrap_or(0),
                crate::plan::Landmark::StackHigh => landmarks.stack_high.unwrap_or(0),
                crate::plan::Landmark::HeapBase => landmarks.heap_base,
                crate::plan::Landmark::HeapEnd => landmarks.heap_end,
            }),
            Binding::Data(definition) | Binding::Export(definition) => {
                let of = self.fresh(definition.object);
                let export = request.fresh[of]
                    .object
                    .exports
                    .get(definition.export as usize);
                match export.expect("an export").item {
                    ExportItem::Data(datum) => Value::Number(place(of).address(datum.value())),
                    ExportItem::Global { index, .. } => self.value(of, *index),
                    other => panic!("a global bound to {other:?}"),
                }
            }
            Binding::Slot(callee) => Value::Number(self.slot_of[&callee.id()]),
            Binding::Host(_) => host(),
            other => panic!("a global bound to {other:?}"),
        }
    }

    /// What an object's own segments put into the shared table: slots and function indices.
    fn entries(&self, n: usize) -> Vec<(u64, u32)> {
        let (object, place) = (self.object(n), self.world.plan.layout.placements[n]);
        let mut all = Vec::new();
        for segment in &object.segments {
            let position = object.table_imports.get(segment.table as usize);
            let bindings = &self.world.plan.objects[n].bindings;
            if position.map(|position| &bindings[*position as usize]) != Some(&Binding::Table) {
                continue;
            }
            let base = match segment.offset.base {
                Base::None => 0,
                Base::Table => place.table_base,
                Base::Memory => place.memory_base,
            };
            for (func, slot) in segment.funcs.iter().zip(base + segment.offset.offset..) {
                all.extend(func.map(|func| (slot, func)));
            }
        }
        all
    }

    fn sizes(&self) {
        let layout = &self.world.plan.layout;
        let memory = self.imports.memory.as_ref().expect("a memory");
        assert_eq!(memory.limits.min, layout.memory.after, "pages of memory");
        let table = &self.imports.table.as_ref().expect("a table").1;
        assert_eq!(table.limits.min, layout.table.after, "slots of the table");
    }

    /// Whether a function of the fused module is what the plan says.
    fn is(&mut self, number: u32, target: &Target) {
        let imported = self.imports.imported_funcs;
        self.calls += 1;
        let host = self.imports.func_imports.get(number as usize);
        match target {
            Target::Own(n, index) => {
                assert_eq!(
                    self.number_of.get(&(*n, *index)),
                    Some(&number),
                    "{target:?}"
                );
            }
            Target::Host(module, name) => {
                let import = self.imports.imports.get(*host.expect("an import") as usize);
                let import = import.expect("an import");
                assert_eq!((&**import.module, import.name.text()), (&**module, &**name));
            }
            Target::Absent | Target::Nothing => {
                let body = &self.module.bodies[(number - imported) as usize];
                let first = operators(body).next().expect("an operator");
                match target {
                    Target::Absent => assert!(matches!(first, Operator::Unreachable), "{first:?}"),
                    _ => assert!(matches!(first, Operator::End), "{first:?}"),
                }
            }
        }
    }

    fn bodies(&mut self) {
        let imported = self.imports.imported_funcs;
        let mut all: Vec<_> = self
            .number_of
            .iter()
            .map(|(of, number)| (*of, *number))
            .collect();
        all.sort_unstable();
        for ((n, index), number) in all {
            let own = index as usize - self.object(n).func_imports.len();
            let before = self.originals[n].bodies[own].clone();
            let after = self.module.bodies[(number - imported) as usize].clone();
            let ty = self.originals[n].func_types[index as usize];
            self.type_is(n, ty, self.module.func_types[number as usize]);
            let locals = |body: &FunctionBody<'_>| {
                let locals = body.get_locals_reader().expect("locals").into_iter();
                locals.map(|local| local.expect("a local").0).sum::<u32>()
            };
            assert_eq!(locals(&before), locals(&after));
            let (mut before, mut after) = (operators(&before), operators(&after));
            loop {
                match (before.next(), after.next()) {
                    (None, None) => break,
                    (Some(before), Some(after)) => self.operator(n, &before, &after),
                    other => panic!("function {index} of object {n}: {other:?}"),
                }
            }
        }
    }

    fn type_is(&mut self, n: usize, before: u32, after: u32) {
        assert_eq!(
            *self.types.entry((n, before)).or_insert(after),
            after,
            "a type"
        );
        let text = |module: &Module<'_>, wanted: u32| {
            let mut all = module.types.iter().flat_map(|group| group.types());
            format!("{:?}", all.nth(wanted as usize))
        };
        let (before, after) = (text(&self.originals[n], before), text(&self.module, after));
        // Types that name others do so by other numbers.
        if !before.contains("Index") && !before.contains("Concrete") {
            assert_eq!(before, after);
        }
    }

    /// Notes the slot that a global stands for, if it does.
    fn note_slot(&mut self, n: usize, index: u32, number: u64) {
        let position = self.object(n).global_imports.get(index as usize);
        let binding =
            position.map(|position| &self.world.plan.objects[n].bindings[*position as usize]);
        if let Some(Binding::Slot(callee)) = binding {
            self.slots.insert(number, self.callee(callee.id()));
        }
    }

    fn operator(&mut self, n: usize, before: &Operator<'_>, after: &Operator<'_>) {
        match (before, after) {
            (
                Operator::GlobalGet { global_index: old },
                Operator::GlobalGet { global_index: new },
            )
            | (
                Operator::GlobalSet { global_index: old },
                Operator::GlobalSet { global_index: new },
            ) => self.global(n, *old, *new),
            (Operator::GlobalGet { global_index }, constant) => {
                let number = match *constant {
                    Operator::I32Const { value } => u64::from(value.cast_unsigned()),
                    Operator::I64Const { value } => value.cast_unsigned(),
                    ref other => panic!("a global became {other:?}"),
                };
                self.numbers += 1;
                self.note_slot(n, *global_index, number);
                assert_eq!(
                    self.value(n, *global_index),
                    Value::Number(number),
                    "global {global_index} of {n}"
                );
            }
            (
                Operator::Call {
                    function_index: old,
                },
                Operator::Call {
                    function_index: new,
                },
            )
            | (
                Operator::ReturnCall {
                    function_index: old,
                },
                Operator::ReturnCall {
                    function_index: new,
                },
            )
            | (
                Operator::RefFunc {
                    function_index: old,
                },
                Operator::RefFunc {
                    function_index: new,
                },
            ) => {
                let target = self.target(n, *old);
                self.is(*new, &target);
            }
            (
                Operator::CallIndirect {
                    type_index: old, ..
                },
                Operator::CallIndirect {
                    type_index: new, ..
                },
            ) => self.type_is(n, *old, *new),
            _ if before == after => {}
            _ => {
                let (before, after) = (format!("{before:?}"), format!("{after:?}"));
                // Tables, segments, tags and types have other numbers, and nothing else differs.
                let numbered = ["_index", "FuncType", "table", "mem", "tag", "Concrete"];
                assert!(
                    numbered.iter().any(|word| before.contains(word)),
                    "{before} became {after}"
                );
                let plain = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
                assert_eq!(plain(&before), plain(&after));
            }
        }
    }

    fn global(&mut self, n: usize, old: u32, new: u32) {
        let value = self.value(n, old);
        let imported = self.imports.global_imports.len();
        // A number that its importer writes to is that importer's alone.
        let known = match value {
            Value::Number(_) => Value::Own(n, old),
            ref other => other.clone(),
        };
        assert_eq!(
            self.globals.entry(new).or_insert_with(|| known.clone()),
            &known,
            "global {old} of {n}"
        );
        let begins = |new: u32| {
            let global = &self.module.globals[new as usize - imported];
            match global
                .init_expr
                .get_operators_reader()
                .read()
                .expect("a value")
            {
                Operator::I32Const { value } => u64::from(value.cast_unsigned()),
                Operator::I64Const { value } => value.cast_unsigned(),
                other => panic!("a global that begins with {other:?}"),
            }
        };
        match &value {
            Value::Number(number) => {
                assert_eq!(begins(new), *number);
                self.note_slot(n, old, *number);
            }
            Value::Stack => {
                let top = self.world.plan.layout.landmarks.stack_pointer;
                assert_eq!(begins(new), top.unwrap_or(0), "the stack");
            }
            Value::Host(module, name) => {
                let position = self.imports.global_imports[new as usize];
                let import = self
                    .imports
                    .imports
                    .get(position as usize)
                    .expect("an import");
                assert_eq!((&**import.module, import.name.text()), (&**module, &**name));
            }
            Value::Own(of, index) => {
                let own = *index as usize - self.object(*of).global_imports.len();
                let before = self.originals[*of].globals[own].clone();
                let after = self.module.globals[new as usize - imported].clone();
                assert_eq!(before.ty.mutable, after.ty.mutable);
                let (of, before, after) = (*of, before.init_expr, after.init_expr);
                let (mut before, mut after) =
                    (before.get_operators_reader(), after.get_operators_reader());
                while !before.eof() {
                    let both = (
                        before.read().expect("a value"),
                        after.read().expect("a value"),
                    );
                    self.operator(of, &both.0, &both.1);
                }
            }
        }
    }

    /// A constant expression of an object, with the plan's numbers.
    fn evaluate(&self, n: usize, expression: &wasmparser::ConstExpr<'_>) -> u64 {
        let mut stack: Vec<u32> = Vec::new();
        let mut reader = expression.get_operators_reader();
        loop {
            match reader.read().expect("an operator") {
                Operator::I32Const { value } => stack.push(value.cast_unsigned()),
                Operator::GlobalGet { global_index } => stack.push(self.number(n, global_index)),
                Operator::I32Add => {
                    let sum = stack
                        .pop()
                        .expect("a number")
                        .wrapping_add(stack.pop().expect("a number"));
                    stack.push(sum);
                }
                Operator::End => return stack.pop().expect("a number").into(),
                other => panic!("{other:?} in an offset"),
            }
        }
    }

    fn number(&self, n: usize, global: u32) -> u32 {
        match self.value(n, global) {
            Value::Number(number) => number as u32,
            Value::Own(of, index) => {
                let own = index as usize - self.object(of).global_imports.len();
                self.evaluate(of, &self.originals[of].globals[own].init_expr) as u32
            }
            other => panic!("{other:?} in an offset"),
        }
    }

    /// Memory before the entry: what segments put there, in the order of instantiation, and relocations that the module does not have.
    fn memory(&self, whole: bool) -> usize {
        let mut expected = Memory::new();
        for &id in &self.world.plan.order {
            let n = self.fresh(id);
            for data in &self.originals[n].data {
                if let wasmparser::DataKind::Active { offset_expr, .. } = &data.kind {
                    put(&mut expected, self.evaluate(n, offset_expr), data.data);
                }
            }
        }
        for &id in &self.world.plan.init {
            let n = self.fresh(id);
            if let Some(index) = self.relocation(n)
                && !self.number_of.contains_key(&(n, index))
            {
                self.relocate(n, index, &mut expected);
            }
        }
        let mut found = Memory::new();
        for data in &self.module.data {
            if let wasmparser::DataKind::Active { offset_expr, .. } = &data.kind {
                match offset_expr
                    .get_operators_reader()
                    .read()
                    .expect("an offset")
                {
                    Operator::I32Const { value } => {
                        put(&mut found, value.cast_unsigned().into(), data.data)
                    }
                    other => panic!("a segment begins at {other:?}"),
                }
            }
        }
        let mut bytes = 0;
        for (object, placed) in self.world.request.fresh.iter().zip(&self.fused.map.objects) {
            let range = placed.memory..placed.memory + placed.memory_size;
            let (expected, found) = (within(&expected, &range), within(&found, &range));
            // Nobody uses the data of this object.
            if !whole && found.is_empty() {
                continue;
            }
            let same = expected == found;
            assert!(same, "data of {} begin otherwise", object.name);
            bytes += found.len();
        }
        bytes
    }

    fn relocation(&self, n: usize) -> Option<u32> {
        let found = &self.world.request.fresh[n];
        let name = lifecycle(found.object.brief(), found.role).relocate?;
        found.object.defined_func(found.object.position(name)?)
    }

    /// Runs a function that only stores.
    fn relocate(&self, n: usize, index: u32, memory: &mut Memory) {
        let own = index as usize - self.object(n).func_imports.len();
        let body = &self.originals[n].bodies[own];
        let (mut stack, mut locals): (Vec<u32>, HashMap<u32, u32>) = Default::default();
        for operator in operators(body) {
            let mut pop = || stack.pop().expect("a number");
            match operator {
                Operator::I32Const { value } => stack.push(value.cast_unsigned()),
                Operator::GlobalGet { global_index } => stack.push(self.number(n, global_index)),
                Operator::LocalGet { local_index } => {
                    stack.push(locals.get(&local_index).copied().unwrap_or(0))
                }
                Operator::LocalSet { local_index } => {
                    locals.insert(local_index, pop());
                }
                Operator::LocalTee { local_index } => {
                    locals.insert(local_index, *stack.last().expect("a number"));
                }
                Operator::I32Add => {
                    let sum = pop().wrapping_add(pop());
                    stack.push(sum);
                }
                Operator::I32Sub => {
                    let (right, left) = (pop(), pop());
                    stack.push(left.wrapping_sub(right));
                }
                Operator::I32Store { memarg } => {
                    let (value, address) = (pop(), pop());
                    put(
                        memory,
                        u64::from(address) + memarg.offset,
                        &value.to_le_bytes(),
                    );
                }
                Operator::End | Operator::Nop => {}
                other => panic!("relocations of object {n} are gone, and do {other:?}"),
            }
        }
    }

    fn table(&mut self, whole: bool) {
        let mut expected: BTreeMap<u64, Target> = BTreeMap::new();
        for &id in &self.world.plan.order {
            let n = self.fresh(id);
            for &(slot, func) in &self.entries[n] {
                expected.insert(slot, self.target(n, func));
            }
        }
        // What calls through stubs alone have a slot for is called directly.
        let filled: Vec<u64> = expected.keys().copied().collect();
        for fill in &self.world.plan.fills {
            expected.insert(fill.slot, self.callee(fill.callee.id()));
        }
        let mut found: BTreeMap<u64, u32> = BTreeMap::new();
        for segment in &self.imports.segments {
            if segment.table == 0 {
                for (func, slot) in segment.funcs.iter().zip(segment.offset.offset..) {
                    found.extend(func.map(|func| (slot, func)));
                }
            }
        }
        for (slot, number) in &found {
            let target = expected.get(slot);
            let target = target
                .unwrap_or_else(|| panic!("slot {slot} is empty in a load"))
                .clone();
            self.is(*number, &target);
        }
        for (slot, target) in std::mem::take(&mut self.slots) {
            let number = found.get(&slot);
            let number =
                *number.unwrap_or_else(|| panic!("code names slot {slot}, which is empty"));
            self.is(number, &target);
        }
        let left_out = filled.iter().filter(|slot| !found.contains_key(slot));
        assert!(
            !whole || left_out.count() == 0,
            "slots of segments are empty"
        );
    }

    /// Start functions, relocations, constructors and `_start`, in the plan's order.
    fn entry(&mut self) {
        let mut steps = Vec::new();
        for &id in &self.world.plan.order {
            let n = self.fresh(id);
            steps.extend(self.originals[n].start.map(|start| self.target(n, start)));
        }
        for &id in &self.world.plan.init {
            let n = self.fresh(id);
            let kept = self
                .relocation(n)
                .filter(|index| self.number_of.contains_key(&(n, *index)));
            steps.extend(kept.map(|index| Target::Own(n, index)));
        }
        let defined = |n: usize, name: &str| {
            let object = self.object(n);
            object
                .defined_func(object.position(name)?)
                .map(|index| Target::Own(n, index))
        };
        for &id in &self.world.plan.init {
            let n = self.fresh(id);
            let found = &self.world.request.fresh[n];
            let construct = lifecycle(found.object.brief(), found.role).construct;
            steps.extend(construct.and_then(|name| defined(n, name)));
        }
        let main = self.world.request.main().map(|id| self.fresh(id));
        steps.extend(main.and_then(|main| defined(main, abi::START)));
        let names = [abi::START, abi::INITIALIZE];
        let mut exports = names.iter().filter_map(|name| self.imports.export(name));
        let entry = exports.next().map(|export| match export.item {
            ExportItem::Func { index, .. } => *index,
            other => panic!("an entry that is {other:?}"),
        });
        let Some(entry) = entry else {
            assert!(steps.is_empty(), "{steps:?} are not called");
            return;
        };
        if let [only] = &steps[..] {
            return self.is(entry, only);
        }
        let body = self.module.bodies[(entry - self.imports.imported_funcs) as usize].clone();
        let called: Vec<u32> = operators(&body)
            .filter_map(|operator| match operator {
                Operator::Call { function_index } => Some(function_index),
                Operator::End => None,
                other => panic!("the entry does {other:?}"),
            })
            .collect();
        assert_eq!(called.len(), steps.len(), "{steps:?}");
        for (number, target) in called.into_iter().zip(&steps) {
            self.is(number, target);
        }
    }
}

/// The operators of a body.
fn operators<'a>(body: &FunctionBody<'a>) -> impl Iterator<Item = Operator<'a>> + use<'a> {
    let mut reader: OperatorsReader<'a> = body.get_operators_reader().expect("operators");
    std::iter::from_fn(move || (!reader.eof()).then(|| reader.read().expect("an operator")))
}
