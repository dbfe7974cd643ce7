//! An object's metadata as they are written down: types and modules once each, names as they lie in the bytes.

use crate::hash_map::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::object::{
    Asides, ConstValue, Datum, Dylink, ExportItem, Exports, ExternType, Features, Filled, FuncType,
    GlobalType, Imports, MemoryType, Metering, Object, Segment, TableType,
};

#[derive(Serialize, Deserialize)]
struct Form<'a> {
    #[serde(borrow)]
    dylink: Option<DylinkForm<'a>>,
    types: Types,
    #[serde(borrow)]
    modules: Vec<&'a str>,
    #[serde(borrow)]
    imports: Vec<ImportForm<'a>>,
    #[serde(borrow)]
    exports: Vec<ExportForm<'a>>,
    imported_funcs: u32,
    imported_globals: u32,
    func_imports: Vec<u32>,
    table_imports: Vec<u32>,
    memory_imports: Vec<u32>,
    global_imports: Vec<u32>,
    tag_imports: Vec<u32>,
    segments: Vec<Segment>,
    data: Vec<Filled>,
    memory: Option<MemoryType>,
    table: Option<(u32, TableType)>,
    defined_memories: u32,
    defined_tables: u32,
    start: Option<u32>,
    features: Features,
    module_name: Option<&'a str>,
    bodies: Vec<u32>,
    metered: Metering,
    asides: Asides,
    footprint: u64,
    code_moved: i64,
    code_rewritten: bool,
    fused: bool,
}

#[derive(Serialize, Deserialize)]
struct DylinkForm<'a> {
    legacy: bool,
    memory_size: u64,
    memory_p2align: u32,
    table_size: u64,
    table_p2align: u32,
    #[serde(borrow)]
    needed: Vec<&'a str>,
    #[serde(borrow)]
    runtime_path: Vec<&'a str>,
    soname: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct ImportForm<'a> {
    module: u32,
    name: &'a str,
    ty: ExternForm,
    weak: bool,
}

#[derive(Serialize, Deserialize)]
enum ExternForm {
    Func(u32),
    Global(GlobalType),
    Table(TableType),
    Memory(MemoryType),
    Tag(u32),
}

#[derive(Serialize, Deserialize)]
struct ExportForm<'a> {
    name: &'a str,
    item: ItemForm,
    tls: bool,
    weak: bool,
}

#[derive(Serialize, Deserialize)]
enum ItemForm {
    Func { index: u32, ty: u32 },
    Data { value: ConstValue, ty: GlobalType },
    Global { index: u32, ty: GlobalType },
    Table { index: u32, ty: TableType },
    Memory { index: u32, ty: MemoryType },
    Tag { index: u32, ty: u32 },
}

/// Types by number.
#[derive(Default, Serialize, Deserialize)]
pub struct Types(Vec<FuncType>);

/// Numbers for types, to write with.
#[derive(Default)]
pub struct Numbers<'a> {
    known: HashMap<&'a FuncType, u32>,
    types: Types,
}

impl<'a> Numbers<'a> {
    pub fn of(&mut self, ty: &'a FuncType) -> u32 {
        *self.known.entry(ty).or_insert_with(|| {
            self.types.0.push(ty.clone());
            (self.types.0.len() - 1) as u32
        })
    }

    pub fn types(self) -> Types {
        self.types
    }
}

impl Types {
    pub fn shared(self) -> Vec<Arc<FuncType>> {
        self.0.into_iter().map(Arc::new).collect()
    }
}

/// Writes the metadata of an object.
pub fn encode(object: &Object) -> postcard::Result<Vec<u8>> {
    // All fields by name: none is left out by oversight.
    let Object {
        dylink,
        imports: all_imports,
        exports: all_exports,
        imported_funcs,
        imported_globals,
        func_imports,
        table_imports,
        memory_imports,
        global_imports,
        tag_imports,
        segments,
        data,
        memory,
        table,
        defined_memories,
        defined_tables,
        start,
        features,
        module_name,
        bodies,
        metered,
        asides,
        footprint,
        code_moved,
        code_rewritten,
        fused,
    } = object;
    let mut types = Numbers::default();
    let mut modules: Vec<&str> = Vec::new();
    let mut module = HashMap::new();
    let mut imports = Vec::with_capacity(all_imports.len());
    for import in all_imports {
        let module = *module.entry(import.module.as_ref()).or_insert_with(|| {
            modules.push(import.module);
            (modules.len() - 1) as u32
        });
        imports.push(ImportForm {
            module,
            name: import.name.text(),
            ty: match import.ty {
                ExternType::Func(sig) => ExternForm::Func(types.of(sig)),
                ExternType::Global(ty) => ExternForm::Global(*ty),
                ExternType::Table(ty) => ExternForm::Table(**ty),
                ExternType::Memory(ty) => ExternForm::Memory(**ty),
                ExternType::Tag(sig) => ExternForm::Tag(types.of(sig)),
            },
            weak: import.weak,
        });
    }
    let exports = all_exports.iter().map(|export| ExportForm {
        name: export.name.text(),
        item: match export.item {
            ExportItem::Func { index, sig } => ItemForm::Func {
                index: *index,
                ty: types.of(sig),
            },
            ExportItem::Data(datum) => ItemForm::Data {
                value: datum.value(),
                ty: datum.ty(),
            },
            ExportItem::Global { index, ty } => ItemForm::Global {
                index: *index,
                ty: **ty,
            },
            ExportItem::Table { index, ty } => ItemForm::Table {
                index: *index,
                ty: **ty,
            },
            ExportItem::Memory { index, ty } => ItemForm::Memory {
                index: *index,
                ty: **ty,
            },
            ExportItem::Tag { index, sig } => ItemForm::Tag {
                index: *index,
                ty: types.of(sig),
            },
        },
        tls: export.tls,
        weak: export.weak,
    });
    let exports = exports.collect();
    let form = Form {
        dylink: dylink.as_ref().map(|dylink| DylinkForm {
            legacy: dylink.legacy,
            memory_size: dylink.memory_size,
            memory_p2align: dylink.memory_p2align,
            table_size: dylink.table_size,
            table_p2align: dylink.table_p2align,
            needed: dylink.needed.iter().map(AsRef::as_ref).collect(),
            runtime_path: dylink.runtime_path.iter().map(AsRef::as_ref).collect(),
            soname: dylink.soname.as_deref(),
        }),
        types: types.types(),
        modules,
        imports,
        exports,
        imported_funcs: *imported_funcs,
        imported_globals: *imported_globals,
        func_imports: func_imports.clone(),
        table_imports: table_imports.clone(),
        memory_imports: memory_imports.clone(),
        global_imports: global_imports.clone(),
        tag_imports: tag_imports.clone(),
        segments: segments.clone(),
        data: data.clone(),
        memory: *memory,
        table: *table,
        defined_memories: *defined_memories,
        defined_tables: *defined_tables,
        start: *start,
        features: *features,
        module_name: module_name.as_deref(),
        bodies: bodies.to_vec(),
        metered: *metered,
        asides: asides.clone(),
        footprint: *footprint as u64,
        code_moved: *code_moved,
        code_rewritten: *code_rewritten,
        fused: *fused,
    };
    postcard::to_allocvec(&form)
}

/// Reads what [`encode`] wrote. `None` for anything else.
pub fn decode(bytes: &[u8]) -> Option<Object> {
    let form: Form<'_> = postcard::from_bytes(bytes).ok()?;
    let types = form.types.shared();
    let ty = |n: u32| types.get(n as usize).cloned();
    let mut imports = Imports::default();
    for module in form.modules {
        imports.add_module(module);
    }
    imports.reserve(form.imports.len(), 0);
    for import in form.imports {
        let ty = match import.ty {
            ExternForm::Func(n) => ExternType::Func(ty(n)?),
            ExternForm::Global(ty) => ExternType::Global(ty),
            ExternForm::Table(ty) => ExternType::Table(ty.into()),
            ExternForm::Memory(ty) => ExternType::Memory(ty.into()),
            ExternForm::Tag(n) => ExternType::Tag(ty(n)?),
        };
        imports.push(import.module, import.name, ty, import.weak)?;
    }
    let mut exports = Exports::default();
    exports.reserve(form.exports.len(), 0);
    for export in form.exports {
        let item = match export.item {
            ItemForm::Func { index, ty: n } => ExportItem::Func { index, sig: ty(n)? },
            ItemForm::Data { value, ty } => ExportItem::Data(Datum::new(value, ty)?),
            ItemForm::Global { index, ty } => ExportItem::Global {
                index,
                ty: ty.into(),
            },
            ItemForm::Table { index, ty } => ExportItem::Table {
                index,
                ty: ty.into(),
            },
            ItemForm::Memory { index, ty } => ExportItem::Memory {
                index,
                ty: ty.into(),
            },
            ItemForm::Tag { index, ty: n } => ExportItem::Tag { index, sig: ty(n)? },
        };
        exports.push(export.name, item).ok()?;
        exports.mark(export.name, export.tls, export.weak);
    }
    let shared = |names: Vec<&str>| names.into_iter().map(Arc::from).collect();
    Some(Object {
        dylink: form.dylink.map(|dylink| Dylink {
            legacy: dylink.legacy,
            memory_size: dylink.memory_size,
            memory_p2align: dylink.memory_p2align,
            table_size: dylink.table_size,
            table_p2align: dylink.table_p2align,
            needed: shared(dylink.needed),
            runtime_path: shared(dylink.runtime_path),
            soname: dylink.soname.map(Arc::from),
        }),
        imports,
        exports,
        imported_funcs: form.imported_funcs,
        imported_globals: form.imported_globals,
        func_imports: form.func_imports,
        table_imports: form.table_imports,
        memory_imports: form.memory_imports,
        global_imports: form.global_imports,
        tag_imports: form.tag_imports,
        segments: form.segments,
        data: form.data,
        memory: form.memory,
        table: form.table,
        defined_memories: form.defined_memories,
        defined_tables: form.defined_tables,
        start: form.start,
        features: form.features,
        module_name: form.module_name.map(Arc::from),
        bodies: form.bodies.into(),
        metered: form.metered,
        asides: form.asides,
        footprint: usize::try_from(form.footprint).ok()?,
        code_moved: form.code_moved,
        code_rewritten: form.code_rewritten,
        fused: form.fused,
    })
}
