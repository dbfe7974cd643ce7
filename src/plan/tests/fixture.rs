//! A folder of `tests/plans`: modules as text, and how to load them.
//!
//! `main.wat` is the main program and `libNAME.wat` is `libNAME.so`; the imports of `host.wat` are what the host
//! defines, those of `override.wat` what it defines overriding. `options.txt` has a directive a line:
//!
//! ```text
//! load NAME [global] [deepbind] [lazy]   a load; without any, main is loaded
//! grow memory PAGES | grow table SLOTS   the guest grows its memory or table between two loads
//! map                                    the link map, as it is then
//! preload NAME                           plt wasm|host          same NAME OTHER (one file, two names)
//! stack BYTES                            pages N, slots N, objects N (limits)
//! ```

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::world::{Flags, World};
use crate::error::{Error, Result};
use crate::object::{Object, ParseLimits};
use crate::plan::*;

enum Step {
    Load(String, Flags),
    GrowMemory(u64),
    GrowTable(u64),
    Map,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans")
}

/// Compares what the folder gives with what is written down there.
pub fn check(name: &str) {
    let folder = folder().join(name);
    let (file, other, text) = match run(&folder) {
        Ok(plans) => ("plan.txt", "error.txt", plans),
        Err(error) => ("error.txt", "plan.txt", describe(&error)),
    };
    let path = folder.join(file);
    if std::env::var_os("WASMDYLD_BLESS").is_some_and(|v| v == "1") {
        let _ = std::fs::remove_file(folder.join(other));
        std::fs::write(&path, &text).unwrap();
    }
    assert!(
        !folder.join(other).exists(),
        "{name}: {other} is there, but this came out:\n{text}"
    );
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|e| {
        panic!("{name}/{file}: {e}; WASMDYLD_BLESS=1 writes it. This came out:\n{text}")
    });
    assert!(
        golden == text,
        "{name}/{file} (WASMDYLD_BLESS=1 writes it anew)\n--- expected\n{golden}--- came out\n{text}"
    );
}

fn describe(error: &Error) -> String {
    format!("{:?}\n{error}\n", error.code())
}

fn run(folder: &Path) -> Result<String> {
    let (mut world, steps) = set_up(folder)?;
    let mut text = String::new();
    for step in steps {
        match (step, &mut world.now) {
            (Step::GrowMemory(pages), Some(now)) => now.memory_pages += pages,
            (Step::GrowTable(slots), Some(now)) => now.table_slots += slots,
            (Step::Load(name, flags), _) => {
                let (_, plan) = world.load(&name, flags)?;
                let _ = write!(text, "load {name}\n{plan}");
            }
            (Step::Map, now) => {
                let texts = &[];
                let now = now.map(|sizes| Now { sizes, texts });
                let _ = write!(text, "map\n{}", map(&world.model, now.as_ref()));
            }
            _ => panic!("nothing to grow before the first load"),
        }
    }
    Ok(text)
}

fn set_up(folder: &Path) -> Result<(World, Vec<Step>)> {
    let mut world = World::default();
    let mut rule = false;
    let files = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "wat"))
    {
        let text = std::fs::read_to_string(path).unwrap();
        rule |= text.starts_with(";; ");
        let bytes = wat::parse_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let stem = path.file_stem().unwrap().to_str().unwrap();
        match stem {
            "main" => world.shelf.put_bytes("main", &bytes, true)?,
            "host" | "override" => {
                let object = Object::parse(&bytes, &ParseLimits::default())?;
                for import in &object.imports {
                    let def = HostDef {
                        ty: import.ty.clone(),
                        precedence: if stem == "override" {
                            Precedence::Before
                        } else {
                            Precedence::Behind
                        },
                    };
                    world.model.host.define(import.module, &import.name, def);
                }
            }
            library => world
                .shelf
                .put_bytes(&format!("{library}.so"), &bytes, false)?,
        }
    }
    assert!(
        rule,
        "{}: no .wat begins with a comment that says the rule",
        folder.display()
    );
    let options = std::fs::read_to_string(folder.join("options.txt")).unwrap_or_default();
    let mut steps = Vec::new();
    for line in options.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        directive(&mut world, &mut steps, &words)
            .unwrap_or_else(|| panic!("{}: {line}", folder.display()));
    }
    if steps.is_empty() {
        steps.push(Step::Load("main".to_string(), Flags::default()));
    }
    Ok((world, steps))
}

fn directive(world: &mut World, steps: &mut Vec<Step>, words: &[&str]) -> Option<()> {
    match words {
        ["load", name, how @ ..] => {
            let mut flags = Flags::default();
            for word in how {
                match *word {
                    "global" => flags.global = true,
                    "deepbind" => flags.deepbind = true,
                    "lazy" => flags.bind = Bind::Lazy,
                    _ => return None,
                }
            }
            steps.push(Step::Load(name.to_string(), flags));
        }
        ["grow", "memory", pages] => steps.push(Step::GrowMemory(pages.parse().ok()?)),
        ["grow", "table", slots] => steps.push(Step::GrowTable(slots.parse().ok()?)),
        ["map"] => steps.push(Step::Map),
        ["preload", name] => world.preloads.push(name.to_string()),
        ["plt", "wasm"] => world.plt = Plt::Wasm,
        ["plt", "host"] => world.plt = Plt::Host,
        ["same", name, other] => world.shelf.link(name, other),
        ["stack", bytes] => world.stack_size = bytes.parse().ok()?,
        ["pages", pages] => world.limits.memory_pages = pages.parse().ok()?,
        ["slots", slots] => world.limits.table_slots = slots.parse().ok()?,
        ["objects", objects] => world.limits.objects = objects.parse().ok()?,
        _ => return None,
    }
    Some(())
}
