//! The sections of a module, to be changed and put together again. Indices stay: what is new comes last.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wasm_encoder::{Encode, Section, SectionId};
use wasmparser::{BinaryReader, Parser, Payload};

use crate::error::Result;
use crate::fuse::module::reader;
use crate::fuse::targets::{lost, number};

/// The order in which a module has them.
const ORDER: [SectionId; 13] = [
    SectionId::Type,
    SectionId::Import,
    SectionId::Function,
    SectionId::Table,
    SectionId::Memory,
    SectionId::Tag,
    SectionId::Global,
    SectionId::Export,
    SectionId::Start,
    SectionId::Element,
    SectionId::DataCount,
    SectionId::Code,
    SectionId::Data,
];

#[derive(Clone)]
pub(super) struct Sections<'a> {
    contents: BTreeMap<u8, Cow<'a, [u8]>>,
    customs: Vec<&'a [u8]>,
}

impl<'a> Sections<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Sections<'a>> {
        let mut sections = Sections {
            contents: BTreeMap::new(),
            customs: Vec::new(),
        };
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(reader)?;
            let custom = matches!(payload, Payload::CustomSection(_));
            let Some((id, range)) = payload.as_section() else {
                continue;
            };
            let content = bytes.get(range).ok_or_else(|| lost("a section"))?;
            match custom {
                true => sections.customs.push(content),
                false => {
                    sections.contents.insert(id, content.into());
                }
            }
        }
        Ok(sections)
    }

    /// Puts a section of the encoder's in the place of another one.
    pub fn replace(&mut self, section: &impl Section) -> Result<()> {
        let mut encoded = Vec::new();
        section.encode(&mut encoded);
        // The encoder writes the length, too.
        let mut content = BinaryReader::new(&encoded, 0);
        content.read_var_u32().map_err(reader)?;
        let content = encoded.get(content.original_position()..);
        let content = content.ok_or_else(|| lost("a section"))?;
        self.contents.insert(section.id(), content.to_vec().into());
        Ok(())
    }

    pub fn remove(&mut self, id: SectionId) {
        self.contents.remove(&u8::from(id));
    }

    /// Adds items, encoded one behind the other, to a section that is a list.
    pub fn append(&mut self, id: SectionId, count: usize, items: &[u8]) -> Result<()> {
        let old = self
            .contents
            .get(&u8::from(id))
            .map_or(&[0][..], |old| &**old);
        let mut old = BinaryReader::new(old, 0);
        let there = old.read_var_u32().map_err(reader)?;
        let mut content = Vec::new();
        let count = there.checked_add(number(count)?);
        count.ok_or_else(|| lost("a number"))?.encode(&mut content);
        let left = old.bytes_remaining();
        content.extend_from_slice(old.read_bytes(left).map_err(reader)?);
        content.extend_from_slice(items);
        self.contents.insert(id.into(), content.into());
        Ok(())
    }

    pub fn module(&self) -> Vec<u8> {
        let mut module = wasm_encoder::Module::new();
        for id in ORDER.map(u8::from) {
            if let Some(data) = self.contents.get(&id) {
                module.section(&wasm_encoder::RawSection { id, data });
            }
        }
        let id = SectionId::Custom.into();
        for &data in &self.customs {
            module.section(&wasm_encoder::RawSection { id, data });
        }
        module.finish()
    }
}
