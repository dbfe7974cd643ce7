//! Where the sources of ports come from: packages of Debian's, by apt-get with lists of its own, and crates.

use super::recipe::Source;
use crate::util::{self, At, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether a source can be had on this machine; what is missing, if not.
pub fn missing(source: &Source) -> Option<&'static str> {
    match source {
        Source::Crate { .. } => None,
        Source::Debian(_) => ["apt-get", "dpkg-source"]
            .into_iter()
            .find(|tool| !util::works(tool, &["--version"])),
    }
}

/// A source, unpacked and as it was published.
pub struct Unpacked {
    pub folder: PathBuf,
    pub version: String,
}

/// Fetches a source below `root`, where it stays for later runs.
pub fn fetch(root: &Path, source: &Source) -> Result<Unpacked> {
    match source {
        Source::Debian(package) => debian(root, package),
        Source::Crate { name, folder } => of_crate(root, name, folder),
    }
}

fn debian(root: &Path, package: &str) -> Result<Unpacked> {
    let place = root.join("debian").join(package);
    if !place.exists() {
        let lists = Lists::new(root)?;
        let scratch = util::beside(&place, "tmp");
        util::remove(&scratch)?;
        util::create_dir(&scratch)?;
        util::timed(format!("Debian's source of {package}"), || {
            let mut command = lists.apt_get();
            command
                .args(["source", "--quiet", package])
                .current_dir(&scratch);
            util::run_quiet(&mut command)?;
            util::install_dir(&scratch, &place)
        })?;
    }
    let folder = util::list(&place)?.into_iter().find(|entry| entry.is_dir());
    let folder =
        folder.ok_or_else(|| format!("{}: apt-get has unpacked nothing", place.display()))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let version = name
        .rsplit_once('-')
        .map_or("", |(_, version)| version)
        .to_string();
    Ok(Unpacked { folder, version })
}

/// Lists of packages of this task's own, so that nothing of the system changes and no other rights are needed.
struct Lists {
    folder: PathBuf,
}

impl Lists {
    fn new(root: &Path) -> Result<Lists> {
        let folder = root.join("apt");
        let lists = Lists { folder };
        let stamp = lists.folder.join("complete");
        if stamp.exists() {
            return Ok(lists);
        }
        for part in ["lists/partial", "cache/archives/partial", "sources"] {
            util::create_dir(&lists.folder.join(part))?;
        }
        let mut found = false;
        for file in places() {
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let extension = file
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let wanted = sources_of(&text, extension == "sources");
            if !wanted.is_empty() {
                found = true;
                util::write(
                    &lists
                        .folder
                        .join("sources")
                        .join(file.file_name().unwrap_or_default()),
                    wanted,
                )?;
            }
        }
        if !found {
            return Err("apt-get knows no place of Debian's packages".into());
        }
        util::timed("Debian's lists of sources", || {
            util::run_quiet(lists.apt_get().args(["--quiet", "update"]))
        })?;
        util::write(&stamp, "")?;
        Ok(lists)
    }

    fn apt_get(&self) -> Command {
        let mut command = Command::new("apt-get");
        for (option, value) in [
            ("Dir::Etc::sourcelist", PathBuf::from("/dev/null")),
            ("Dir::Etc::sourceparts", self.folder.join("sources")),
            ("Dir::State::lists", self.folder.join("lists")),
            ("Dir::Cache", self.folder.join("cache")),
        ] {
            command
                .arg("-o")
                .arg(format!("{option}={}", value.display()));
        }
        command
    }
}

/// The files in which apt-get is told where packages are.
fn places() -> Vec<PathBuf> {
    let apt = Path::new("/etc/apt");
    let mut files = vec![apt.join("sources.list")];
    files.extend(util::list(&apt.join("sources.list.d")).unwrap_or_default());
    files
}

/// Debian's entries of such a file, with sources in place of programs. Those of others have no sources, or none that are wanted; those of security
/// updates come and go, and mirrors lag behind.
fn sources_of(text: &str, has_stanzas: bool) -> String {
    if !has_stanzas {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("deb ") && is_debians(line));
        return lines
            .map(|line| format!("deb-src {}\n", &line[4..]))
            .collect();
    }
    let stanzas = text.split("\n\n").filter(|stanza| is_debians(stanza));
    let mut wanted = String::new();
    for stanza in stanzas {
        for line in stanza.lines().filter(|line| !line.starts_with('#')) {
            wanted.push_str(if line.starts_with("Types:") {
                "Types: deb-src"
            } else {
                line
            });
            wanted.push('\n');
        }
        wanted.push('\n');
    }
    wanted
}

fn is_debians(entry: &str) -> bool {
    entry.contains("/debian") && !entry.contains("/debian-security")
}

fn of_crate(root: &Path, name: &str, folder: &str) -> Result<Unpacked> {
    let manifest = util::workspace().join("guests/ports/sources/Cargo.toml");
    let lock = util::read(&manifest.with_extension("lock"))?;
    let place = root.join("crates");
    let stamp = place.join("complete.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|found| found == lock) {
        util::timed("crates with C projects", || {
            let unpacked = util::beside(&place, "tmp");
            util::remove(&unpacked)?;
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut command = Command::new(cargo);
            command.args(["vendor", "--locked", "--versioned-dirs", "--manifest-path"]);
            util::run_quiet(command.arg(&manifest).arg(&unpacked))?;
            util::install_dir(&unpacked, &place)?;
            util::write(&stamp, &lock)
        })?;
    }
    let prefix = format!("{name}-");
    let versions = util::list(&place)?.into_iter().filter_map(|entry| {
        let version = entry
            .file_name()?
            .to_str()?
            .strip_prefix(&prefix)?
            .to_string();
        version
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some((entry, version))
    });
    let found = versions
        .map(|(entry, version)| (entry.join(folder), version))
        .next();
    let (folder, version) =
        found.ok_or_else(|| format!("no crate {name} is in {}", place.display()))?;
    fs::metadata(&folder).at("find", &folder)?;
    Ok(Unpacked {
        folder,
        version: format!("of crate {version}"),
    })
}

#[cfg(test)]
mod tests {
    use super::sources_of;

    #[test]
    fn of_apts_places_debians_are_taken_for_sources() {
        let lines = "# deb http://mirror/debian x main\ndeb http://mirror/debian x main\ndeb http://other/tool y main\ndeb http://mirror/debian-security x main\n";
        assert_eq!(
            sources_of(lines, false),
            "deb-src http://mirror/debian x main\n"
        );
        let stanzas = "Types: deb\n# an older one\nURIs: http://mirror/debian\nSuites: x\n\nTypes: deb\nURIs: http://other/tool\nSuites: y\n";
        assert_eq!(
            sources_of(stanzas, true),
            "Types: deb-src\nURIs: http://mirror/debian\nSuites: x\n\n"
        );
    }
}
