//! WebAssembly/wasi-testsuite: programs that were built, each with a specification of what it is given and what comes of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::report::{Row, Verdict};
use super::sides::{BOTH, Ended, Program, Side, Sides, fresh};
use crate::util::{self, Result};

const MOST: Duration = Duration::from_secs(120);
const LANGUAGES: [&str; 3] = ["c", "rust", "assemblyscript"];
const VERSION: &str = "testsuite/wasm32-wasip1";

/// What a program is given, and what is to come of it.
#[derive(Debug, Default, PartialEq)]
struct Specification {
    arguments: Vec<String>,
    env: Vec<(String, String)>,
    /// Beside the program; it is the guest's `/`.
    root: Option<String>,
    /// Beside the program, by their own names.
    folders: Vec<String>,
    code: i32,
    stdout: Option<String>,
    stderr: Option<String>,
    /// What of it we do not know.
    unknown: Option<String>,
}

pub fn run(sides: &Sides, suite: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for language in LANGUAGES {
        let folder = suite.join("tests").join(language).join(VERSION);
        let programs: Vec<PathBuf> = match folder.is_dir() {
            true => util::list(&folder)?,
            false => Vec::new(),
        };
        let is_module = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "wasm");
        let mut modules = programs.iter().filter(is_module).peekable();
        if modules.peek().is_none() {
            println!(
                "    no programs in {}: those that were built are on the branch prod/testsuite-base",
                folder.display()
            );
        }
        for module in modules {
            rows.push(one(sides, language, module)?);
        }
    }
    Ok(rows)
}

fn one(sides: &Sides, language: &str, module: &Path) -> Result<Row> {
    let name = module.file_stem().unwrap_or_default().to_string_lossy();
    let text = module.with_extension("json");
    let specification = match text.is_file() {
        true => read(&util::read(&text)?).map_err(|why| format!("{}: {why}", text.display()))?,
        false => Specification::default(),
    };
    let verdict = |side| -> Result<Verdict> {
        match &specification.unknown {
            Some(what) => Ok(Verdict::Skipped(format!("its specification has {what}"))),
            None => judge(sides, side, module, &specification),
        }
    };
    let [ours, theirs] = BOTH.map(verdict);
    Ok(Row {
        suite: format!("wasi-testsuite, {language}"),
        name: name.into_owned(),
        ours: ours?,
        theirs: theirs?,
    })
}

fn judge(sides: &Sides, side: Side, module: &Path, wanted: &Specification) -> Result<Verdict> {
    let beside = module.parent().unwrap_or(Path::new("."));
    let mut program = Program {
        module: module.into(),
        arguments: wanted.arguments.clone(),
        env: wanted.env.clone(),
        folders: Vec::new(),
    };
    let root = wanted.root.iter().map(|name| (name, "/"));
    let own = wanted.folders.iter().map(|name| (name, name.as_str()));
    for (place, (name, guest)) in root.chain(own).enumerate() {
        // Programs change what is there, and expect it as it was.
        let copy = sides.root.join(format!("folder-{place}"));
        fresh(&copy, Some(&beside.join(name)))?;
        program.folders.push((copy, guest.to_string()));
    }
    let outcome = sides.run(side, &program, MOST)?;
    let expected =
        |stream: &Option<String>, got: &str| stream.as_ref().is_none_or(|text| text == got);
    Ok(match outcome.ended {
        Ended::Code(code) if code == wanted.code => {
            if !expected(&wanted.stdout, &outcome.stdout) {
                Verdict::Failed(format!("it wrote {:?}", outcome.stdout))
            } else if !expected(&wanted.stderr, &outcome.stderr) {
                Verdict::Failed(format!("it wrote {:?} to standard error", outcome.stderr))
            } else {
                Verdict::Passed
            }
        }
        _ => Verdict::Failed(outcome.brief()),
    })
}

fn read(text: &str) -> Result<Specification> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut found = Specification::default();
    match value.get("operations").and_then(Value::as_array) {
        None => fields(&mut found, &value)?,
        Some(operations) => {
            for operation in operations {
                let text = |key: &str| operation.get(key).and_then(Value::as_str);
                match text("type") {
                    Some("run" | "wait") => fields(&mut found, operation)?,
                    Some("read") => {
                        let payload = Some(text("payload").unwrap_or_default().to_string());
                        match text("id") {
                            None | Some("stdout") => found.stdout = payload,
                            _ => found.stderr = payload,
                        }
                    }
                    other => found.unknown = Some(format!("the operation {other:?}")),
                }
            }
        }
    }
    Ok(found)
}

fn fields(found: &mut Specification, object: &Value) -> Result<()> {
    let object = object.as_object().ok_or("it is no object")?;
    let string = |value: &Value| {
        value
            .as_str()
            .map(str::to_string)
            .ok_or("a string is missing")
    };
    let strings = |value: &Value| -> Result<Vec<String>> {
        let list = value.as_array().ok_or("a list is missing")?;
        Ok(list
            .iter()
            .map(string)
            .collect::<std::result::Result<_, _>>()?)
    };
    for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "type" => {}
            "args" => found.arguments = strings(value)?,
            "dirs" => found.folders = strings(value)?,
            "root" => found.root = Some(string(value)?),
            "env" => {
                let pairs = value.as_object().ok_or("`env` is no object")?;
                for (name, value) in pairs {
                    found.env.push((name.clone(), string(value)?));
                }
            }
            "exit_code" => {
                let code = value.as_i64().and_then(|code| i32::try_from(code).ok());
                found.code = code.ok_or("`exit_code` is no number")?;
            }
            "stdout" => found.stdout = Some(string(value)?),
            "stderr" => found.stderr = Some(string(value)?),
            "proposals" if value.as_array().is_some_and(Vec::is_empty) => {}
            other => found.unknown = Some(format!("`{other}`")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_of_both_forms_are_read() {
        let old = read(r#"{"args": ["a"], "env": {"b": "c"}, "dirs": ["d"], "exit_code": 33, "stdout": "hello"}"#).unwrap();
        assert_eq!(old.arguments, ["a"]);
        assert_eq!(old.env, [("b".to_string(), "c".to_string())]);
        assert_eq!(
            (old.folders, old.code, old.stdout),
            (vec!["d".to_string()], 33, Some("hello".into()))
        );
        let new = r#"{"operations": [{"type": "run", "root": "r", "args": ["a"]}, {"type": "read", "payload": "out"}, {"type": "wait", "exit_code": 2}]}"#;
        let new = read(new).unwrap();
        assert_eq!(
            (new.root.as_deref(), new.code, new.stdout.as_deref()),
            (Some("r"), 2, Some("out"))
        );
        assert!(new.unknown.is_none());
    }

    #[test]
    fn what_is_not_known_of_one_is_told() {
        let known = |text| read(text).unwrap().unknown;
        assert_eq!(
            known(r#"{"operations": [{"type": "connect"}]}"#),
            Some(r#"the operation Some("connect")"#.into())
        );
        assert_eq!(
            known(r#"{"proposals": ["http"]}"#),
            Some("`proposals`".into())
        );
        assert!(read(r#"{"args": [1]}"#).is_err());
    }
}
