//! What lies where in a fused module.

use serde::Serialize;

/// The link map of a fused module.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Map {
    pub objects: Vec<Placed>,
    /// Functions that the host defines: module and name.
    pub imports: Vec<(String, String)>,
    pub exports: Vec<String>,
    /// Pages of memory and slots of the table at the start.
    pub memory_pages: u64,
    pub table_slots: u64,
}

/// An object's part.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Placed {
    pub name: String,
    /// Address and size of its data.
    pub memory: u64,
    pub memory_size: u64,
    /// First slot and number of its functions.
    pub table: u64,
    pub table_size: u64,
    /// Its functions: the number in the fused module, and in its own.
    pub functions: Vec<(u32, u32)>,
    /// How many functions it defines; those beyond `functions` were left out.
    pub defined: usize,
}
