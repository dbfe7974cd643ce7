//! Nobody waits in a call of a system.

pub struct Bell;

impl Bell {
    pub const fn new() -> Bell {
        Bell
    }

    pub fn ring(&self) {}
}
