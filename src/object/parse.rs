//! One pass over a module's sections that fills an [`Object`]. Code and the contents of data are passed over.
//!
//! What reads a section stays a function of its own. JavaScript's engines compile a function as a whole when it is called first, and anew when a loop in it has
//! run for long: that takes ten times as long for a reader of all sections as for one of exports.

use std::ops::Range;
use std::sync::Arc;

use crate::hash_map::HashMap;
use wasmparser::{
    BinaryReader, Chunk, CustomSectionReader, ExportSectionReader, ExternalKind, FromReader,
    ImportSectionReader, Name, NameSectionReader, Parser, Payload, SectionLimited, TypeRef,
};

use super::budget::{self, Budget};
use super::constant::Global;
use super::dylink::{self, Notes};
use super::entries::{Entries, ImportEntry, PlainImport, PlainType, RawImport};
use super::name::NotText;
use super::soname;
use super::spaces::IndexSpaces;
use super::{
    Base, ConstValue, Datum, ExportItem, ExternType, Features, GlobalType, HeapType, Import,
    Object, ParseLimits, Unfit, ValType, convert, data, elements, fault, features,
};
use crate::abi;
use crate::error::{Context, Error, Result};

/// Reads a module whose header has been checked.
pub(super) fn parse(bytes: &[u8], limits: &ParseLimits) -> Result<Object> {
    let (mut object, claimed) = read(bytes, limits)?;
    object.features = object.features.union(claimed);
    Ok(object)
}

/// As [`parse`], with what the module's own declarations use in the object, and apart from it what
/// the toolchain only claims that it uses.
pub(super) fn read(bytes: &[u8], limits: &ParseLimits) -> Result<(Object, Features)> {
    let mut builder = Builder::new(bytes, limits);
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    loop {
        let at = usize::try_from(parser.offset()).unwrap_or(usize::MAX);
        let truncated = || fault::malformed(at, "a section runs past the end");
        let payload = match parser.parse(rest, true).map_err(fault::reader)? {
            Chunk::Parsed { consumed, payload } => {
                rest = rest.get(consumed..).ok_or_else(truncated)?;
                payload
            }
            Chunk::NeedMoreData(_) => return Err(truncated()),
        };
        match payload {
            Payload::CodeSectionStart { count, range, size } => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let (code, behind) = rest.split_at_checked(size).ok_or_else(truncated)?;
                let at = range.end.saturating_sub(size);
                // A size and an `end` are the least of a function.
                let room = fault::room(count, code.len(), 2);
                builder.spaces.budget.take(at, room, budget::INDEX)?;
                builder.object.bodies = bodies(code, at, count, room);
                rest = behind;
                parser.skip_section();
            }
            Payload::End(_) => return builder.finish(),
            payload => builder.section(payload)?,
        }
    }
}

/// Module names that are told apart one by one: env, those of the GOT, and WASI.
const FEW_MODULES: usize = 5;

struct Builder<'a, 'l> {
    bytes: &'a [u8],
    limits: &'l ParseLimits,
    object: Object,
    spaces: IndexSpaces,
    claimed: Features,
    notes: Option<Notes<'a>>,
    soname: Option<Arc<str>>,
    /// Offset of a `linking` section, which relocatable object files have.
    linking: Option<usize>,
    /// The module names of imports, by number: nearly always these are all. Those of further ones.
    first_modules: Vec<&'a [u8]>,
    modules: HashMap<&'a [u8], u32>,
    /// Numbers of the types of imports: those of functions by their index among the module's types, and the last one of a global.
    func_types: Vec<Option<u32>>,
    global_type: Option<(GlobalType, u32)>,
}

impl<'a, 'l> Builder<'a, 'l> {
    fn new(bytes: &'a [u8], limits: &'l ParseLimits) -> Self {
        Builder {
            bytes,
            limits,
            object: Object::default(),
            spaces: IndexSpaces::new(Budget::for_module(bytes)),
            claimed: Features::default(),
            notes: None,
            soname: None,
            linking: None,
            modules: HashMap::new(),
            first_modules: Vec::new(),
            func_types: Vec::new(),
            global_type: None,
        }
    }

    #[inline(never)]
    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                let (contents, at) = self.contents(section.range());
                self.spaces
                    .read_types(contents, at, self.limits)
                    .context(|| "reading the type section")
            }
            Payload::ImportSection(section) => self
                .imports(section)
                .context(|| "reading the import section"),
            Payload::FunctionSection(section) => self
                .spaces
                .read_functions(section, self.limits)
                .context(|| "reading the function section"),
            Payload::TableSection(section) => {
                let imported = self.spaces.tables.len();
                let (contents, at) = self.contents(section.range());
                self.spaces
                    .read_tables(contents, at)
                    .context(|| "reading the table section")?;
                self.defined_tables(imported);
                Ok(())
            }
            Payload::MemorySection(section) => {
                let imported = self.spaces.memories.len();
                self.spaces
                    .read_memories(section)
                    .context(|| "reading the memory section")?;
                let defined = self.spaces.memories.get(imported..).unwrap_or_default();
                self.object.defined_memories = index(defined.len());
                self.object.memory = defined.first().copied();
                Ok(())
            }
            Payload::TagSection(section) => self
                .spaces
                .read_tags(section)
                .context(|| "reading the tag section"),
            Payload::GlobalSection(section) => {
                let (contents, at) = self.contents(section.range());
                self.spaces
                    .read_globals(contents, at, self.limits)
                    .context(|| "reading the global section")
            }
            Payload::ExportSection(section) => self
                .exports(section)
                .context(|| "reading the export section"),
            Payload::StartSection { func, range } => {
                self.spaces.func(func, range.start)?;
                self.object.start = Some(func);
                Ok(())
            }
            Payload::ElementSection(section) => {
                let (contents, at) = self.contents(section.range());
                let read = elements::read(contents, at, &mut self.spaces, self.limits);
                self.object.segments = read.context(|| "reading the element section")?;
                Ok(())
            }
            Payload::DataSection(section) => {
                let (contents, at) = self.contents(section.range());
                let read = data::read(contents, at, &self.spaces);
                self.object.data = read.context(|| "reading the data section")?;
                Ok(())
            }
            Payload::CustomSection(section) => self.custom(&section),
            Payload::UnknownSection { id, range, .. } => Err(fault::malformed(
                range.start,
                format_args!("a section of the unknown kind {id}"),
            )),
            // The version, which has been checked, and counts, which the parser checks.
            _ => Ok(()),
        }
    }

    /// The bytes of a section, and where they begin.
    fn contents(&self, range: Range<usize>) -> (&'a [u8], usize) {
        let contents = self.bytes.get(range.clone());
        (contents.unwrap_or_default(), range.start)
    }

    #[inline(never)]
    fn imports(&mut self, section: ImportSectionReader<'a>) -> Result<()> {
        let start = section.range().start;
        let count = usize::try_from(section.count()).unwrap_or(usize::MAX);
        fault::check_count(start, count, "imports", self.limits.imports)?;
        // Two empty names, a kind and an index.
        let room = fault::room(section.count(), section.range().len(), 4);
        self.spaces.budget.take(start, room, budget::IMPORT)?;
        // What is left of the section is names.
        let names = section.range().len().saturating_sub(room.saturating_mul(4));
        self.object.imports.reserve(room, names);
        let contents = self.bytes.get(section.range()).unwrap_or_default();
        let (count, mut entries) = Entries::new(contents, start).map_err(fault::reader)?;
        for _ in 0..count {
            let at = entries.position();
            if let Some(PlainImport { module, name, ty }) = entries.plain_import() {
                let module = self.import_names(at, module, name)?;
                let ty = match ty {
                    PlainType::Func(ty) => self.func_import(at, ty)?,
                    PlainType::Global { mutable } => {
                        let content = ValType::I32;
                        self.global_import(at, (module, name), GlobalType { content, mutable })?
                    }
                };
                self.add_import(at, module, name, ty)?;
                continue;
            }
            match entries.import().map_err(fault::reader)? {
                ImportEntry::One(import) => self.import(at, import)?,
                // The compact encodings: one entry of the section holds many imports.
                ImportEntry::Group(group) => {
                    for item in group {
                        let (at, import) = item.map_err(fault::reader)?;
                        // The module's name stands there once, and is compared for each: as much as if each had its own.
                        let taken = budget::IMPORT.saturating_add(import.module.len());
                        self.spaces.budget.take(at, 1, taken)?;
                        self.import(at, import.into())?;
                    }
                }
            }
        }
        at_end(&entries)?;
        let settled = self.object.imports.settle();
        settled.map_err(|NotText| not_text(section))?;
        self.object.imported_funcs = index(self.object.func_imports.len());
        self.object.imported_globals = index(self.object.global_imports.len());
        Ok(())
    }

    #[inline(never)]
    fn import(&mut self, at: usize, import: RawImport<'a>) -> Result<()> {
        let position = index(self.object.imports.len());
        let module = self.import_names(at, import.module, import.name)?;
        let ty = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.func_import(at, ty)?,
            TypeRef::Global(ty) => {
                let ty = convert::global(ty, at)?;
                self.global_import(at, (module, import.name), ty)?
            }
            TypeRef::Table(ty) => {
                let ty = convert::table(ty, at)?;
                self.spaces.add_table(ty, at)?;
                self.object.table_imports.push(position);
                self.object.imports.add_type(ExternType::Table(ty.into()))
            }
            TypeRef::Memory(ty) => {
                let ty = convert::memory(ty, at)?;
                self.spaces.add_memory(ty, at)?;
                self.object.memory_imports.push(position);
                self.object.imports.add_type(ExternType::Memory(ty.into()))
            }
            TypeRef::Tag(ty) => {
                let sig = self.spaces.add_tag(ty.func_type_idx, at)?.clone();
                self.object.tag_imports.push(position);
                self.object.imports.add_type(ExternType::Tag(sig))
            }
        };
        self.add_import(at, module, import.name, ty)
    }

    /// Checks that there is room for one more import of these names. Gives the number of its module.
    fn import_names(&mut self, at: usize, module: &'a [u8], name: &[u8]) -> Result<u32> {
        let count = self.object.imports.len().saturating_add(1);
        fault::check_count(at, count, "imports", self.limits.imports)?;
        self.check_name(at, module)?;
        self.check_name(at, name)?;
        self.spaces.budget.take(at, 1, name.len())?;
        self.module(at, module)
    }

    /// Notes that the next import is a function of the type of an index. Gives the number of its type.
    fn func_import(&mut self, at: usize, ty: u32) -> Result<u32> {
        let sig = self.spaces.add_func(ty, at)?;
        let position = index(self.object.imports.len());
        self.object.func_imports.push(position);
        // There is a type of this index.
        let ty = usize::try_from(ty).unwrap_or(usize::MAX);
        if self.func_types.len() <= ty {
            self.func_types.resize(ty.saturating_add(1), None);
        }
        let imports = &mut self.object.imports;
        let mut add = || imports.add_type(ExternType::Func(sig.clone()));
        Ok(match self.func_types.get_mut(ty) {
            Some(known) => *known.get_or_insert_with(add),
            None => add(),
        })
    }

    /// Notes that the next import is a global, by the number of its module and its name. Gives the number of its type.
    fn global_import(&mut self, at: usize, from: (u32, &[u8]), ty: GlobalType) -> Result<u32> {
        let count = self.spaces.globals.len().saturating_add(1);
        fault::check_count(at, count, "globals", self.limits.globals)?;
        let (module, name) = from;
        let of_env = self.object.imports.module(module) == Some(abi::ENV);
        let value = base(name, ty).filter(|_| of_env);
        self.spaces.add_global(Global { ty, value });
        let position = index(self.object.imports.len());
        self.object.global_imports.push(position);
        Ok(match self.global_type {
            Some((last, number)) if last == ty => number,
            _ => {
                let number = self.object.imports.add_type(ExternType::Global(ty));
                self.global_type = Some((ty, number));
                number
            }
        })
    }

    fn add_import(&mut self, at: usize, module: u32, name: &[u8], ty: u32) -> Result<()> {
        let imports = &mut self.object.imports;
        let added = imports.push_unchecked(module, name, ty);
        added.ok_or_else(|| fault::over_budget(at))
    }

    /// The number of an import's module.
    fn module(&mut self, at: usize, name: &'a [u8]) -> Result<u32> {
        let mut first = self.first_modules.iter().zip(0..);
        if let Some((_, module)) = first.find(|(known, _)| **known == name) {
            return Ok(module);
        }
        if let Some(&module) = self.modules.get(name) {
            return Ok(module);
        }
        let text = std::str::from_utf8(name).map_err(|_| fault::malformed(at, NOT_TEXT))?;
        let needed = name.len().saturating_add(budget::NOTE);
        self.spaces.budget.take(at, 1, needed)?;
        let module = self.object.imports.add_module(text);
        if self.first_modules.len() < FEW_MODULES {
            self.first_modules.push(name);
        } else {
            self.modules.insert(name, module);
        }
        Ok(module)
    }

    #[inline(never)]
    fn defined_tables(&mut self, imported: usize) {
        let defined = self.spaces.tables.get(imported..).unwrap_or_default();
        self.object.defined_tables = index(defined.len());
        let of_functions = |element: ValType| {
            matches!(
                element,
                ValType::Ref {
                    heap: HeapType::Func,
                    ..
                }
            )
        };
        self.object.table = defined
            .iter()
            .position(|table| of_functions(table.element))
            .and_then(|n| Some((index(imported.saturating_add(n)), *defined.get(n)?)));
    }

    #[inline(never)]
    fn exports(&mut self, section: ExportSectionReader<'a>) -> Result<()> {
        let start = section.range().start;
        let count = usize::try_from(section.count()).unwrap_or(usize::MAX);
        let total = self.object.exports.len().saturating_add(count);
        fault::check_count(start, total, "exports", self.limits.exports)?;
        // An empty name, a kind and an index.
        let room = fault::room(section.count(), section.range().len(), 3);
        self.spaces.budget.take(start, room, budget::EXPORT)?;
        let names = section.range().len().saturating_sub(room.saturating_mul(3));
        self.object.exports.reserve(room, names);
        let contents = self.bytes.get(section.range()).unwrap_or_default();
        let (count, mut entries) = Entries::new(contents, start).map_err(fault::reader)?;
        for _ in 0..count {
            let at = entries.position();
            let export = entries.export().map_err(fault::reader)?;
            self.check_name(at, export.name)?;
            self.spaces.budget.take(at, 1, export.name.len())?;
            let item = self.export_item(at, export.kind, export.index)?;
            let added = self.object.exports.push_unchecked(export.name, item);
            added.map_err(|unfit| match unfit {
                Unfit::Second => second_export(at, export.name),
                Unfit::TooLong => fault::over_budget(at),
            })?;
        }
        at_end(&entries)?;
        let settled = self.object.exports.settle();
        settled.map_err(|NotText| not_text(section))
    }

    #[inline(never)]
    fn export_item(&self, at: usize, kind: ExternalKind, index: u32) -> Result<ExportItem> {
        Ok(match kind {
            ExternalKind::Func | ExternalKind::FuncExact => ExportItem::Func {
                index,
                sig: self.spaces.func(index, at)?.clone(),
            },
            ExternalKind::Table => ExportItem::Table {
                index,
                ty: self.spaces.table(index, at)?.into(),
            },
            ExternalKind::Memory => ExportItem::Memory {
                index,
                ty: self.spaces.memory(index, at)?.into(),
            },
            ExternalKind::Tag => ExportItem::Tag {
                index,
                sig: self.spaces.tag(index, at)?.clone(),
            },
            ExternalKind::Global => {
                let global = self.spaces.global(index, at)?;
                let ty = global.ty;
                // An import exported again is an alias of what it is bound to, even where its value can be computed.
                let own = index >= self.object.imported_globals;
                let value = global.value.filter(|_| own);
                match value.and_then(|value| Datum::new(value, ty)) {
                    Some(datum) => ExportItem::Data(datum),
                    None => ExportItem::Global {
                        index,
                        ty: ty.into(),
                    },
                }
            }
        })
    }

    #[inline(never)]
    fn custom(&mut self, section: &CustomSectionReader<'a>) -> Result<()> {
        let at = section.data_offset();
        match section.name() {
            abi::DYLINK_0 | abi::DYLINK_LEGACY if self.notes.is_some() => {
                return Err(fault::malformed(at, "a second dylink section"));
            }
            abi::DYLINK_0 => {
                self.notes = Some(dylink::read(
                    section.data_reader(),
                    self.limits,
                    &mut self.spaces.budget,
                )?);
            }
            abi::DYLINK_LEGACY => {
                self.notes = Some(dylink::read_legacy(
                    section.data_reader(),
                    self.limits,
                    &mut self.spaces.budget,
                )?);
            }
            abi::SONAME if self.soname.is_some() => {
                return Err(fault::malformed(at, "a second wasmdyld.soname section"));
            }
            abi::SONAME => {
                self.soname = Some(soname::read(
                    section.data_reader(),
                    &mut self.spaces.budget,
                )?);
            }
            "linking" => self.linking = Some(at),
            "target_features" => {
                let stated = features::target_features(section.data_reader());
                self.claimed = self.claimed.union(stated);
            }
            "name" => self.module_name(section),
            _ => {}
        }
        Ok(())
    }

    /// Names help messages only, so that a damaged section is passed over in silence.
    fn module_name(&mut self, section: &CustomSectionReader<'a>) {
        for subsection in NameSectionReader::new(section.data_reader()) {
            match subsection {
                Ok(Name::Module { name, .. })
                    if self.object.module_name.is_none()
                        && self.check_name(0, name.as_bytes()).is_ok() =>
                {
                    self.object.module_name = Some(Arc::from(name));
                }
                // Subsections are in order, and the module's name comes first.
                _ => break,
            }
        }
    }

    #[inline(never)]
    fn finish(mut self) -> Result<(Object, Features)> {
        if let (Some(at), None) = (self.linking, &self.notes) {
            // A linked program that was made with --emit-relocs has the section as well.
            if self.object.exports.is_empty()
                || self
                    .object
                    .imports
                    .iter()
                    .any(|import| is_object_memory(&import))
            {
                return Err(fault::unsupported(
                    at,
                    "a wasm object file, not yet linked (link it into a library with -shared)",
                ));
            }
        }
        if let Some(mut notes) = self.notes.take() {
            notes.dylink.soname = self.soname.take();
            notes.apply(&mut self.object);
        }
        self.object.imports.shrink_to_fit();
        self.object.exports.shrink_to_fit();
        self.object.features = self.spaces.used;
        self.object.footprint = self.spaces.budget.used();
        Ok((self.object, self.claimed))
    }

    fn check_name(&self, at: usize, name: &[u8]) -> Result<()> {
        fault::check_count(at, name.len(), "bytes in a name", self.limits.name)
    }
}

/// Where functions begin, behind their sizes. What is damaged there is the engine's to refuse.
#[inline(never)]
fn bodies(code: &[u8], at: usize, count: u32, room: usize) -> Arc<[u32]> {
    let mut reader = BinaryReader::new(code, at);
    let mut bodies = Vec::with_capacity(room);
    for _ in 0..count {
        let Ok(size) = reader.read_var_u32() else {
            break;
        };
        bodies.push(index(reader.original_position()));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if reader.read_bytes(size).is_err() {
            break;
        }
    }
    bodies.into()
}

const NOT_TEXT: &str = "malformed UTF-8 encoding";

/// A section holds as many entries as it says.
fn at_end(entries: &Entries<'_>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let what = "section size mismatch: unexpected data at the end of the section";
    Err(fault::malformed(entries.position(), what))
}

/// Which of a section's names is not UTF-8: its reader, which looks at each, finds it again.
#[cold]
fn not_text<'a, T: FromReader<'a>>(section: SectionLimited<'a, T>) -> Error {
    let at = section.range().start;
    let wrong = section.into_iter().find_map(|item| item.err());
    wrong.map_or_else(|| fault::malformed(at, NOT_TEXT), fault::reader)
}

#[cold]
fn second_export(at: usize, name: &[u8]) -> Error {
    let name = String::from_utf8_lossy(name);
    fault::malformed(
        at,
        format_args!("a second export named {}", fault::quote(&name)),
    )
}

/// LLVM gives every object file this import in the place of a memory, and the linker takes it away.
fn is_object_memory(import: &Import<'_>) -> bool {
    matches!(import.ty, ExternType::Memory(_)) && import.name.text() == "__linear_memory"
}

/// The value of a global that is imported from env for constant expressions: the object's own base, if it is one.
fn base(name: &[u8], ty: GlobalType) -> Option<ConstValue> {
    if ty.mutable {
        return None;
    }
    let base = match std::str::from_utf8(name).ok()? {
        abi::MEMORY_BASE => Base::Memory,
        abi::TABLE_BASE | abi::TABLE_BASE_32 => Base::Table,
        _ => return None,
    };
    Some(ConstValue { base, offset: 0 })
}

/// A position as an index. Every list is limited to 32 bits, by [`ParseLimits`] or by the format.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
