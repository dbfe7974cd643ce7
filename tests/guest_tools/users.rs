//! What users meet besides the drivers: libraries that are found without being told where, the rule for binfmt_misc, the manual page and completions.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::kit::*;
use super::skip;

/// As users type it: nothing says where libc.so is.
#[test]
fn the_toolchains_libraries_are_found_without_being_told() {
    let folder = scratch("default-path");
    write(&folder, "twice.c", LIBRARY);
    write(&folder, "main.c", PROGRAM);
    let cc = |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
    cc("-shared -o libtwice.so twice.c");
    cc("-o main.wasm main.c -L. -ltwice -Wl,-rpath,$ORIGIN");
    let wasmdyld = |words: &[&str]| {
        let mut command = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
        command.env("WASMDYLD_TOOLCHAIN", guests()).args(words);
        command
    };
    assert_eq!(succeed(&mut wasmdyld(&["run", "main.wasm"])), "2\n");
    succeed(&mut wasmdyld(&["plan", "main.wasm"]));
    succeed(&mut wasmdyld(&["symbols", "main.wasm"]));
    let libc = guests().join("lib/libc.so").display().to_string();
    let text = succeed(&mut wasmdyld(&["ldd", "main.wasm"]));
    assert!(
        text.contains(&format!("libc.so => {libc} (default folder)")),
        "{text}"
    );

    // Last: a library of the program's own comes first, and so does -L.
    fs::create_dir(folder.join("own")).expect("a folder");
    fs::copy(&libc, folder.join("own/libc.so")).expect("a copy");
    let text = succeed(&mut wasmdyld(&["ldd", "-L", "own", "main.wasm"]));
    assert!(
        text.contains("libc.so => own/libc.so (library path)"),
        "{text}"
    );
    let own = &["ldd", "--default-path", "own", "main.wasm"];
    let text = succeed(&mut wasmdyld(own));
    assert!(
        text.contains("libc.so => own/libc.so (default folder)"),
        "{text}"
    );
    let mut ldd = wasmdyld(&["ldd", "main.wasm"]);
    let text = succeed(ldd.env("WASMDYLD_DEFAULT_PATH", "none:own"));
    assert!(
        text.contains("libc.so => own/libc.so (default folder)"),
        "{text}"
    );

    let mut off = [
        wasmdyld(&["run", "--default-path", "off", "main.wasm"]),
        wasmdyld(&["run", "main.wasm"]),
        wasmdyld(&["run", "main.wasm"]),
    ];
    off[1].env("WASMDYLD_DEFAULT_PATH", "off");
    off[2].env("WASMDYLD_DEFAULT_PATH", "");
    for run in &mut off {
        let text = fail(run);
        assert!(text.contains("wasmdyld-cc --print-lib-dir"), "{text}");
        assert!(!text.contains("default folder"), "{text}");
    }
    // Nothing is set up, and nothing said.
    let mut bare = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    let bare = bare.env("HOME", &folder).args(["ldd", "main.wasm"]);
    let text = fail(bare);
    assert!(text.contains("wasmdyld-cc --setup"), "{text}");
}

/// As the kernel reads it (Documentation/admin-guide/binfmt-misc.rst); systemd passes lines through.
#[test]
fn the_rule_for_binfmt_misc_is_one_and_means_core_modules() {
    let text = fs::read_to_string(tool("wasmdyld-binfmt.conf")).expect("the file");
    let is_comment = |line: &&str| line.starts_with(['#', ';']) || line.trim().is_empty();
    let rules: Vec<&str> = text.lines().filter(|line| !is_comment(line)).collect();
    let [rule] = rules[..] else {
        panic!("not one rule: {rules:?}")
    };
    assert!(rule.len() <= 1920, "the kernel takes no more");
    let delimiter = rule.chars().next().expect("a delimiter");
    let fields: Vec<&str> = rule.split(delimiter).collect();
    let ["", name, "M", offset, magic, mask, interpreter, flags] = fields[..] else {
        panic!("not the fields of a rule: {fields:?}")
    };
    assert!(!name.is_empty() && !name.contains('/') && !["register", "status"].contains(&name));
    assert_eq!((offset, mask), ("", ""), "all bytes, from the first on");
    assert!(flags.chars().all(|flag| "POCF".contains(flag)), "{flags}");
    let mut bytes = Vec::new();
    let mut rest = magic;
    while !rest.is_empty() {
        match rest.strip_prefix("\\x") {
            Some(hex) => {
                bytes.push(u8::from_str_radix(&hex[..2], 16).expect("two digits"));
                rest = &hex[2..];
            }
            None => {
                bytes.push(rest.as_bytes()[0]);
                rest = &rest[1..];
            }
        }
    }
    assert_eq!(bytes, b"\0asm\x01\0\0\0");
    let program = Path::new(interpreter);
    assert!(program.is_absolute() && interpreter.len() < 127);
    // What is to be there, started as the kernel starts it: the file's path, then the arguments.
    let name = program.file_name().expect("a name");
    let folder = scratch("binfmt");
    write(
        &folder,
        "echo.c",
        "#include <stdio.h>\nint main(int n, char **a) { while (*++a) puts(*a); return n; }\n",
    );
    succeed(driver("wasmdyld-cc", &folder).args(["-o", "echo", "echo.c"]));
    fs::copy(
        tool(name.to_str().expect("a name")),
        folder.join("wasmdyld-exec"),
    )
    .expect("a copy");
    symlink(env!("CARGO_BIN_EXE_wasmdyld"), folder.join("wasmdyld")).expect("a link");
    let mut command = command(folder.join("wasmdyld-exec"), &folder);
    let command = command
        .env("WASMDYLD_TOOLCHAIN", guests())
        .arg(folder.join("echo"))
        .args(["--one", "two words"]);
    let output = command.output().expect("it starts");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "--one\ntwo words\n",
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(3));
}

/// The options that `--help` lists, those of clang's among them that it says something about.
fn listed_options() -> Vec<String> {
    let help = succeed(driver("wasmdyld-cc", Path::new("/")).arg("--help"));
    let (_, options) = help.split_once("\noptions, ").expect("options");
    let (options, _) = options.split_once("\n\n").expect("an end");
    let lines = options.lines().filter_map(|line| line.strip_prefix("  -"));
    let names = lines.flat_map(|line| {
        let words = line.split("  ").next().unwrap_or_default().split(", ");
        words.map(|word| format!("-{}", word.trim_start_matches('-')))
    });
    let mut names: Vec<String> = names
        .map(|name| {
            name.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_string()
        })
        .filter(|name| !name.starts_with("-Wl"))
        .collect();
    names.push("-shared".to_string());
    names
}

#[test]
fn manual_page_and_completions_know_each_option() {
    let options = listed_options();
    assert!(
        options.len() > 12 && options.contains(&"-print-meson-cross-file".to_string()),
        "{options:?}"
    );
    let read =
        |file: &str| fs::read_to_string(tool(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let page = read("man/wasmdyld-cc.1").replace("Fl -", "Fl ");
    let bash = read("completions/wasmdyld-cc.bash");
    let zsh = read("completions/wasmdyld-cc.zsh");
    let fish = read("completions/wasmdyld-cc.fish");
    for option in &options {
        let plain = option.trim_start_matches('-');
        assert!(
            page.contains(&format!("Fl {plain}")),
            "the page lacks {option}"
        );
        let in_words = |text: &str| {
            text.split(|c: char| c.is_whitespace() || "\"'[".contains(c))
                .any(|word| word.trim_start_matches('-') == plain)
        };
        assert!(in_words(&bash), "bash lacks {option}");
        assert!(in_words(&zsh), "zsh lacks {option}");
        let one = [format!("-o {plain} "), format!("-l {plain} ")];
        assert!(
            one.iter().any(|word| fish.contains(word)),
            "fish lacks {option}"
        );
    }

    if skip::has("mandoc") {
        for entry in fs::read_dir(tool("man")).expect("pages") {
            let page = entry.expect("a page").path();
            let lint = Command::new("mandoc")
                .args(["-T", "lint"])
                .arg(&page)
                .output();
            let lint = lint.expect("mandoc");
            let said = String::from_utf8_lossy(&lint.stdout).into_owned();
            // Whether other pages are installed is not this page's affair.
            let own = said
                .lines()
                .filter(|line| !line.contains("referenced manual not found"));
            assert_eq!(own.collect::<Vec<_>>(), Vec::<&str>::new());
        }
    }
    if skip::has("bash") {
        let folder = scratch("completions");
        fs::create_dir_all(folder.join("inner/deep")).expect("folders");
        let completed = |words: &[&str]| {
            let script = format!(
                ". '{}'; COMP_WORDS=({}); COMP_CWORD={}; _wasmdyld_cc; echo \"${{COMPREPLY[*]}}\"",
                tool("completions/wasmdyld-cc.bash").display(),
                words.join(" "),
                words.len() - 1
            );
            let mut bash = command("bash", &folder);
            succeed(bash.args(["-c", &script])).trim().to_string()
        };
        assert_eq!(
            completed(&["wasmdyld-cc", "--print-l"]),
            "--print-lib-dir --print-ld"
        );
        assert_eq!(completed(&["wasmdyld-c++", "--setj"]), "--setjmp");
        assert_eq!(completed(&["wasmdyld-cc", "-L", "inn"]), "inner");
        assert_eq!(completed(&["wasmdyld-cc", "-Linn"]), "-Linner");
        assert_eq!(completed(&["wasmdyld-cc", "inner/d"]), "inner/deep");
    }
}
