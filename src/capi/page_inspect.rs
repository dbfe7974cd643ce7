//! What a module says of itself, for `inspect` of `bindings/js`.

use super::page::tell;
use crate::error::Result;
use crate::object::{Object, ParseLimits};
use crate::plan::describe;
use crate::survey::module::{loads_as, notes, symbols, what};
use crate::text::{name, plain};

/// Rows of texts, each with a NUL behind it: a row's kind, and then as many texts as this kind has, of which `bindings/js/src/inspect.ts` has the
/// list. What is no module has one row, `error`.
#[unsafe(no_mangle)]
extern "C" fn wasmdyld_inspect(bytes: *const u8, size: usize, length: *mut usize) -> *const u8 {
    tell(bytes, size, length, |bytes| {
        let told = rows(bytes).unwrap_or_else(|error| {
            let mut told = Rows::default();
            told.row("error", [error.to_string().as_str()]);
            told
        });
        Some(told.0)
    })
}

#[derive(Default)]
struct Rows(Vec<u8>);

impl Rows {
    fn row<'a>(&mut self, kind: &'a str, texts: impl IntoIterator<Item = &'a str>) {
        for text in std::iter::once(kind).chain(texts) {
            // Names may hold anything; as they are shown there is no NUL in them. Those in sentences are cut already.
            let shown = match kind {
                "error" | "refused" | "note" => plain(text),
                _ => name(text),
            };
            self.0.extend(shown.bytes());
            self.0.push(0);
        }
    }
}

fn rows(bytes: &[u8]) -> Result<Rows> {
    let role = loads_as(bytes)?;
    let object = Object::parse(bytes, &ParseLimits::default())?;
    let mut told = Rows::default();
    told.row("is", [what(&object, &role)]);
    if let Err(error) = &role {
        told.row("refused", [error.to_string().as_str()]);
    }
    if let Some(dylink) = &object.dylink {
        let alignment = 1u64.checked_shl(dylink.memory_p2align).unwrap_or(0);
        let [size, alignment, slots] =
            [dylink.memory_size, alignment, dylink.table_size].map(|number| number.to_string());
        told.row("takes", [&*size, &*alignment, &*slots]);
        dylink
            .needed
            .iter()
            .for_each(|name| told.row("needs", [&**name]));
        let paths = &dylink.runtime_path;
        paths
            .iter()
            .for_each(|path| told.row("searches", [&**path]));
    }
    for import in &object.imports {
        let weak = if import.weak { "weak" } else { "" };
        let ty = import.ty.to_string();
        told.row("import", [import.module, import.name.text(), &ty, weak]);
    }
    for export in symbols(&object) {
        told.row("export", [export.name.text(), &describe(export.item)]);
    }
    for note in notes(&object) {
        told.row("note", [note.as_str()]);
    }
    Ok(told)
}
