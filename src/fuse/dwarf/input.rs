//! The debug information of one object, with what is known of where its code and data have gone.

use gimli::Encoding;

use super::bytes::{Broken, Cursor, Read};
use super::expression::Found;
use super::places::Places;

/// A list of all sections that are kept, by their names.
macro_rules! sections {
    ($($field:ident)*) => {
        /// Something of each section.
        #[derive(Clone, Debug, Default)]
        pub(in crate::fuse) struct Sections<T> {
            $(pub $field: T,)*
        }

        impl<T> Sections<T> {
            /// The section of a name, behind `.debug_`.
            pub fn named(&mut self, name: &str) -> Option<&mut T> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)*
                    _ => None,
                }
            }

            pub fn map<'a, U>(&'a self, mut with: impl FnMut(&'a T) -> U) -> Sections<U> {
                Sections { $($field: with(&self.$field),)* }
            }

            /// With their whole names.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, &T)> {
                [$((concat!(".debug_", stringify!($field)), &self.$field),)*].into_iter()
            }

            pub fn zip<U>(&mut self, other: Sections<U>, mut with: impl FnMut(&mut T, U)) {
                $(with(&mut self.$field, other.$field);)*
            }
        }
    };
}

sections! { abbrev info line str line_str str_offsets addr ranges loc rnglists loclists }

/// What is rewritten.
pub(in crate::fuse) struct Input<'a> {
    pub sections: &'a Sections<&'a [u8]>,
    /// Where the object's part of each section begins.
    pub bases: Sections<usize>,
    pub places: &'a Places,
    /// What its addresses of data count from.
    pub memory: u32,
    pub global: &'a dyn Fn(u32) -> Found,
}

impl Input<'_> {
    /// An entry of `.debug_addr`.
    pub fn address(&self, place: usize) -> Read<u32> {
        Cursor::new(self.sections.addr, place).word()
    }

    /// The address that stands for one of code. One that is not there, and 0, with which units of several ranges begin, stay.
    pub fn code(&self, old: u32) -> u32 {
        match old {
            0 => 0,
            _ => self.places.point(old).unwrap_or(GONE),
        }
    }
}

/// What stands for the address of code that was left out, as wasm-ld has it.
pub(super) const GONE: u32 = u32::MAX;

/// The same in lists, where the other one has a meaning.
pub(super) const GONE_IN_LIST: u32 = u32::MAX - 1;

/// What a unit says of the lists that it uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub encoding: Encoding,
    /// Where its addresses are in `.debug_addr`.
    pub addr: Option<u32>,
    pub rnglists: Option<u32>,
    pub loclists: Option<u32>,
    /// What its lists count from.
    pub base: u32,
    /// What they count from where they are written in place.
    pub new_base: u32,
}

impl Unit {
    /// Where an address is in `.debug_addr`.
    pub fn address_place(&self, index: u32) -> Read<usize> {
        let base = self.addr.unwrap_or(0) as usize;
        let offset = (index as usize).checked_mul(4);
        let place = offset.and_then(|offset| offset.checked_add(base));
        place.ok_or(Broken("an address has no place"))
    }
}
