//! What a module consists of, for people.

use wasmparser::{BinaryReader, ProducersSectionReader};

use super::section::{CUSTOM, Sections};
use crate::error::Result;

/// A custom section takes three bytes of a module, and any number of them may stand in it.
const MAX_PARTS: usize = 10_000;

/// A section, in the module's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As the core specification calls it; the name of a custom section.
    pub name: String,
    pub custom: bool,
    /// Bytes, without what tells its kind and size.
    pub size: usize,
}

/// A module's sections and who made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The first [`MAX_PARTS`].
    pub parts: Vec<Part>,
    /// How many there are beyond these.
    pub more: usize,
    /// Of the `producers` section: field (`language`, `processed-by`), name and version. Whatever the module says.
    pub producers: Vec<(String, String, String)>,
}

/// Walks over the sections of a module that [`super::Object::parse`] accepts.
pub fn outline(bytes: &[u8]) -> Result<Outline> {
    let mut outline = Outline::default();
    for section in Sections::new(bytes) {
        let section = section?;
        if outline.parts.len() == MAX_PARTS {
            outline.more = outline.more.saturating_add(1);
            continue;
        }
        let (mut name, mut size) = (kind(section.id).to_string(), section.contents.len());
        if section.id == CUSTOM {
            let mut reader = BinaryReader::new(section.contents, section.offset);
            name = reader.read_string().map_or("?", |name| name).to_string();
            size = reader.bytes_remaining();
            if name == "producers" {
                outline.producers = producers(reader);
            }
        }
        outline.parts.push(Part {
            name,
            custom: section.id == CUSTOM,
            size,
        });
    }
    Ok(outline)
}

fn kind(id: u8) -> &'static str {
    match id {
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        8 => "start",
        9 => "element",
        10 => "code",
        11 => "data",
        12 => "data count",
        13 => "tag",
        _ => "unknown",
    }
}

/// A courtesy of toolchains: where it is damaged, what could be read counts.
fn producers(reader: BinaryReader<'_>) -> Vec<(String, String, String)> {
    /// A toolchain names itself and a few others.
    const MAX: usize = 64;
    let fields = ProducersSectionReader::new(reader).into_iter().flatten();
    let values = fields.flatten().flat_map(|field| {
        let values = field.values.into_iter().flatten();
        values.map(move |value| {
            let (name, version) = (value.name.to_string(), value.version.to_string());
            (field.name.to_string(), name, version)
        })
    });
    values.take(MAX).collect()
}
