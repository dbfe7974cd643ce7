//! The guest's functions in a trap, as the engine tells of them.

/// A function that was running. All that is in it is evidence of which module it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFrame {
    /// In the module's function index space.
    pub func_index: u32,
    /// Where the instruction stands in the bytes that the engine was given, and from the function's beginning on.
    pub module_offset: Option<u64>,
    pub func_offset: Option<u64>,
    /// The module's own word for the function: it may say anything.
    pub func_name: Option<String>,
    pub module_name: ModuleName,
    /// File and line of the source, from debug information in the module.
    pub source: Option<String>,
    /// Of [`super::Module::identity`].
    pub module: Option<usize>,
}

/// How the module calls itself in its name section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ModuleName {
    /// The engine does not tell.
    #[default]
    Untold,
    /// It has no name.
    None,
    Is(String),
}
