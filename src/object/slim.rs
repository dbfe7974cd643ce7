//! A module with few exports. JavaScript's engines make an object for each function that an instance exports, which takes most of the time that an instance
//! takes, and of what libraries export others use little. Here the functions stand in a table of the module's own, from which an object is made when it is
//! asked for. All sections of code stay where they were, so that places in traces are those of the file.

use wasm_encoder::Encode;
use wasmparser::{ExternalKind, TypeRef};

use super::entries::{Entries, ImportEntry};
use super::section::{
    CODE, CUSTOM, DATA_COUNT, ELEMENT, EXPORT, GLOBAL, HEADER, IMPORT, MEMORY, Section, Sections,
    TABLE, TAG,
};
use crate::abi;

/// What the table is exported as. Each export has its own place in it; in that of others than functions is some function. `bindings/js` knows the name.
const NAME: &str = "\0functions";
/// With fewer exports it is not worth it.
const FEW: u32 = 32;
const FUNCREF: u8 = 0x70;
const EXPORTED_TABLE: u8 = 1;
/// A section's identifier, and its size in as many bytes as it may have.
const HEAD: usize = 6;

/// The module, in as many bytes. `None` where it is not worth it, or something in it is not known here: the engine gets it as it is. Code that names a table
/// behind the last one is not valid, and here reaches this one: such a module may put into it what its exports do not say.
pub fn slim(bytes: &[u8]) -> Option<Vec<u8>> {
    let sections: Vec<_> = Sections::new(bytes).collect::<Result<_, _>>().ok()?;
    let mut known = 0u32;
    for section in &sections {
        if section.id == CUSTOM {
            // JavaScript is asked what a module of several objects exports.
            if section
                .reader()
                .read_string()
                .is_ok_and(|name| name == abi::OBJECTS)
            {
                return None;
            }
            continue;
        }
        let bit = 1u32.checked_shl(section.id.into())?;
        // What is there twice is the engine's to refuse.
        if section.id > TAG || known & bit != 0 {
            return None;
        }
        known |= bit;
    }
    let first = |ids: &[u8]| sections.iter().find(|section| ids.contains(&section.id));
    let (exports, code) = (first(&[EXPORT])?, first(&[CODE])?);
    let divided = Divided::of(bytes, exports)?;
    let (tables, elements) = (first(&[TABLE]), first(&[ELEMENT]));
    let own = match tables {
        Some(section) => section.reader().read_var_u32().ok()?,
        None => 0,
    };
    let table = imported_tables(first(&[IMPORT]))?.checked_add(own)?;
    let tables_at = tables
        .or_else(|| first(&[MEMORY, TAG, GLOBAL, EXPORT]))?
        .offset;
    let elements_at = elements.or_else(|| first(&[DATA_COUNT, CODE]))?.offset;

    let mut made = Vec::with_capacity(bytes.len());
    made.extend_from_slice(bytes.get(..HEADER)?);
    for section in &sections {
        if section.offset == tables_at {
            let mut one = vec![FUNCREF, 1];
            divided.count.encode(&mut one);
            divided.count.encode(&mut one);
            write(&mut made, TABLE, &with(tables, &one)?)?;
        }
        if section.offset == elements_at {
            // Functions, of this table, from its beginning on.
            let mut one = vec![2];
            table.encode(&mut one);
            one.extend([0x41, 0, 0x0b, 0]);
            divided.count.encode(&mut one);
            one.extend_from_slice(&divided.functions);
            write(&mut made, ELEMENT, &with(elements, &one)?)?;
        }
        if section.offset == code.offset {
            // A section without a meaning takes the place of what is gone.
            let start = code
                .offset
                .checked_sub(code.whole.len() - code.contents.len())?;
            let room = start.checked_sub(made.len())?.checked_sub(HEAD)?;
            if room == 0 {
                return None;
            }
            write(&mut made, CUSTOM, &vec![0; room])?;
        }
        match section.id {
            EXPORT => {
                let mut less = Vec::new();
                divided.others.checked_add(1)?.encode(&mut less);
                less.extend_from_slice(&divided.rest);
                NAME.encode(&mut less);
                less.push(EXPORTED_TABLE);
                table.encode(&mut less);
                write(&mut made, EXPORT, &less)?;
            }
            TABLE | ELEMENT => {}
            _ => made.extend_from_slice(section.whole),
        }
    }
    (made.len() == bytes.len()).then_some(made)
}

/// What a module exports.
struct Divided {
    count: u32,
    /// The functions' numbers, as the format has them, and the first one's in the place of all that is none.
    functions: Vec<u8>,
    others: u32,
    /// What is exported besides, as it stands in the module.
    rest: Vec<u8>,
}

impl Divided {
    #[inline(never)]
    fn of(bytes: &[u8], exports: &Section<'_>) -> Option<Divided> {
        let (count, mut entries) = Entries::new(exports.contents, exports.offset).ok()?;
        // Each takes three bytes or more.
        if count < FEW || count as usize > exports.contents.len() {
            return None;
        }
        let mut functions = Vec::with_capacity(exports.contents.len());
        let (mut others, mut rest) = (0, Vec::new());
        for _ in 0..count {
            let start = entries.position();
            let export = entries.export().ok()?;
            if export.kind == ExternalKind::Func {
                export.index.encode(&mut functions);
            } else {
                functions.push(0);
                others += 1;
                rest.extend_from_slice(bytes.get(start..entries.position())?);
            }
        }
        (entries.is_empty() && others < count).then_some(Divided {
            count,
            functions,
            others,
            rest,
        })
    }
}

#[inline(never)]
fn imported_tables(imports: Option<&Section<'_>>) -> Option<u32> {
    let Some(imports) = imports else {
        return Some(0);
    };
    let (count, mut entries) = Entries::new(imports.contents, imports.offset).ok()?;
    let mut tables = 0;
    for _ in 0..count {
        if entries.plain_import().is_some() {
            continue;
        }
        match entries.import().ok()? {
            ImportEntry::One(import) => tables += u32::from(matches!(import.ty, TypeRef::Table(_))),
            ImportEntry::Group(_) => return None,
        }
    }
    Some(tables)
}

/// A section's contents with one entry more.
#[inline(never)]
fn with(section: Option<&Section<'_>>, entry: &[u8]) -> Option<Vec<u8>> {
    let mut list = Vec::new();
    match section {
        Some(section) => {
            let mut reader = section.reader();
            let count = reader.read_var_u32().ok()?;
            count.checked_add(1)?.encode(&mut list);
            let read = section.contents.len() - reader.bytes_remaining();
            list.extend_from_slice(section.contents.get(read..)?);
        }
        None => 1u32.encode(&mut list),
    }
    list.extend_from_slice(entry);
    Some(list)
}

/// Appends a section, its size in five bytes.
#[inline(never)]
fn write(out: &mut Vec<u8>, id: u8, contents: &[u8]) -> Option<()> {
    let size = u32::try_from(contents.len()).ok()?;
    out.push(id);
    out.extend((0..5).map(|n| {
        let more = if n < 4 { 0x80 } else { 0 };
        (size >> (7 * n)) as u8 & 0x7f | more
    }));
    out.extend_from_slice(contents);
    Some(())
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload, Validator, WasmFeatures};

    use super::*;

    fn module(exports: usize, more: &str) -> Vec<u8> {
        let functions: String = (0..exports)
            .map(|n| format!("(func (export \"f{n}\") (result i32) i32.const {n})"))
            .collect();
        wat::parse_str(format!("(module {more} {functions})")).unwrap()
    }

    fn is_valid(bytes: &[u8]) -> bool {
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(bytes)
            .is_ok()
    }

    /// Where each body begins and ends, and the names of what is exported.
    fn told(bytes: &[u8]) -> (Vec<std::ops::Range<usize>>, Vec<String>) {
        let (mut bodies, mut names) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.unwrap() {
                Payload::CodeSectionEntry(body) => bodies.push(body.range()),
                Payload::ExportSection(exports) => {
                    names.extend(
                        exports
                            .into_iter()
                            .map(|export| export.unwrap().name.to_string()),
                    );
                }
                _ => {}
            }
        }
        (bodies, names)
    }

    #[test]
    fn code_stays_where_it_was_and_what_is_no_function_is_still_exported() {
        for more in [
            "",
            r#"(memory (export "m") 1)"#,
            r#"(table (export "t") 3 funcref) (elem (i32.const 1) func 0 1) (memory 1) (data (i32.const 0) "x") (global (export "g") i32 (i32.const 7))"#,
            r#"(import "env" "t" (table 0 funcref)) (import "env" "m" (memory 1)) (import "env" "f" (func)) (import "env" "g" (global i32)) (start 0)"#,
            r#"(import "env" "m" (memory 1)) (tag (export "e") (param i32)) (data $d "y") (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))"#,
        ] {
            let bytes = module(200, more);
            let slim = slim(&bytes).expect(more);
            assert_eq!(slim.len(), bytes.len(), "{more}");
            assert!(is_valid(&slim), "{more}");
            let ((bodies, names), (now, fewer)) = (told(&bytes), told(&slim));
            assert_eq!(now, bodies, "{more}");
            let mut wanted: Vec<String> = names
                .into_iter()
                .filter(|name| !name.starts_with('f'))
                .collect();
            wanted.push(NAME.to_string());
            assert_eq!(fewer, wanted, "{more}");
        }
    }

    #[test]
    fn each_export_has_its_own_place() {
        let bytes = module(
            200,
            r#"(import "env" "f" (func)) (global (export "g") i32 (i32.const 7))"#,
        );
        let slim = slim(&bytes).unwrap();
        let mut places = Vec::new();
        for payload in Parser::new(0).parse_all(&slim) {
            if let Payload::ElementSection(elements) = payload.unwrap() {
                for element in elements {
                    let wasmparser::ElementItems::Functions(functions) = element.unwrap().items
                    else {
                        panic!("no functions");
                    };
                    places.extend(functions.into_iter().map(Result::unwrap));
                }
            }
        }
        // The text's own order: the global comes first.
        let wanted: Vec<u32> = [0].into_iter().chain(1..=200).collect();
        assert_eq!(places, wanted);
    }

    #[test]
    fn what_is_small_damaged_or_strange_stays_as_it_is() {
        assert!(slim(&module(FEW as usize - 1, "")).is_none());
        let objects = format!("(@custom \"{}\" \"\")", abi::OBJECTS);
        assert!(slim(&module(200, &objects)).is_none());
        let bytes = module(100, "(memory 1)");
        for end in 0..bytes.len() {
            assert!(slim(&bytes[..end]).is_none(), "{end}");
        }
        for at in 8..bytes.len().min(4000) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            // What was not valid has not become so.
            if let Some(slim) = slim(&damaged) {
                assert_eq!(slim.len(), damaged.len());
                assert!(!is_valid(&slim) || is_valid(&damaged), "{at}");
            }
        }
    }
}
