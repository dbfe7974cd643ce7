//! The linker's own small pieces of the guest's memory: the text for `dlerror`, names for `dladdr` and their like.

use std::sync::Arc;

use crate::hash_map::HashMap;

use super::namespace::{Namespace, Space};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::plan::{ObjectId, Regions};
use crate::state::{TextBook, TextOf};

#[derive(Default)]
pub(super) struct Texts {
    /// Address and size of the buffer that dlerror gives out.
    error: Option<(u64, u64)>,
    objects: HashMap<ObjectId, OfObject>,
}

/// What lives as long as an object.
#[derive(Default)]
struct OfObject {
    strings: HashMap<Arc<str>, u64>,
    link_map: Option<u64>,
    pieces: Vec<(u64, u64)>,
}

/// A longer text is cut, between characters.
const MAX_ERROR: usize = 0xffff;

impl Texts {
    /// Gives back what was kept for an object.
    pub fn forget(&mut self, id: ObjectId, free: &mut Regions, space: Option<&Space>) {
        let pieces = self.objects.remove(&id).unwrap_or_default().pieces;
        for (address, size) in pieces {
            release(free, space, address, size);
        }
    }

    /// Address and size of all that is kept.
    pub fn pieces(&self) -> Vec<(u64, u64)> {
        let of_objects = self.objects.values().flat_map(|of| &of.pieces);
        self.error.iter().chain(of_objects).copied().collect()
    }

    /// What is kept, as it is written down.
    pub fn book(&self) -> TextBook {
        let mut objects: Vec<TextOf> = (self.objects.iter())
            .map(|(&object, of)| {
                let strings = of.strings.iter();
                let mut strings: Vec<_> = strings.map(|(s, at)| (s.to_string(), *at)).collect();
                strings.sort_unstable();
                TextOf {
                    object,
                    strings,
                    link_map: of.link_map,
                    pieces: of.pieces.clone(),
                }
            })
            .collect();
        objects.sort_unstable_by_key(|of| of.object);
        TextBook {
            error: self.error,
            objects,
        }
    }

    /// What was written down, of a memory of so many bytes. `None` where it does not lie in there.
    pub fn from_book(book: &TextBook, memory: u64) -> Option<Texts> {
        let within = |&(at, size): &(u64, u64)| {
            size > 0 && at.checked_add(size).is_some_and(|end| end <= memory)
        };
        let mut pieces = book.objects.iter().flat_map(|of| &of.pieces);
        if !book.error.iter().all(within) || !pieces.all(within) {
            return None;
        }
        let objects = book.objects.iter().map(|of| {
            let strings = of.strings.iter();
            let kept = OfObject {
                strings: strings.map(|(s, at)| (s.as_str().into(), *at)).collect(),
                link_map: of.link_map,
                pieces: of.pieces.clone(),
            };
            (of.object, kept)
        });
        Some(Texts {
            error: book.error,
            objects: objects.collect(),
        })
    }

    /// The memory that all this lay in is laid out anew.
    pub fn clear(&mut self) {
        *self = Texts::default();
    }
}

fn release(free: &mut Regions, space: Option<&Space>, address: u64, size: u64) {
    if let Some(space) = space {
        // It was taken from within the memory.
        let _ = space.memory.zero(address, size);
    }
    // It was taken from there.
    let _ = free.give(address, size);
}

/// The longest part of `text` of at most `limit` bytes that ends between characters and before a NUL.
pub fn cut(text: &str, limit: usize) -> &str {
    let text = text.split('\0').next().unwrap_or_default();
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

impl Namespace {
    /// Zeroed memory of the guest's for the linker, from what is free or from a new page.
    fn take(&self, size: u64, align: u64) -> Result<u64> {
        // A load in progress has planned with what is free.
        let _busy = self.begin()?;
        let mut state = self.state_mut();
        if let Some(address) = state.model.memory.take(size, align) {
            return Ok(address);
        }
        let memory = &state.space()?.memory;
        let pages = size.div_ceil(abi::PAGE);
        let room = self
            .config()
            .limits
            .memory_pages
            .saturating_sub(memory.pages());
        let at = (pages <= room).then(|| memory.grow(pages)).flatten();
        let at = at.ok_or_else(|| Error::new(Code::Limit, "no memory left for the linker"))?;
        let address = at * abi::PAGE;
        let rest = pages * abi::PAGE - size;
        state.model.memory.give(address + size, rest)?;
        Ok(address)
    }

    /// Room for a first text, taken while there is memory: a guest whose memory is full is to learn of that too.
    pub(super) fn reserve_error_text(&self) {
        if self.state().texts.error.is_none()
            && let Ok(address) = self.take(abi::ERROR_ROOM, 1)
        {
            self.state_mut().texts.error = Some((address, abi::ERROR_ROOM));
        }
    }

    /// Puts the text of an error where dlerror shows it; cut if there is no room for all of it.
    pub(crate) fn error_text(&self, text: &str) -> Result<u64> {
        let text = cut(text, MAX_ERROR);
        let needed = text.len() as u64 + 1;
        let known = self.state().texts.error;
        let (address, size) = match known {
            Some((address, size)) if size >= needed => (address, size),
            _ => {
                let size = needed.next_multiple_of(abi::ERROR_ROOM);
                match (self.take(size, 1), known) {
                    (Ok(address), _) => {
                        let mut state = self.state_mut();
                        let state = &mut *state;
                        state.texts.error = Some((address, size));
                        if let Some((old, size)) = known {
                            release(&mut state.model.memory, state.space.as_ref(), old, size);
                        }
                        (address, size)
                    }
                    (Err(_), Some(known)) => known,
                    (Err(error), None) => return Err(error),
                }
            }
        };
        self.write_text(address, cut(text, size as usize - 1))?;
        Ok(address)
    }

    fn write_text(&self, address: u64, text: &str) -> Result<()> {
        let memory = self.memory()?;
        memory.write(address, text.as_bytes())?;
        memory.write(address + text.len() as u64, &[0])?;
        Ok(())
    }

    /// A C string that lives as long as an object.
    pub(crate) fn string_of(&self, id: ObjectId, text: &str) -> Result<u64> {
        let known = self
            .state()
            .texts
            .objects
            .get(&id)
            .and_then(|of| of.strings.get(text).copied());
        if let Some(address) = known {
            return Ok(address);
        }
        let text = cut(text, MAX_ERROR);
        let address = self.piece_of(id, text.len() as u64 + 1, 1)?;
        self.write_text(address, text)?;
        let mut state = self.state_mut();
        let of = state.texts.objects.entry(id).or_default();
        of.strings.insert(text.into(), address);
        Ok(address)
    }

    /// The `struct link_map` of an object, as it is now or all zeros.
    pub(crate) fn link_map_of(&self, id: ObjectId, size: u64) -> Result<u64> {
        let known = self
            .state()
            .texts
            .objects
            .get(&id)
            .and_then(|of| of.link_map);
        if let Some(address) = known {
            return Ok(address);
        }
        let address = self.piece_of(id, size, 8)?;
        self.state_mut()
            .texts
            .objects
            .entry(id)
            .or_default()
            .link_map = Some(address);
        Ok(address)
    }

    fn piece_of(&self, id: ObjectId, size: u64, align: u64) -> Result<u64> {
        let address = self.take(size, align)?;
        let mut state = self.state_mut();
        let of = state.texts.objects.entry(id).or_default();
        of.pieces.push((address, size));
        Ok(address)
    }

    /// Runs `with` on memory that is the linker's meanwhile.
    pub(crate) fn with_piece<T>(
        &self,
        size: u64,
        with: impl FnOnce(u64) -> Result<T>,
    ) -> Result<T> {
        let address = self.take(size, 8)?;
        let layout = self.state().layouts;
        let outcome = with(address);
        let mut state = self.state_mut();
        let state = &mut *state;
        // If the guest's code unloaded all there was, the memory is another's, or will be.
        if state.layouts == layout {
            release(&mut state.model.memory, state.space.as_ref(), address, size);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("grün", 3), "gr");
        assert_eq!(cut("grün", 4), "grü");
        assert_eq!(cut("grün", 100), "grün");
        assert_eq!(cut("a\0b", 100), "a");
        assert_eq!(cut("", 0), "");
    }
}
