//! A walk over a module's sections that knows where each begins and ends, for rewriting.

use wasmparser::BinaryReader;

use super::fault;
use crate::error::Result;

/// Bytes of magic number and version before the first section.
pub(super) const HEADER: usize = 8;

// Section identifiers of the binary format, as far as rewriting meets them.
pub(super) const CUSTOM: u8 = 0;
pub(super) const TYPE: u8 = 1;
pub(super) const IMPORT: u8 = 2;
pub(super) const FUNCTION: u8 = 3;
pub(super) const TABLE: u8 = 4;
pub(super) const MEMORY: u8 = 5;
pub(super) const GLOBAL: u8 = 6;
pub(super) const EXPORT: u8 = 7;
pub(super) const START: u8 = 8;
pub(super) const ELEMENT: u8 = 9;
pub(super) const CODE: u8 = 10;
pub(super) const DATA: u8 = 11;
pub(super) const DATA_COUNT: u8 = 12;
#[cfg(any(test, target_family = "wasm"))]
pub(super) const TAG: u8 = 13;

pub(super) struct Section<'a> {
    pub id: u8,
    /// Identifier, size and contents, exactly as they stand in the module.
    pub whole: &'a [u8],
    pub contents: &'a [u8],
    /// Where `contents` begins in the module.
    pub offset: usize,
}

impl<'a> Section<'a> {
    /// Reads the contents; positions are those in the module.
    pub fn reader(&self) -> BinaryReader<'a> {
        BinaryReader::new(self.contents, self.offset)
    }
}

/// Iterates over the sections; ends after the first error.
pub(super) struct Sections<'a> {
    reader: BinaryReader<'a>,
    bytes: &'a [u8],
}

impl<'a> Sections<'a> {
    /// `bytes` is a whole module whose header has been checked.
    pub fn new(bytes: &'a [u8]) -> Self {
        let body = bytes.get(HEADER..).unwrap_or_default();
        Sections {
            reader: BinaryReader::new(body, HEADER),
            bytes,
        }
    }

    fn read(&mut self) -> Result<Section<'a>> {
        let start = self.reader.original_position();
        let id = self.reader.read_u8().map_err(fault::reader)?;
        let contents = self.reader.read_reader().map_err(fault::reader)?.range();
        let missing = || fault::malformed(start, "a section runs past the end");
        Ok(Section {
            id,
            whole: self.bytes.get(start..contents.end).ok_or_else(missing)?,
            offset: contents.start,
            contents: self.bytes.get(contents).ok_or_else(missing)?,
        })
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.eof() {
            return None;
        }
        let section = self.read();
        if section.is_err() {
            self.reader = BinaryReader::new(&[], self.bytes.len());
        }
        Some(section)
    }
}
