//! The entries of the import and of the export section in the forms that nearly all of them have, read without checking their names one by one:
//! there are very many, and all names of a section are checked at once ([`super::name::Names::settle`]). Whatever else an entry is, or whatever is
//! wrong with it, wasmparser's readers say.

use wasmparser::{BinaryReader, Error, ExternalKind, FromReader, Imports, TypeRef};

/// A section's contents, from the next entry on.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    at: usize,
}

/// An import whose names may be anything.
#[derive(Clone, Copy)]
pub(super) struct RawImport<'a> {
    pub module: &'a [u8],
    pub name: &'a [u8],
    pub ty: TypeRef,
}

/// An entry of the import section.
pub(super) enum ImportEntry<'a> {
    One(RawImport<'a>),
    /// One of the compact encodings, which hold many imports.
    Group(Imports<'a>),
}

/// An import in one of the forms that nearly all have. It fits into registers, which a `RawImport` does not.
#[derive(Clone, Copy)]
pub(super) struct PlainImport<'a> {
    pub module: &'a [u8],
    pub name: &'a [u8],
    pub ty: PlainType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainType {
    /// A function, of the type of this index.
    Func(u32),
    /// A global that holds an i32.
    Global { mutable: bool },
}

/// An export whose name may be anything.
#[derive(Clone, Copy)]
pub(super) struct RawExport<'a> {
    pub name: &'a [u8],
    pub kind: ExternalKind,
    pub index: u32,
}

impl<'a> From<wasmparser::Import<'a>> for RawImport<'a> {
    fn from(import: wasmparser::Import<'a>) -> RawImport<'a> {
        RawImport {
            module: import.module.as_bytes(),
            name: import.name.as_bytes(),
            ty: import.ty,
        }
    }
}

impl<'a> Entries<'a> {
    /// `contents` are those of a section, which begin at `offset`. Gives their count as well.
    pub fn new(contents: &'a [u8], offset: usize) -> Result<(u32, Entries<'a>), Error> {
        let mut entries = Entries {
            rest: contents,
            at: offset,
        };
        let count = entries.slowly::<u32>()?;
        Ok((count, entries))
    }

    /// Where the next entry begins, in the module.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next import, if it is of a plain form.
    #[inline(always)]
    pub fn plain_import(&mut self) -> Option<PlainImport<'a>> {
        let (import, rest) = import(self.rest)?;
        self.go_to(rest);
        Some(import)
    }

    /// The next import, of whatever form.
    #[cold]
    pub fn import(&mut self) -> Result<ImportEntry<'a>, Error> {
        Ok(match self.slowly()? {
            Imports::Single(_, import) => ImportEntry::One(import.into()),
            group => ImportEntry::Group(group),
        })
    }

    /// The next export. Nearly all are of functions and globals.
    #[inline(always)]
    pub fn export(&mut self) -> Result<RawExport<'a>, Error> {
        match export(self.rest) {
            Some((export, rest)) => {
                self.go_to(rest);
                Ok(export)
            }
            None => self.other_export(),
        }
    }

    #[cold]
    fn other_export(&mut self) -> Result<RawExport<'a>, Error> {
        let export = self.slowly::<wasmparser::Export<'a>>()?;
        Ok(RawExport {
            name: export.name.as_bytes(),
            kind: export.kind,
            index: export.index,
        })
    }

    /// The next entry, as wasmparser reads it.
    #[cold]
    fn slowly<T: FromReader<'a>>(&mut self) -> Result<T, Error> {
        let mut reader = BinaryReader::new(self.rest, self.at);
        let item = reader.read()?;
        let read = self.rest.len().saturating_sub(reader.bytes_remaining());
        self.go_to(self.rest.get(read..).unwrap_or_default());
        Ok(item)
    }

    /// `rest` is an end of what is left.
    fn go_to(&mut self, rest: &'a [u8]) {
        let read = self.rest.len().saturating_sub(rest.len());
        self.at = self.at.saturating_add(read);
        self.rest = rest;
    }
}

// The binary format's numbers.
const FUNC: u8 = 0;
const GLOBAL: u8 = 3;
const I32: u8 = 0x7f;

/// An import of a function, or of an i32 global.
#[inline(always)]
fn import(rest: &[u8]) -> Option<(PlainImport<'_>, &[u8])> {
    let (module, rest) = name(rest)?;
    let (name, rest) = name(rest)?;
    let (ty, rest) = match *rest {
        [FUNC, ref rest @ ..] => {
            let (index, rest) = number(rest)?;
            (PlainType::Func(index), rest)
        }
        [GLOBAL, I32, mutable @ (0 | 1), ref rest @ ..] => {
            let mutable = mutable == 1;
            (PlainType::Global { mutable }, rest)
        }
        _ => return None,
    };
    Some((PlainImport { module, name, ty }, rest))
}

/// An export of a function or a global.
#[inline(always)]
fn export(rest: &[u8]) -> Option<(RawExport<'_>, &[u8])> {
    let (name, rest) = name(rest)?;
    let (&kind, rest) = rest.split_first()?;
    let kind = match kind {
        FUNC => ExternalKind::Func,
        GLOBAL => ExternalKind::Global,
        _ => return None,
    };
    let (index, rest) = number(rest)?;
    Some((RawExport { name, kind, index }, rest))
}

/// A name of at most 16,383 bytes: a longer one may be too long.
#[inline(always)]
fn name(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *rest {
        [length @ 0..=0x7f, ref rest @ ..] => (usize::from(length), rest),
        [low, high @ 1..=0x7f, ref rest @ ..] => {
            (usize::from(low & 0x7f) | usize::from(high) << 7, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A number of at most 28 bits.
#[inline(always)]
fn number(rest: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0;
    for (shift, &byte) in [0, 7, 14, 21].into_iter().zip(rest) {
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let (_, rest) = rest.split_at_checked(shift / 7 + 1)?;
            return Some((number, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::Encode;
    use wasmparser::{GlobalType, ValType};

    /// What both readers say of an entry, and how much they read.
    fn both(bytes: &[u8]) {
        let mut reader = BinaryReader::new(bytes, 0);
        let slow = reader.read::<Imports<'_>>();
        if let Some((quick, rest)) = import(bytes) {
            let Ok(Imports::Single(0, slow)) = slow else {
                // Whether names are text is asked later.
                assert!(slow.unwrap_err().message().contains("UTF-8"), "{bytes:x?}");
                return;
            };
            assert_eq!(quick.module, slow.module.as_bytes());
            let ty = match quick.ty {
                PlainType::Func(index) => TypeRef::Func(index),
                PlainType::Global { mutable } => TypeRef::Global(GlobalType {
                    content_type: ValType::I32,
                    mutable,
                    shared: false,
                }),
            };
            assert_eq!((quick.name, ty), (slow.name.as_bytes(), slow.ty));
            assert_eq!(rest.len(), reader.bytes_remaining(), "{bytes:x?}");
        }
        let mut reader = BinaryReader::new(bytes, 0);
        let slow = reader.read::<wasmparser::Export<'_>>();
        if let Some((quick, rest)) = export(bytes) {
            let slow = match slow {
                Ok(slow) => slow,
                Err(error) => {
                    assert!(error.message().contains("UTF-8"), "{bytes:x?}");
                    return;
                }
            };
            assert_eq!((quick.name, quick.kind), (slow.name.as_bytes(), slow.kind));
            assert_eq!(quick.index, slow.index);
            assert_eq!(rest.len(), reader.bytes_remaining(), "{bytes:x?}");
        }
    }

    #[test]
    fn the_quick_way_reads_what_wasmparser_reads() {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for length in [0, 1, 3, 127, 128, 129, 300, 16_383, 16_384] {
            let text = "n".repeat(length);
            for end in [
                &[0, 5][..],
                &[0, 0x85, 1],
                &[0, 0xff, 0xff, 0xff, 0x7f],
                &[0, 0xff, 0xff, 0xff, 0xff, 0xf],
                &[0, 0x80, 0],
                &[3, 0x7f, 0],
                &[3, 0x7f, 1],
                &[3, 0x7f, 2],
                &[3, 0x7e, 1],
                &[3, 7],
                &[1, 0x70, 0, 1],
                &[2, 0, 1],
                &[4, 0, 0],
                &[0x20, 1],
                &[0x7e, 0],
                &[0],
                &[],
            ] {
                let mut import = Vec::new();
                "env".encode(&mut import);
                text.as_str().encode(&mut import);
                let mut export = import.split_off(4);
                for bytes in [&mut import, &mut export] {
                    bytes.extend(end);
                }
                let import = [&b"\x03env"[..], &export].concat();
                all.extend([import, export]);
            }
        }
        for bytes in &all {
            both(bytes);
            both(&bytes[..bytes.len() / 2]);
            let mut damaged = bytes.clone();
            for at in 0..bytes.len().min(8) {
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let was = std::mem::replace(&mut damaged[at], byte);
                    both(&damaged);
                    damaged[at] = was;
                }
            }
        }
        assert!(all.iter().any(|bytes| import(bytes).is_some()));
        assert!(all.iter().any(|bytes| export(bytes).is_some()));
    }
}
