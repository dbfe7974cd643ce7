//! What a C++ exception is that nobody caught: its type, and what it says of itself.
//!
//! All of it is read from the guest's memory, where anything may stand: each step is a checked copy, and the number of steps is bounded. What
//! a `std::exception` says, only its own code knows.

use super::calls;
use super::namespace::Namespace;
use crate::abi;
use crate::demangle::demangle;
use crate::engine::{Memory, Trap};
use crate::text;

/// Bytes of a type's name that are read, and of what an exception says.
const MAX_NAME: usize = 2 << 10;
const MAX_SAID: usize = 1 << 10;
/// Types that are looked at for `std::exception` among the bases.
const MAX_TYPES: usize = 256;
const MAX_BASES: u32 = 64;

/// An exception, before any code of the guest's has run.
struct Thrown {
    /// As the compiler spells it.
    type_name: String,
    says: Says,
}

enum Says {
    Nothing,
    /// A text at this address.
    Text(u32),
    /// What the function in this slot gives for this `std::exception`.
    Asked {
        slot: u32,
        object: u32,
    },
}

impl Namespace {
    /// What to say of a trap that is an exception which nobody caught; `None` if it is none, or the engine does not tell.
    pub(super) fn uncaught(&self, trap: &Trap, may_run: bool) -> Option<String> {
        let mut told = None;
        let shim = self.store.shim();
        shim.with_thrown(self.store, trap, &mut |address| {
            told = Some(self.described(address, may_run));
        });
        told.map(|exception| match exception {
            Some(exception) => format!("uncaught C++ exception {exception}"),
            None => format!("uncaught exception ({})", trap.cause()),
        })
    }

    /// `None`: it is not of C++.
    fn described(&self, address: u32, may_run: bool) -> Option<String> {
        let memory = self.memory().ok()?;
        let thrown = Thrown::read(&memory, address)?;
        let said = match thrown.says {
            Says::Nothing => None,
            Says::Text(at) => Some(at),
            Says::Asked { slot, object } => self.ask(slot, object, may_run),
        };
        let mut shown = shown_type(&thrown.type_name);
        if let Some(said) = said.and_then(|at| beginning(&memory, at, MAX_SAID)) {
            shown.push_str(": ");
            shown.push_str(&text::plain(&said));
        }
        Some(shown)
    }

    /// Where the text is that a `std::exception` gives for itself. Its code runs as all of the guest's does, within the same time and
    /// budget; if it ends in an exception itself, that one is not asked.
    fn ask(&self, slot: u32, object: u32, may_run: bool) -> Option<u32> {
        if !may_run || self.side.asking.replace(true) {
            return None;
        }
        // Calls need the books, which what came before may have in use.
        let free = self.change().map(drop);
        let said = free.and_then(|()| calls::ask(self, slot, object));
        self.side.asking.set(false);
        said.ok()
    }
}

impl Thrown {
    fn read(memory: &Memory, header: u32) -> Option<Thrown> {
        let mut class = [0; 8];
        memory.read(header.into(), &mut class).ok()?;
        let object = match u64::from_le_bytes(class) {
            abi::CXX_CLASS => header.checked_add(abi::CXX_OBJECT_AFTER)?,
            abi::CXX_CLASS_DEPENDENT => word(memory, header, abi::CXX_PRIMARY_BEFORE)?,
            _ => return None,
        };
        let type_info = word(memory, header, abi::CXX_TYPE_BEFORE)?;
        let type_name = name(memory, type_info)?;
        let says = if type_name == abi::CXX_TEXT {
            word(memory, object, 0).map(Says::Text)
        } else {
            what(memory, type_info, object)
        };
        Some(Thrown {
            type_name,
            says: says.unwrap_or(Says::Nothing),
        })
    }
}

/// How a `std::exception` is asked, if the object has one as a base that others may see.
fn what(memory: &Memory, type_info: u32, object: u32) -> Option<Says> {
    let object = base(memory, type_info, object)?;
    let slot = word(memory, word(memory, object, 0)?, abi::CXX_WHAT)?;
    Some(Says::Asked { slot, object })
}

/// Where the `std::exception` in an object is.
fn base(memory: &Memory, type_info: u32, object: u32) -> Option<u32> {
    let mut open = vec![(type_info, object)];
    for _ in 0..MAX_TYPES {
        let (type_info, object) = open.pop()?;
        let Some(own) = name(memory, type_info) else {
            continue;
        };
        if own == abi::CXX_STD_EXCEPTION {
            return Some(object);
        }
        // In front of the virtual functions of a `std::type_info` stands its own type.
        let table = word(memory, type_info, 0);
        let kind = table.and_then(|table| name(memory, word(memory, table, -4)?));
        match kind.as_deref() {
            Some(abi::CXX_ONE_BASE) => {
                open.extend(word(memory, type_info, 8).map(|base| (base, object)));
            }
            Some(abi::CXX_BASES) => open.extend(bases(memory, type_info, object)),
            _ => {}
        }
    }
    None
}

/// The public bases of a class that has several: their types, and where they are in the object.
fn bases(memory: &Memory, type_info: u32, object: u32) -> Vec<(u32, u32)> {
    let count = word(memory, type_info, 12).unwrap_or(0).min(MAX_BASES);
    let base = |n: u32| {
        let at = 16 + 8 * i64::from(n);
        let (base, flags) = (
            word(memory, type_info, at)?,
            word(memory, type_info, at + 4)?,
        );
        let (is_virtual, is_public) = (flags & 1 != 0, flags & 2 != 0);
        let offset = flags.cast_signed() >> 8;
        let offset = match is_virtual {
            // It is where the object's table says, at this place in front of the functions.
            true => word(memory, word(memory, object, 0)?, offset.into())?.cast_signed(),
            false => offset,
        };
        is_public.then_some((base, object.checked_add_signed(offset)?))
    };
    (0..count).filter_map(base).collect()
}

fn word(memory: &Memory, address: u32, offset: i64) -> Option<u32> {
    let address = u64::from(address).checked_add_signed(offset)?;
    memory.read_u32(address).ok()
}

/// The name in a `std::type_info`. The highest bit of the pointer is a mark on other machines, and none here.
fn name(memory: &Memory, type_info: u32) -> Option<String> {
    read_text(memory, word(memory, type_info, 4)?, MAX_NAME)
}

fn read_text(memory: &Memory, address: u32, limit: usize) -> Option<String> {
    let bytes = memory.read_c_str(address.into(), limit).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A text of which the beginning will do.
fn beginning(memory: &Memory, address: u32, limit: usize) -> Option<String> {
    read_text(memory, address, limit).or_else(|| {
        let mut bytes = vec![0; limit];
        memory.read(address.into(), &mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        Some(format!("{}...", text.trim_end_matches('\u{fffd}')))
    })
}

/// As the source has it.
fn shown_type(mangled: &str) -> String {
    let whole = format!("_ZTS{mangled}");
    let known = demangle(&whole);
    let known = known.strip_prefix("typeinfo name for ");
    text::name(known.unwrap_or(mangled)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::shown_type;

    #[test]
    fn types_are_shown_as_in_the_source() {
        for (mangled, shown) in [
            ("i", "int"),
            ("PKc", "char const*"),
            ("St13runtime_error", "std::runtime_error"),
            ("N4game5ErrorE", "game::Error"),
            ("no\x1b[2J", "no\\u{1b}[2J"),
        ] {
            assert_eq!(shown_type(mangled), shown);
        }
    }
}
