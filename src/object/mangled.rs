//! Whether a module has names of C++ or Rust: whoever shows them wants them as their source has them.

use super::entries::{Entries, ImportEntry};
use super::section::{EXPORT, IMPORT, Section, Sections};

/// Whether it exports or imports such names. `None` for what cannot be read.
pub fn has_mangled_names(bytes: &[u8]) -> Option<bool> {
    for section in Sections::new(bytes) {
        let section = section.ok()?;
        let found = match section.id {
            EXPORT => in_exports(&section)?,
            IMPORT => in_imports(&section)?,
            _ => false,
        };
        if found {
            return Some(true);
        }
    }
    Some(false)
}

fn in_exports(section: &Section<'_>) -> Option<bool> {
    let (count, mut entries) = Entries::new(section.contents, section.offset).ok()?;
    for _ in 0..count {
        if is_mangled(entries.export().ok()?.name) {
            return Some(true);
        }
    }
    Some(false)
}

fn in_imports(section: &Section<'_>) -> Option<bool> {
    let (count, mut entries) = Entries::new(section.contents, section.offset).ok()?;
    for _ in 0..count {
        if let Some(import) = entries.plain_import() {
            if is_mangled(import.name) {
                return Some(true);
            }
            continue;
        }
        match entries.import().ok()? {
            ImportEntry::One(import) if is_mangled(import.name) => return Some(true),
            ImportEntry::One(_) => {}
            ImportEntry::Group(group) => {
                for item in group {
                    if is_mangled(item.ok()?.1.name.as_bytes()) {
                        return Some(true);
                    }
                }
            }
        }
    }
    Some(false)
}

/// `_Z` begins names of the Itanium ABI, which C++ and Rust's older symbols have, `_R` those of Rust's RFC 2603.
fn is_mangled(name: &[u8]) -> bool {
    name.starts_with(b"_Z") || name.starts_with(b"_R")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_at_wherever_they_are() {
        for (text, wanted) in [
            (r#"(module)"#, false),
            (
                r#"(module (import "_Z" "g" (func)) (func (export "f_Z")))"#,
                false,
            ),
            (
                r#"(module (func (export "f")) (func (export "_Z1fv")))"#,
                true,
            ),
            (r#"(module (import "env" "_RNvC1a1b" (func)))"#, true),
            (
                r#"(module (import "env" "f" (func)) (import "GOT.mem" "_ZTV1A" (global (mut i32))))"#,
                true,
            ),
            (
                r#"(module (import "env" "_ZTI1A" (table 1 funcref)))"#,
                true,
            ),
        ] {
            let bytes = wat::parse_str(text).unwrap();
            assert_eq!(has_mangled_names(&bytes), Some(wanted), "{text}");
        }
        let bytes = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
        for end in 9..bytes.len() {
            assert_ne!(has_mangled_names(&bytes[..end]), Some(true), "{end}");
        }
        // Its code is cut off.
        assert_eq!(has_mangled_names(&bytes[..bytes.len() - 1]), None);
    }
}
