//! Objects put together by hand, for tests that need many or strange ones.

use std::collections::HashMap;
use std::sync::Arc;

use crate::abi;
use crate::object::*;

pub const I32: GlobalType = GlobalType {
    content: ValType::I32,
    mutable: false,
};
const GOT_ENTRY: GlobalType = GlobalType {
    content: ValType::I32,
    mutable: true,
};
pub const FUNCREF: ValType = ValType::Ref {
    nullable: true,
    heap: HeapType::Func,
};

/// A function type, different for each number of parameters.
pub fn sig(params: usize) -> Arc<FuncType> {
    Arc::new(FuncType {
        params: vec![ValType::I32; params],
        results: Vec::new(),
    })
}

/// A library in the making. Imports come before definitions, as in a module.
pub struct Draft {
    object: Object,
    /// Numbers of the modules' names.
    modules: HashMap<String, u32>,
    next_func: u32,
}

/// The memory and the table that objects share, without bounds.
pub fn shared_types() -> (MemoryType, TableType) {
    let memory = MemoryType {
        limits: Limits { min: 0, max: None },
        shared: false,
        memory64: false,
        page_log2: None,
    };
    let table = TableType {
        element: FUNCREF,
        limits: Limits { min: 0, max: None },
        table64: false,
    };
    (memory, table)
}

impl Draft {
    /// Imports memory, table and stack pointer as every library does.
    pub fn library() -> Draft {
        let mut draft = Draft::bare();
        let (memory, table) = shared_types();
        draft.import(abi::ENV, abi::MEMORY, ExternType::Memory(memory.into()));
        draft.import(
            abi::ENV,
            abi::INDIRECT_FUNCTION_TABLE,
            ExternType::Table(table.into()),
        );
        draft.import(abi::ENV, abi::STACK_POINTER, ExternType::Global(GOT_ENTRY));
        draft.import(abi::ENV, abi::MEMORY_BASE, ExternType::Global(I32));
        draft.import(abi::ENV, abi::TABLE_BASE, ExternType::Global(I32));
        draft
    }

    pub fn bare() -> Draft {
        let object = Object {
            dylink: Some(Dylink::default()),
            ..Object::default()
        };
        Draft {
            object,
            modules: HashMap::new(),
            next_func: 0,
        }
    }

    /// Definitions for an object whose imports are complete.
    pub fn go_on(object: Object) -> Draft {
        let next_func = object.imported_funcs;
        Draft {
            object,
            modules: HashMap::new(),
            next_func,
        }
    }

    pub fn dylink(&mut self) -> &mut Dylink {
        self.object.dylink.get_or_insert_default()
    }

    pub fn needs(&mut self, name: &str) {
        self.dylink().needed.push(name.into());
    }

    pub fn import(&mut self, module: &str, name: &str, ty: ExternType) {
        let position = self.object.imports.len() as u32;
        match &ty {
            ExternType::Func(_) => {
                assert_eq!(
                    self.next_func, self.object.imported_funcs,
                    "imports come first"
                );
                self.object.func_imports.push(position);
                self.object.imported_funcs += 1;
                self.next_func += 1;
            }
            ExternType::Global(_) => {
                self.object.global_imports.push(position);
                self.object.imported_globals += 1;
            }
            ExternType::Tag(_) => self.object.tag_imports.push(position),
            ExternType::Table(_) => self.object.table_imports.push(position),
            ExternType::Memory(_) => self.object.memory_imports.push(position),
        }
        let number = *self
            .modules
            .entry(module.to_string())
            .or_insert_with(|| self.object.imports.add_module(module));
        self.object.imports.push(number, name, ty, false).unwrap();
    }

    /// Gives the index of the function.
    pub fn import_func(&mut self, name: &str, sig: Arc<FuncType>) -> u32 {
        self.import(abi::ENV, name, ExternType::Func(sig));
        self.next_func - 1
    }

    pub fn imported_type(&self, index: u32) -> Arc<FuncType> {
        let position = self.object.func_imports[index as usize];
        match self.object.imports.get(position as usize).unwrap().ty {
            ExternType::Func(sig) => sig.clone(),
            _ => unreachable!("not a function"),
        }
    }

    pub fn got_func(&mut self, name: &str) {
        self.import(abi::GOT_FUNC, name, ExternType::Global(GOT_ENTRY));
    }

    pub fn got_mem(&mut self, name: &str) {
        self.import(abi::GOT_MEM, name, ExternType::Global(GOT_ENTRY));
    }

    /// Makes the import added last a weak one.
    pub fn weak(&mut self) {
        let last = self.object.imports.iter().next_back().unwrap();
        let last = (last.module.to_string(), last.name.to_string());
        self.object
            .imports
            .mark_weak(|module, name| (module, name) == (last.0.as_str(), last.1.as_str()));
    }

    /// A function of the object's own.
    pub fn func(&mut self, name: &str, sig: Arc<FuncType>) -> u32 {
        let index = self.next_func;
        self.next_func += 1;
        self.export(name, ExportItem::Func { index, sig });
        index
    }

    pub fn data(&mut self, name: &str, offset: u64) {
        let value = ConstValue {
            base: Base::None,
            offset,
        };
        self.export(name, ExportItem::Data(Datum::new(value, I32).unwrap()));
    }

    pub fn export(&mut self, name: &str, item: ExportItem) {
        self.object.exports.push(name, item).unwrap();
    }

    /// The table slots that the object fills by itself.
    pub fn segment(&mut self, funcs: Vec<Option<u32>>) {
        self.dylink().table_size = funcs.len() as u64;
        self.segment_at(Base::Table, 0, funcs);
    }

    pub fn segment_at(&mut self, base: Base, offset: u64, funcs: Vec<Option<u32>>) {
        self.object.segments.push(Segment {
            table: 0,
            offset: ConstValue { base, offset },
            funcs,
        });
    }

    /// An active data segment of the first memory.
    pub fn fills(&mut self, base: Option<Base>, start: u64, len: u64) {
        self.object.data.push(Filled {
            memory: 0,
            base,
            start,
            end: start + len,
        });
    }

    pub fn done(self) -> Object {
        self.object
    }
}
