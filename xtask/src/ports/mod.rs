//! `cargo xtask ports [NAME...]`: other people's projects, built for wasmdyld by their own build systems, and their own tests run. What each
//! takes is in `guests/ports/NAME.sh`. Everything is below `<target>/ports`:
//!
//! ```text
//! debian/, crates/, pypi/   sources, and programs that were fetched; these stay
//! NAME/                     the project, built
//! NAME.log                  what that printed
//! installed/                what all of them have installed
//! ```

mod recipe;
mod sources;

use crate::guests;
use crate::library;
use crate::util::{self, At, Result};
use recipe::{Recipe, Source, Tests};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Registers guests with the kernel for a process and its children, who have their own list of such formats (Linux 6.7 and later), and then
/// executes what follows. The first argument is the rule.
const STARTING: &str = r#"
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' "$1" >/proc/sys/fs/binfmt_misc/register
shift
exec "$@""#;
/// The rule as it is installed, and the program in it.
const RULE: &str = include_str!("../../../guests/tools/wasmdyld-binfmt.conf");
const INTERPRETER: &str = "/usr/bin/wasmdyld-exec";

pub fn main(arguments: &[String]) -> Result<()> {
    let all = read_all()?;
    if let Some(unknown) = arguments
        .iter()
        .find(|name| !all.iter().any(|recipe| recipe.name == **name))
    {
        let names: Vec<&str> = all.iter().map(|recipe| recipe.name.as_str()).collect();
        return Err(format!(
            "no port is called `{unknown}`; there are {}",
            names.join(", ")
        ));
    }
    let root = util::target_dir().join("ports");
    util::create_dir(&root)?;
    // Two runs would take each other's folders away.
    let lock_file = root.join("lock");
    let lock = fs::File::create(&lock_file).at("create", &lock_file)?;
    lock.lock().at("lock", &lock_file)?;
    let place = Place::new(root)?;
    util::step("ports");
    let mut rows = Vec::new();
    for recipe in select(&all, arguments)? {
        rows.push((recipe, place.port(recipe)));
    }
    println!("\n{}", table(&rows));
    let failed: Vec<&str> = rows
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
        .map(|(recipe, _)| recipe.name.as_str())
        .collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{}: see above, and {}",
            failed.join(", "),
            place.root.join("NAME.log").display()
        )),
    }
}

fn scripts() -> PathBuf {
    util::workspace().join("guests/ports")
}

fn read_all() -> Result<Vec<Recipe>> {
    let mut recipes = Vec::new();
    for file in util::list(&scripts())? {
        if file.extension().is_some_and(|extension| extension == "sh") {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            recipes.push(recipe::parse(&name, &util::read(&file)?)?);
        }
    }
    Ok(recipes)
}

/// The named recipes or all, each behind those whose libraries it uses.
fn select<'a>(all: &'a [Recipe], names: &[String]) -> Result<Vec<&'a Recipe>> {
    let mut open: Vec<&str> = names.iter().map(String::as_str).collect();
    if open.is_empty() {
        open = all.iter().map(|recipe| recipe.name.as_str()).collect();
    }
    open.reverse();
    let mut selected: Vec<&Recipe> = Vec::new();
    // What a name waits for goes on top of it; more than all names in a row wait in a circle.
    while let Some(name) = open.pop() {
        let recipe = all.iter().find(|recipe| recipe.name == name);
        let recipe = recipe.ok_or_else(|| format!("a port comes after `{name}`, which is none"))?;
        let is_there = |name: &str| selected.iter().any(|recipe| recipe.name == name);
        if is_there(name) {
            continue;
        }
        let waits: Vec<&str> = recipe
            .after
            .iter()
            .map(String::as_str)
            .filter(|after| !is_there(after))
            .collect();
        if waits.is_empty() {
            selected.push(recipe);
        } else if open.len() > all.len() * 2 {
            return Err(format!(
                "ports come after each other in a circle, {name} among them"
            ));
        } else {
            open.push(name);
            open.extend(waits);
        }
    }
    Ok(selected)
}

enum Outcome {
    Built {
        version: String,
        tests: Tests,
        took: Duration,
    },
    Skipped(String),
    Failed(String),
}

/// Where ports are built, and with what.
struct Place {
    root: PathBuf,
    /// Folders of programs: the tools for guests, and the command.
    programs: Vec<PathBuf>,
    toolchain: PathBuf,
    /// Whether the kernel lets us register guests.
    starts: bool,
}

impl Place {
    fn new(root: PathBuf) -> Result<Place> {
        guests::main(
            &[
                "libc.so",
                "libc++.so",
                "libsetjmp.so",
                "libwasi-emulated-signal.so",
                "libwasi-emulated-process-clocks.so",
            ]
            .map(String::from),
        )?;
        let bin = match std::env::var_os("WASMDYLD_TEST_PREFIX") {
            // As tests have it.
            Some(prefix) => vec![PathBuf::from(prefix).join("bin")],
            None => vec![
                util::workspace().join("guests/tools"),
                library::stage()?.bin,
            ],
        };
        let starts = starting(&exec(&bin))
            .arg("true")
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        util::remove(&root.join("installed"))?;
        Ok(Place {
            root,
            programs: bin,
            toolchain: guests::Layout::new().root,
            starts,
        })
    }

    /// Builds a port and runs its tests; tells how it went.
    fn port(&self, recipe: &Recipe) -> Outcome {
        if let Some(why) = self.missing(recipe) {
            println!("    {:<56} skipped: {why}", recipe.project);
            return Outcome::Skipped(why);
        }
        let start = Instant::now();
        match self.build(recipe) {
            Ok((version, tests)) => {
                let took = start.elapsed();
                util::done(
                    format!(
                        "{} {version}: {} of {} tests",
                        recipe.project, tests.passed, tests.all
                    ),
                    took,
                );
                Outcome::Built {
                    version,
                    tests,
                    took,
                }
            }
            Err(why) => {
                println!("    {}: {why}", recipe.project);
                Outcome::Failed(why)
            }
        }
    }

    fn missing(&self, recipe: &Recipe) -> Option<String> {
        let mut needs = recipe.needs.iter().map(String::as_str);
        let tool = needs
            .find(|tool| !is_there(tool))
            .or_else(|| sources::missing(&recipe.source));
        if let Some(tool) = tool {
            return Some(format!("this machine has no {tool}"));
        }
        match recipe.starts && !self.starts {
            true => Some("this machine's kernel lets nobody but root register guests (binfmt_misc, Linux 6.7)".into()),
            false => None,
        }
    }

    fn build(&self, recipe: &Recipe) -> Result<(String, Tests)> {
        let source = sources::fetch(&self.root, &recipe.source)?;
        let folder = self.root.join(&recipe.name);
        util::remove(&folder)?;
        // Files of the same owner, whatever the archive says: in a namespace of its own a user has no others.
        util::run_quiet(
            Command::new("cp")
                .args(["-R", "--preserve=mode,timestamps,links"])
                .arg(&source.folder)
                .arg(&folder),
        )?;
        let script = util::beside(&scripts().join(&recipe.name), "sh");
        let shell = ["sh", "-eu"]
            .map(OsString::from)
            .into_iter()
            .chain([script.into()]);
        let mut command = match recipe.starts {
            true => starting(&exec(&self.programs)),
            false => Command::new("env"),
        };
        command
            .args(shell)
            .current_dir(&folder)
            .stdin(Stdio::null());
        self.environment(&mut command, recipe)?;
        let log = util::beside(&folder, "log");
        util::remove(&log)?;
        // Whatever else opens it writes to its end, too.
        let mut options = fs::File::options();
        let file = options
            .append(true)
            .create(true)
            .open(&log)
            .at("create", &log)?;
        command
            .stderr(file.try_clone().at("share", &log)?)
            .stdout(file);
        let status = command
            .status()
            .map_err(|error| format!("cannot start a shell: {error}"))?;
        let output = String::from_utf8_lossy(&fs::read(&log).at("read", &log)?).into_owned();
        if !status.success() {
            let lines: Vec<&str> = output.lines().collect();
            let tail = lines[lines.len().saturating_sub(20)..].join("\n    | ");
            return Err(format!("{status}, see {}\n    | {tail}", log.display()));
        }
        for library in &recipe.libraries {
            let file = self.root.join("installed/lib").join(library);
            self.is_known_as(&file, library)?;
        }
        let tests = recipe::tests(&output);
        match tests.all > 0 && tests.passed == tests.all {
            true => Ok((source.version, tests)),
            false => Err(format!(
                "{} of {} tests passed, see {}",
                tests.passed,
                tests.all,
                log.display()
            )),
        }
    }

    /// That a library is a module that others need by this name.
    fn is_known_as(&self, file: &Path, name: &str) -> Result<()> {
        let mut inspect = Command::new("wasmdyld");
        inspect
            .arg("inspect")
            .arg(file)
            .env("PATH", self.path(None)?)
            .env("NO_COLOR", "1");
        let text = util::run_quiet(&mut inspect)?;
        let soname = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("soname "));
        match soname.map(str::trim) {
            Some(soname) if soname == name => Ok(()),
            // The file's name stands for it.
            None if !file.is_symlink() => Ok(()),
            soname => Err(format!(
                "{} has the name {soname:?}, not {name}",
                file.display()
            )),
        }
    }

    fn environment(&self, command: &mut Command, recipe: &Recipe) -> Result<()> {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let own = ["WASMDYLD_", "CARGO", "MAKE", "MFLAGS", "WASI_SDK"]
                .iter()
                .any(|own| text.starts_with(own));
            let settings = [
                "CC",
                "CXX",
                "CFLAGS",
                "CXXFLAGS",
                "CPPFLAGS",
                "LDFLAGS",
                "AR",
                "NM",
                "RANLIB",
                "LD_LIBRARY_PATH",
                "DESTDIR",
            ];
            if own || settings.contains(&&*text) {
                command.env_remove(&name);
            }
        }
        let pypi = match recipe.from_pypi.is_empty() {
            true => None,
            false => Some(self.pypi(&recipe.from_pypi)?),
        };
        let compiler = self.programs.first().cloned().unwrap_or_default();
        let mut ask = Command::new(compiler.join("wasmdyld-cc"));
        let site = util::run_quiet(ask.arg("--print-config-site"))?;
        command
            .env("PATH", self.path(pypi)?)
            .env("CONFIG_SITE", site.trim())
            .env("WASMDYLD_TOOLCHAIN", &self.toolchain)
            .env("INSTALLED", self.root.join("installed"))
            .env("LC_ALL", "C.UTF-8");
        Ok(())
    }

    fn path(&self, more: Option<PathBuf>) -> Result<OsString> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = self
            .programs
            .iter()
            .cloned()
            .chain(more)
            .chain(std::env::split_paths(&path));
        std::env::join_paths(folders).map_err(|error| error.to_string())
    }

    /// The folder of programs of an environment with these packages of PyPI.
    fn pypi(&self, packages: &[String]) -> Result<PathBuf> {
        let name = packages.join("+").replace("==", "-");
        let place = self.root.join("pypi").join(&name);
        if !place.join("complete").exists() {
            util::timed(format!("PyPI {}", packages.join(" ")), || {
                util::remove(&place)?;
                util::run_quiet(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
                let mut pip = Command::new(place.join("bin/python"));
                pip.args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ]);
                util::run_quiet(pip.args(packages))?;
                util::write(&place.join("complete"), "")
            })?;
        }
        Ok(place.join("bin"))
    }
}

fn is_there(tool: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", "command -v \"$1\" >/dev/null", "sh", tool]);
    command.status().is_ok_and(|status| status.success())
}

/// What starts a guest for the kernel.
fn exec(programs: &[PathBuf]) -> PathBuf {
    let folder = programs.first().cloned().unwrap_or_default();
    folder.join("wasmdyld-exec")
}

fn starting(exec: &Path) -> Command {
    let rule = RULE.lines().last().unwrap_or_default();
    let rule = rule.replace(INTERPRETER, &exec.display().to_string());
    let mut command = Command::new("unshare");
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-euc",
            STARTING,
            "sh",
        ])
        .arg(rule);
    command
}

/// The outcomes as a table of Markdown.
fn table(rows: &[(&Recipe, Outcome)]) -> String {
    let mut text = String::from(
        "| project | source | build system | libraries | tests passed | time |\n|---|---|---|---|---|---|\n",
    );
    for (recipe, outcome) in rows {
        let source = match &recipe.source {
            Source::Debian(package) => format!("Debian's {package}"),
            Source::Crate { name, .. } => format!("crate {name}"),
        };
        let libraries: Vec<String> = recipe
            .libraries
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let (version, tests, took) = match outcome {
            Outcome::Built {
                version,
                tests,
                took,
            } => {
                let tests = format!("{} of {}", tests.passed, tests.all);
                (format!(" {version}"), tests, util::seconds(*took))
            }
            Outcome::Skipped(why) => (String::new(), format!("skipped: {why}"), String::new()),
            Outcome::Failed(why) => {
                let first = why.lines().next().unwrap_or_default();
                (String::new(), format!("failed: {first}"), String::new())
            }
        };
        text.push_str(&format!(
            "| {}{version} | {source} | {} | {} | {tests} | {took} |\n",
            recipe.project,
            recipe.build,
            libraries.join(", "),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipes(text: &[(&str, &str)]) -> Vec<Recipe> {
        let make = |(name, after): &(&str, &str)| {
            let script = format!(
                "# project: {name}\n# build: make\n# source: debian {name}\n# after: {after}\n# libraries: x\n"
            );
            recipe::parse(name, &script).unwrap()
        };
        text.iter().map(make).collect()
    }

    #[test]
    fn ports_come_behind_those_that_they_use() {
        let all = recipes(&[("png", "z math"), ("z", ""), ("math", "z"), ("yaml", "")]);
        let order = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            let selected = select(&all, &names).unwrap();
            selected
                .iter()
                .map(|recipe| recipe.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(order(&["png"]), ["z", "math", "png"]);
        assert_eq!(order(&["yaml", "math", "z"]), ["yaml", "z", "math"]);
        assert_eq!(order(&[]).len(), 4);
        let circle = recipes(&[("a", "b"), ("b", "a")]);
        assert!(select(&circle, &[]).unwrap_err().contains("circle"));
        let lost = recipes(&[("a", "b")]);
        assert!(select(&lost, &[]).unwrap_err().contains("`b`"));
    }

    #[test]
    fn all_scripts_say_what_they_take() {
        let all = read_all().unwrap();
        assert!(all.len() >= 7);
        select(&all, &[]).unwrap();
    }
}
