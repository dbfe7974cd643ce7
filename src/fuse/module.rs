//! The sections of one module, as far as they go into another.

use wasmparser::{
    Data, Element, FunctionBody, Global, KnownCustom, Name, Parser, Payload, RecGroup, Table,
    TagType, TypeRef, Validator, WasmFeatures,
};

use super::dwarf::Sections;
use crate::error::{Code, Error, Result};

/// A module's own definitions, in the order of its index spaces.
#[derive(Default)]
pub(super) struct Module<'a> {
    pub types: Vec<RecGroup>,
    /// The type of each function, the imported ones first.
    pub func_types: Vec<u32>,
    /// The types of imported tags, then of its own.
    pub tag_types: Vec<u32>,
    pub tables: Vec<Table<'a>>,
    pub globals: Vec<Global<'a>>,
    pub elements: Vec<Element<'a>>,
    pub data: Vec<Data<'a>>,
    pub bodies: Vec<FunctionBody<'a>>,
    pub start: Option<u32>,
    /// What functions are called, by index.
    pub names: Vec<(u32, &'a str)>,
    /// Where the content of the code section begins.
    pub code: usize,
    /// Debug information, if it has any.
    pub debug: Option<Sections<&'a [u8]>>,
}

impl<'a> Module<'a> {
    /// Reads a module, which has to be valid: indices are not checked again.
    pub fn read(bytes: &'a [u8]) -> Result<Module<'a>> {
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(bytes)
            .map_err(reader)?;
        let mut module = Module::default();
        for payload in Parser::new(0).parse_all(bytes) {
            module.section(payload.map_err(reader)?).map_err(reader)?;
        }
        Ok(module)
    }

    fn section(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(section) => self.types = all(section)?,
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.func_types.push(ty),
                        TypeRef::Tag(TagType { func_type_idx, .. }) => {
                            self.tag_types.push(func_type_idx)
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.func_types.push(ty?);
                }
            }
            Payload::TableSection(section) => self.tables = all(section)?,
            Payload::TagSection(section) => {
                for tag in section {
                    self.tag_types.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(section) => self.globals = all(section)?,
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => self.elements = all(section)?,
            Payload::DataSection(section) => self.data = all(section)?,
            Payload::CodeSectionStart { range, .. } => self.code = range.start,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(names) => self.read_names(names),
                _ => {
                    if let Some(name) = section.name().strip_prefix(".debug_") {
                        let sections = self.debug.get_or_insert_default();
                        if let Some(place) = sections.named(name) {
                            *place = section.data();
                        }
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Names are for people, and what is damaged of them is left out.
    fn read_names(&mut self, names: wasmparser::NameSectionReader<'a>) {
        for name in names {
            let Ok(Name::Function(functions)) = name else {
                continue;
            };
            let functions = functions.into_iter().map_while(wasmparser::Result::ok);
            self.names
                .extend(functions.map(|naming| (naming.index, naming.name)));
        }
    }
}

/// The items of a section. No more are taken than its bytes hold, whatever it claims.
fn all<'a, T>(section: wasmparser::SectionLimited<'a, T>) -> wasmparser::Result<Vec<T>>
where
    T: wasmparser::FromReader<'a>,
{
    section.into_iter().collect()
}

pub(super) fn reader(error: wasmparser::Error) -> Error {
    let (offset, message) = (error.offset(), error.message());
    Error::new(
        Code::Malformed,
        format!("malformed module: {message} at offset {offset:#x}"),
    )
}
