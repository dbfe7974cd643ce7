//! All functions of the C interface, exported.

pub use wasmi_c_api::*;
