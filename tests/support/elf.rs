//! What a program or shared library says of itself in its dynamic section.

use std::path::Path;

use object::elf::{DT_NEEDED, DT_SONAME, FileHeader64};
use object::read::elf::{Dyn, ElfFile, FileHeader};
use object::{Endianness, Object, ObjectSymbol};

pub struct Elf {
    pub soname: Option<String>,
    pub needed: Vec<String>,
    /// Sorted.
    pub exports: Vec<String>,
}

pub fn read(path: &Path) -> Elf {
    let data = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(&data).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn parse(data: &[u8]) -> object::Result<Elf> {
    let file = ElfFile::<FileHeader64<Endianness>>::parse(data)?;
    let endian = file.endian();
    let sections = file.elf_header().sections(endian, data)?;
    let mut elf = Elf {
        soname: None,
        needed: Vec::new(),
        exports: Vec::new(),
    };
    if let Some((entries, section)) = sections.dynamic(endian, data)? {
        let strings = sections.strings(endian, data, section)?;
        let text = |entry: &_| -> object::Result<String> {
            let text = Dyn::string(entry, endian, strings)?;
            Ok(String::from_utf8_lossy(text).into_owned())
        };
        for entry in entries {
            match entry.tag(endian) {
                DT_SONAME => elf.soname = Some(text(entry)?),
                DT_NEEDED => elf.needed.push(text(entry)?),
                _ => {}
            }
        }
    }
    for symbol in file.dynamic_symbols().filter(|s| s.is_definition()) {
        elf.exports.push(symbol.name()?.to_string());
    }
    elf.exports.sort();
    Ok(elf)
}
