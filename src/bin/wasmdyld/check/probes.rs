//! The list of what is tried.

use wasmdyld::engine::Feature;

use super::kit::{Answer, Kit};
use super::{calls, features, linker, modules, objects};

/// Whether linking stands on it.
#[derive(Clone, Copy)]
pub enum Need {
    /// Without it there is no dynamic linking, for this reason.
    Must(&'static str),
    /// Without it this is lost.
    May(&'static str),
}

pub struct Probe {
    /// For programs.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    pub need: Need,
    pub run: fn(&Kit) -> Answer,
}

macro_rules! probes {
    ($($name:literal, $title:literal, $need:ident($why:literal), $run:expr;)*) => {
        &[$(Probe { name: $name, title: $title, need: Need::$need($why), run: $run }),*]
    };
}

/// From what all else stands on to what is good to have.
pub const PROBES: &[Probe] = probes! {
    "functions", "functions of wasm.h",
        Must("the linker calls them"), features::functions;
    "memory", "memory imported by two instances",
        Must("all libraries of a program share one memory"), objects::memory;
    "table", "table imported by two instances",
        Must("function pointers are slots of one table"), objects::table;
    "global", "mutable global imported by two instances",
        Must("the stack pointer and the GOT are globals that libraries share"), objects::global;
    "segments", "segments at imported addresses",
        Must("a library's data and functions go where the linker says"), objects::segments;
    "direct-import", "export of an instance imported by another",
        Must("libraries call each other so"), objects::direct_import;
    "wasm-slot", "imported wasm function put into a slot",
        Must("pointers to another library's functions need it"), objects::wasm_function_in_slot;
    "host-slot", "imported host function put into a slot",
        Must("pointers to the host's functions need it"), objects::host_function_in_slot;
    "table-grow", "table grown with null",
        Must("a library loaded later needs slots"), objects::table_grown;
    "memory-grow-host", "memory grown by the host",
        Must("a library loaded later needs room for its data"), objects::memory_grown_by_host;
    "memory-grow-guest", "memory grown by the guest",
        Must("malloc needs it"), objects::memory_grown_by_guest;
    "exports-paired", "exports in the order of their names",
        Must("an instance's exports are told apart by position only"), modules::exports_in_pairs;
    "import-order", "imports as declared",
        May("the linker goes by names"), modules::import_order;
    "export-order", "exports as declared",
        May("the linker goes by names"), modules::export_order;
    "host-calls", "arguments and results of host functions",
        Must("WASI and dlopen are host functions"), calls::arguments_and_results;
    "host-trap", "traps of host functions",
        Must("exit and errors of host functions are traps"), calls::trap_of_the_host;
    "trap-text", "texts of traps kept",
        May("messages say less of what went wrong"), calls::trap_text;
    "trap-through-host", "trap through a host function",
        Must("exit inside of a constructor that dlopen runs passes through the linker"), calls::trap_through_host;
    "start-trap", "trap of a start function",
        Must("a library that fails to start must not count as loaded"), modules::start_traps;
    "nesting", "guest and host nested",
        Must("dlopen runs constructors, which may open libraries"), calls::nesting;
    "endless-nesting", "endless nesting ends in a trap",
        May("a faulty program ends the whole process"), calls::endless_nesting;
    "endless-recursion", "endless recursion ends in a trap",
        May("a faulty program ends the whole process"), calls::endless_recursion;
    "multi-value", "several results",
        May("functions with several results cannot be called"), calls::several_results;
    "invalid-module", "invalid modules refused",
        May("a damaged file may end the whole process"), modules::invalid_module;
    "wrong-signature", "import of a wrong type refused",
        May("only the linker's own check stands between libraries that do not fit"), modules::wrong_signature;
    "modules-shared", "modules shared by stores",
        May("each namespace compiles its libraries, or takes up their code"), modules::shared;
    "code-kept", "compiled code written and read",
        May("namespaces that come one after the other compile their libraries anew"), modules::kept;
    "extended-const", "extended constant expressions",
        Must("segments of a library that has more than one begin at sums, as in every libc.so"), |kit| features::feature(kit, Feature::ExtendedConst);
    "bulk-memory", "bulk memory operations",
        Must("compilers use them by default, as in every libc.so"), |kit| features::feature(kit, Feature::BulkMemory);
    "sign-extension", "sign extension",
        Must("compilers use it by default, as in every libc.so"), |kit| features::feature(kit, Feature::SignExtension);
    "saturating-conversions", "saturating conversions",
        May("compilers use them by default for floating point"), |kit| features::feature(kit, Feature::SaturatingConversions);
    "reference-types", "reference types",
        May("libraries that use them cannot be loaded"), |kit| features::feature(kit, Feature::ReferenceTypes);
    "tail-calls", "tail calls",
        May("stubs add a frame to each call"), |kit| features::feature(kit, Feature::TailCalls);
    "simd", "SIMD",
        May("libraries that use it cannot be loaded"), |kit| features::feature(kit, Feature::Simd);
    "tag", "tag passed on",
        May("C++ exceptions cannot cross libraries"), objects::tag;
    "exceptions", "exceptions (try_table, exnref)",
        May("libraries that use them cannot be loaded"), |kit| features::feature(kit, Feature::Exceptions);
    "legacy-exceptions", "legacy exceptions (try, catch)",
        May("libraries that use them cannot be loaded"), |kit| features::feature(kit, Feature::LegacyExceptions);
    "memory64", "64-bit memories",
        May("of use to programs without shared libraries only"), |kit| features::feature(kit, Feature::Memory64);
    "multi-memory", "several memories",
        May("libraries that use them cannot be loaded"), |kit| features::feature(kit, Feature::MultiMemory);
    "link-circle", "libraries that need each other",
        Must("compilers make such libraries"), linker::circle;
    "link-lazy", "functions bound when called",
        Must("weak functions and --bind lazy need it"), linker::lazy_binding;
    "link-unload", "exit handlers, unloading, loading again",
        Must("dlclose needs it"), linker::unloading;
    "link-tail-calls", "a million tail calls between libraries",
        May("programs that count on tail calls run out of stack"), linker::tail_calls;
    "link-exceptions", "exceptions between libraries",
        May("C++ exceptions cannot cross libraries"), linker::exceptions;
    "instances", "12000 instances in a store",
        May("a program that opens and closes libraries without end comes to it"), modules::many_instances;
};
