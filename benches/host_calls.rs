//! What calls between host and guest cost, on every engine that is there. `cargo bench --bench host_calls`.
//!
//! Engines are the linked one and those that `WASMDYLD_TEST_ENGINES` names (`name=path`, separated by colons), by default those that
//! `cargo xtask engines` has built. All ways of an engine are timed in turn, in rounds, by the thread's own processor time; what is shown is
//! the median over rounds, and the median of each round's ratio to the engine's bare `wasm_func_call`. The functions are those of the C
//! interface, called as a host calls them.

mod generator;
mod measure;

use std::ffi::{CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::{NonNull, null_mut};

use measure::{median, processor_time};
use wasm_encoder::{
    BlockType, CodeSection, CustomSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalType, ImportSection, Module as Encoder, TypeSection, ValType,
};
use wasmdyld::engine::sys::{
    wasm_extern_t, wasm_func_t, wasm_memory_t, wasm_store_t, wasm_trap_t, wasm_val_vec_t,
};
use wasmdyld::engine::{
    Api, EngineFuncType, EngineLibrary, EngineOptions, Extern, Func, Instance, Memory, Module,
    OwnedEngine, OwnedStore, Val, shim,
};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::object::{FuncType, ValType as OurType};

const ROUNDS: usize = 31;
const CALLS: u32 = 20_000;
const ROWS: u64 = 100_000;

type Handle = *mut c_void;

#[repr(C)]
struct Column {
    address: u64,
    stride: u64,
}

unsafe extern "C" {
    fn wasm_dyld_config_new() -> Handle;
    fn wasm_dyld_config_set_engine(config: Handle, engine: Handle, error: *mut Handle) -> u32;
    fn wasm_dyld_engine_open(path: *const c_char, engine: *mut Handle, error: *mut Handle) -> u32;
    fn wasm_dyld_new(
        store: *mut wasm_store_t,
        config: Handle,
        ns: *mut Handle,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_delete(ns: Handle);
    fn wasm_dyld_define(
        ns: Handle,
        module: *const c_char,
        name: *const c_char,
        value: *const wasm_extern_t,
        flags: u32,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_load_bytes(
        ns: Handle,
        name: *const c_char,
        bytes: *const u8,
        size: usize,
        flags: u32,
        object: *mut Handle,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_dlsym(
        ns: Handle,
        object: Handle,
        name: *const c_char,
        kind: *mut u32,
        function: *mut *mut wasm_func_t,
        value: *mut u64,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_memory(ns: Handle, memory: *mut *mut wasm_memory_t, error: *mut Handle) -> u32;
    fn wasm_dyld_call(
        ns: Handle,
        function: *const wasm_func_t,
        args: *const wasm_val_vec_t,
        results: *mut wasm_val_vec_t,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_func_new(
        ns: Handle,
        function: *const wasm_func_t,
        made: *mut Handle,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_func_delete(function: Handle);
    fn wasm_dyld_func_call(
        function: Handle,
        args: *const wasm_val_vec_t,
        results: *mut wasm_val_vec_t,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_func_call_cells(
        function: Handle,
        cells: *mut u64,
        count: usize,
        error: *mut Handle,
    ) -> u32;
    fn wasm_dyld_func_call_rows(
        function: Handle,
        columns: *const Column,
        count: usize,
        rows: u64,
        done: *mut u64,
        error: *mut Handle,
    ) -> u32;
}

fn failed(what: &str) -> Error {
    Error::new(Code::Internal, format!("{what} failed"))
}

fn worked(what: &str, code: u32) -> Result<()> {
    if code == 0 { Ok(()) } else { Err(failed(what)) }
}

/// A library that exports `add(a, b)`, and `run(n)`, a loop of n calls of the host's function `env.callee(a, b)`.
fn library() -> Vec<u8> {
    let mut types = TypeSection::new();
    types
        .ty()
        .function([ValType::I32, ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32], [ValType::I32]);
    let (mut imports, mut functions, mut exports, mut code) = (
        ImportSection::new(),
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    imports.import("env", "callee", EntityType::Function(0));
    functions.function(0);
    functions.function(1);
    exports.export("add", ExportKind::Func, 1);
    exports.export("run", ExportKind::Func, 2);
    let mut add = Function::new([]);
    add.instructions().local_get(0).local_get(1).i32_add().end();
    code.function(&add);
    let mut run = Function::new([(1, ValType::I32)]);
    run.instructions()
        .block(BlockType::Empty)
        .loop_(BlockType::Empty)
        .local_get(0)
        .i32_eqz()
        .br_if(1)
        .local_get(1)
        .local_get(0)
        .call(0)
        .local_set(1)
        .local_get(0)
        .i32_const(1)
        .i32_sub()
        .local_set(0)
        .br(0)
        .end()
        .end()
        .local_get(1)
        .end();
    code.function(&run);
    let mut module = Encoder::new();
    module
        .section(&CustomSection {
            name: "dylink.0".into(),
            data: generator::dylink(0, 0, &[]).into(),
        })
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// A library that imports the guest's stack pointer.
fn stack_library() -> Vec<u8> {
    let mut imports = ImportSection::new();
    let stack_pointer = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    imports.import("env", "__stack_pointer", stack_pointer);
    let mut module = Encoder::new();
    module
        .section(&CustomSection {
            name: "dylink.0".into(),
            data: generator::dylink(0, 0, &[]).into(),
        })
        .section(&imports);
    module.finish()
}

/// The host's function: the sum, as `add`.
unsafe extern "C" fn callee(
    _env: *mut c_void,
    args: *const wasm_val_vec_t,
    results: *mut wasm_val_vec_t,
) -> *mut wasm_trap_t {
    // SAFETY: the engine's vectors, of two values and one.
    unsafe {
        let (args, results) = ((*args).data, (*results).data);
        let sum = (*args).of.i32.wrapping_add((*args.add(1)).of.i32);
        (*results).kind = (*args).kind;
        (*results).of.i32 = sum;
    }
    null_mut()
}

fn host_function(store: &OwnedStore) -> Result<Func> {
    let api = store.store().api();
    let ty = FuncType {
        params: vec![OurType::I32; 2],
        results: vec![OurType::I32],
    };
    let ty = EngineFuncType::new(api, &ty)?;
    // SAFETY: the type is read during the call; the callback wants no environment.
    let made = unsafe {
        (api.wasm_func_new_with_env)(
            store.store().raw(),
            ty.raw(),
            callee,
            NonNull::dangling().as_ptr(),
            None,
        )
    };
    let made = NonNull::new(made).ok_or_else(|| failed("a host function"))?;
    // SAFETY: a new function, ours.
    Ok(unsafe { Func::from_raw(api, made) })
}

/// One way to call, and how many calls a round makes.
type Way<'a> = (&'static str, f64, Box<dyn FnMut() -> bool + 'a>);

/// Times the ways in turn: for each the median of nanoseconds a call, and of its ratio to the first in the same round.
fn timed(mut ways: Vec<Way<'_>>) -> Result<Vec<(&'static str, f64, f64)>> {
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for ((what, calls, run), times) in ways.iter_mut().zip(&mut times) {
            let start = processor_time();
            if !run() {
                return Err(failed(what));
            }
            times.push((processor_time() - start).as_secs_f64() * 1e9 / *calls);
        }
    }
    let row = |n: usize| {
        let ratios = times[n]
            .iter()
            .zip(&times[0])
            .map(|(way, first)| way / first);
        (
            ways[n].0,
            median(times[n].clone()),
            median(ratios.collect()),
        )
    };
    Ok((0..ways.len()).map(row).collect())
}

fn measure(api: &'static Api, path: Option<&Path>) -> Result<()> {
    let engine: OwnedEngine = shim::of(api).new_engine(api, &EngineOptions::default())?;
    let store = engine.new_store()?;
    let bytes = library();
    let func = host_function(&store)?;
    // Without the linker: the same library, its import given by hand.
    let module = Module::new(store.store(), &bytes).ok_or_else(|| failed("compiling"))?;
    let instance = Instance::new(store.store(), &module, &[func.as_extern()]);
    let instance = instance.map_err(|_| failed("instantiating"))?;
    let exports = instance.exports();
    let bare_run = exports.get(1);
    let bare_run = bare_run.as_ref().and_then(|run: &_| Extern::as_func(run));
    let bare_run = bare_run.ok_or_else(|| failed("the function run"))?;

    let (mut ns, mut object, mut prepared) = (null_mut(), null_mut(), null_mut());
    let (mut add, mut run, mut memory) = (null_mut(), null_mut(), null_mut());
    // SAFETY: the functions of the C interface, called by its rules.
    unsafe {
        let config = wasm_dyld_config_new();
        if let Some(path) = path {
            let path =
                CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| failed("a path"))?;
            let mut opened = null_mut();
            worked(
                "opening",
                wasm_dyld_engine_open(path.as_ptr(), &raw mut opened, null_mut()),
            )?;
            worked(
                "the engine",
                wasm_dyld_config_set_engine(config, opened, null_mut()),
            )?;
        }
        let made = wasm_dyld_new(store.store().raw(), config, &raw mut ns, null_mut());
        worked("a namespace", made)?;
        let value = func.as_extern().raw();
        worked(
            "define",
            wasm_dyld_define(
                ns,
                c"env".as_ptr(),
                c"callee".as_ptr(),
                value,
                0,
                null_mut(),
            ),
        )?;
        let loaded = wasm_dyld_load_bytes(
            ns,
            c"libadd.so".as_ptr(),
            bytes.as_ptr(),
            bytes.len(),
            0,
            &raw mut object,
            null_mut(),
        );
        worked("loading", loaded)?;
        for (name, function) in [(c"add", &raw mut add), (c"run", &raw mut run)] {
            let found = wasm_dyld_dlsym(
                ns,
                object,
                name.as_ptr(),
                null_mut(),
                function,
                null_mut(),
                null_mut(),
            );
            worked("dlsym", found)?;
        }
        worked(
            "preparing",
            wasm_dyld_func_new(ns, add, &raw mut prepared, null_mut()),
        )?;
        worked(
            "the memory",
            wasm_dyld_memory(ns, &raw mut memory, null_mut()),
        )?;
    }
    // SAFETY: the namespace's, which is deleted at the end.
    let (memory, run) = unsafe {
        let memory = NonNull::new(memory).ok_or_else(|| failed("the memory"))?;
        let run = NonNull::new(run).ok_or_else(|| failed("the function run"))?;
        (Memory::lend(api, memory), Func::lend(api, run))
    };
    let at = memory.size();
    memory
        .grow((12 * ROWS).div_ceil(65536))
        .ok_or_else(|| failed("growing"))?;
    let columns = [0, 4, 8].map(|offset| Column {
        address: at + offset,
        stride: 12,
    });

    let mut args = [Val::u32(1), Val::u32(2)];
    let mut result = [Val::u32(0)];
    let given = wasm_val_vec_t {
        size: 2,
        data: args.as_mut_ptr().cast(),
    };
    let mut got = wasm_val_vec_t {
        size: 1,
        data: result.as_mut_ptr().cast(),
    };
    let (given, got) = (&raw const given, &raw mut got);
    let times = f64::from(CALLS);
    // SAFETY: vectors and handles live until the end; the engine's own are of its store.
    let ways: Vec<Way<'_>> = unsafe {
        vec![
            (
                "wasm_func_call",
                times,
                Box::new(|| (0..CALLS).all(|_| (api.wasm_func_call)(add, given, got).is_null())),
            ),
            (
                "wasm_dyld_call",
                times,
                Box::new(|| {
                    (0..CALLS).all(|_| wasm_dyld_call(ns, add, given, got, null_mut()) == 0)
                }),
            ),
            (
                "wasm_dyld_func_call",
                times,
                Box::new(|| {
                    (0..CALLS).all(|_| wasm_dyld_func_call(prepared, given, got, null_mut()) == 0)
                }),
            ),
            (
                "wasm_dyld_func_call_cells",
                times,
                Box::new(|| {
                    (0..CALLS).all(|n| {
                        let mut cells = [u64::from(n), 2];
                        let code =
                            wasm_dyld_func_call_cells(prepared, cells.as_mut_ptr(), 2, null_mut());
                        code == 0 && cells[0] == u64::from(n) + 2
                    })
                }),
            ),
            (
                "wasm_dyld_func_call_rows, a row",
                ROWS as f64,
                Box::new(|| {
                    let mut done = 0;
                    let ran = wasm_dyld_func_call_rows(
                        prepared,
                        columns.as_ptr(),
                        3,
                        ROWS,
                        &raw mut done,
                        null_mut(),
                    );
                    ran == 0 && done == ROWS
                }),
            ),
        ]
    };
    for (what, ns, ratio) in timed(ways)? {
        println!("  {what:34} {ns:8.1} {ratio:8.2}");
    }
    // The same function, beside a library that has the guest's stack pointer.
    let bytes = stack_library();
    // SAFETY: as above.
    unsafe {
        let loaded = wasm_dyld_load_bytes(
            ns,
            c"libstack.so".as_ptr(),
            bytes.as_ptr(),
            bytes.len(),
            0,
            &raw mut object,
            null_mut(),
        );
        worked("loading", loaded)?;
    }
    // SAFETY: as above.
    let ways: Vec<Way<'_>> = unsafe {
        vec![
            (
                "wasm_func_call",
                times,
                Box::new(|| (0..CALLS).all(|_| (api.wasm_func_call)(add, given, got).is_null())),
            ),
            (
                "wasm_dyld_func_call, with a stack",
                times,
                Box::new(|| {
                    (0..CALLS).all(|_| wasm_dyld_func_call(prepared, given, got, null_mut()) == 0)
                }),
            ),
        ]
    };
    for (what, ns, ratio) in timed(ways)?.into_iter().skip(1) {
        println!("  {what:34} {ns:8.1} {ratio:8.2}");
    }
    let inside = |run: &Func| {
        let mut result = [Val::u32(0)];
        run.call(&[Val::u32(CALLS)], &mut result).is_ok()
    };
    let ways: Vec<Way<'_>> = vec![
        (
            "guest to host, no linker",
            times,
            Box::new(|| inside(&bare_run)),
        ),
        ("guest to host", times, Box::new(|| inside(&run))),
    ];
    for (what, ns, ratio) in timed(ways)? {
        println!("  {what:34} {ns:8.1} {ratio:8.2}");
    }
    // SAFETY: ours, not used again, before the store.
    unsafe {
        wasm_dyld_func_delete(prepared);
        wasm_dyld_delete(ns);
    }
    Ok(())
}

/// Beside the program: the profile's folder.
fn built() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.parent()?.parent()?.to_path_buf())
}

fn engines() -> Vec<(String, PathBuf)> {
    if let Ok(listed) = std::env::var("WASMDYLD_TEST_ENGINES") {
        let entries = listed.split(':').filter_map(|entry| entry.split_once('='));
        return entries
            .map(|(name, path)| (name.to_string(), path.into()))
            .collect();
    }
    let Some(built) = built() else {
        return Vec::new();
    };
    let folder = built.join("../engines/target/release");
    let known = [("wasmer", "libwasmer_engine.so"), ("wasmi", "libwasmi.so")];
    let there = known.map(|(name, file)| (name.to_string(), folder.join(file)));
    there
        .into_iter()
        .filter(|(_, path)| path.exists())
        .collect()
}

const PYTHON: &str = "
import sys, time, wasmdyld
from array import array
ns = wasmdyld.Namespace()
ns.define('env', 'callee', lambda a, b: a + b, '(i32, i32) -> i32')
add = ns.load_bytes('libadd.so', bytes.fromhex(sys.argv[1])).add
best = []
for _ in range(15):
    start = time.thread_time()
    for _ in range(20000): add(1, 2)
    called = time.thread_time() - start
    start = time.thread_time()
    for _ in range(20000): pass
    best.append((called - (time.thread_time() - start)) / 20000 * 1e6)
print(f'{sorted(best)[7]:.2f}')
";

/// Microseconds of `add(1, 2)` in Python, in the package's sources and the library beside this program.
fn python() -> std::result::Result<String, String> {
    let library = built()
        .map(|built| built.join("libwasmdyld.so"))
        .filter(|library| library.exists());
    let library = library.ok_or("there is no libwasmdyld.so: `cargo build --release` makes it")?;
    let python = std::env::var_os("WASMDYLD_PYTHON").unwrap_or_else(|| "python3".into());
    let hex: String = library_bytes_in_hex();
    let output = Command::new(python)
        .args(["-c", PYTHON, &hex])
        .env("WASMDYLD_LIBRARY", library)
        .env(
            "PYTHONPATH",
            concat!(env!("CARGO_MANIFEST_DIR"), "/bindings/python/src"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .map_err(|e| e.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_string()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
    }
}

fn library_bytes_in_hex() -> String {
    library().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() -> Result<()> {
    println!(
        "medians of {ROUNDS} rounds: ns a call, and x the engine's own wasm_func_call (guest to host: x without the linker)"
    );
    let linked = Api::linked();
    println!("\n{}", shim::of(linked).name());
    measure(linked, None)?;
    for (name, path) in engines() {
        // SAFETY: the user names a library whose code is to run, or has built it.
        let api = unsafe { EngineLibrary::open(&path)? }.api();
        println!("\n{name}");
        measure(api, Some(&path))?;
    }
    match python() {
        Ok(time) => println!("\nPython, add(1, 2): {time} us"),
        Err(why) => println!("\nPython is left out: {why}"),
    }
    Ok(())
}
