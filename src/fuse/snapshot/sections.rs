//! The sections of a module, to be changed and put together again. Indices stay: what is new comes last.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wasm_encoder::{Encode, Module, Section, SectionId};
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

/// A section's number and length.
const MAX_HEAD: usize = 6;

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
        let length = content.original_position();
        encoded.drain(..length);
        self.contents.insert(section.id(), encoded.into());
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

    /// Puts content, as it is in a module, in the place of a section's.
    pub fn set(&mut self, id: SectionId, content: Vec<u8>) {
        self.contents.insert(id.into(), content.into());
    }

    pub fn module(&self) -> Vec<u8> {
        let own = ORDER.map(u8::from).into_iter();
        let own = own.filter_map(|id| Some((id, &**self.contents.get(&id)?)));
        let customs = self
            .customs
            .iter()
            .map(|&data| (SectionId::Custom.into(), data));
        let sections: Vec<(u8, &[u8])> = own.chain(customs).collect();
        // It may be large, and would have twice the room if it grew.
        let sizes = sections.iter().map(|(_, data)| data.len() + MAX_HEAD);
        let mut module = Vec::with_capacity(sizes.sum::<usize>() + Module::HEADER.len());
        module.extend_from_slice(&Module::HEADER);
        for (id, data) in sections {
            module.push(id);
            data.encode(&mut module);
        }
        module
    }
}
