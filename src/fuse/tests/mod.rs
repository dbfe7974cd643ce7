//! Programs as text, and the one module that comes out, byte for byte.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod dwarf;
#[cfg(test)]
mod folds;
#[cfg(test)]
mod guests;
#[cfg(test)]
mod plans;
pub(crate) mod shelf;
