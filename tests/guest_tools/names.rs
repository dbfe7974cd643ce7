//! What a library is called, and what others need of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::kit::*;

#[test]
fn sonames_are_what_others_need() {
    let folder = scratch("sonames");
    write(&folder, "twice.c", LIBRARY);
    write(&folder, "main.c", PROGRAM);
    let cc = |words: &[&str]| succeed(driver("wasmdyld-cc", &folder).args(words));
    let library = ["-shared", "-o", "libtwice-0.so.2.0.9", "twice.c"];
    let soname = Some("libtwice-0.so.2".to_string());
    // As people, libtool, Solaris' users and CMake write it.
    for form in [
        &["-Wl,-soname,libtwice-0.so.2"][..],
        &["-Wl,-soname=libtwice-0.so.2"],
        &["-Wl,-soname", "-Wl,libtwice-0.so.2"],
        &["-Xlinker", "--soname", "-Xlinker", "libtwice-0.so.2"],
        &["-Wl,-h,libtwice-0.so.2"],
        &["-Wl,-hlibtwice-0.so.2"],
        &["-s", "-O2", "-g", "-Wl,-soname,libtwice-0.so.2"],
    ] {
        assert_eq!(cc(&[&library, form].concat()), "");
        let found = names(&folder, "libtwice-0.so.2.0.9");
        assert_eq!(found, (soname.clone(), vec!["libc.so".into()]), "{form:?}");
    }
    for link in ["libtwice-0.so.2", "libtwice.so"] {
        symlink("libtwice-0.so.2.0.9", folder.join(link)).expect("a link");
    }
    // By -l and by the file.
    for file in [&["-L.", "-ltwice"][..], &["libtwice.so"]] {
        cc(&[&["-o", "main.wasm", "main.c"], file].concat());
        let needed = names(&folder, "main.wasm").1;
        assert_eq!(needed, ["libtwice-0.so.2", "libc.so"], "{file:?}");
        assert_eq!(run(&folder, "main.wasm"), "2\n");
    }
    // What users have installed: no link for linkers.
    fs::remove_file(folder.join("libtwice.so")).expect("the link");
    assert_eq!(run(&folder, "main.wasm"), "2\n");

    // Loaded under another file's name, it is known by its own.
    fs::rename(
        folder.join("libtwice-0.so.2.0.9"),
        folder.join("libother.so"),
    )
    .expect("a new name");
    fs::remove_file(folder.join("libtwice-0.so.2")).expect("the link");
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    let with = |wasmdyld: &mut Command, words: &[&str]| {
        let all = ["-L", ".", "-L"];
        wasmdyld
            .args(words)
            .args(all)
            .arg(guests().join("lib"))
            .arg("main.wasm");
    };
    with(&mut wasmdyld, &["run"]);
    let text = fail(&mut wasmdyld);
    assert!(
        text.contains("libtwice-0.so.2, needed by main.wasm"),
        "{text}"
    );
    let mut wasmdyld = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut wasmdyld, &["run", "--preload", "libother.so"]);
    assert_eq!(succeed(&mut wasmdyld), "2\n");
    let mut ldd = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut ldd, &["ldd", "--preload", "libother.so"]);
    let text = succeed(&mut ldd);
    let shown = "├─ libother.so (soname libtwice-0.so.2) => ./libother.so (library path)";
    assert!(text.contains(shown), "{text}");
    assert!(text.contains("├─ libtwice-0.so.2 (above)"), "{text}");
    let mut plan = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut plan, &["plan", "--preload", "libother.so"]);
    let text = succeed(&mut plan);
    assert!(
        text.contains("libother.so (soname libtwice-0.so.2) "),
        "{text}"
    );
    let mut run = command(env!("CARGO_BIN_EXE_wasmdyld"), &folder);
    with(&mut run, &["run", "--map", "-", "--preload", "libother.so"]);
    let text = succeed(&mut run);
    assert!(text.contains(", soname libtwice-0.so.2, global"), "{text}");

    for bad in ["lib/x.so", "..", "a\u{1b}b", ""] {
        let text = fail(
            driver("wasmdyld-cc", &folder)
                .args(library)
                .args(["-Xlinker", "-soname", "-Xlinker", bad]),
        );
        assert!(text.contains("-soname"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    // A program has none, as nobody needs it.
    cc(&["-o", "none.wasm", "twice.c", "main.c", "-Wl,-soname,x.so"]);
    assert_eq!(names(&folder, "none.wasm"), (None, vec!["libc.so".into()]));
}

#[test]
fn guests_open_a_library_by_either_name() {
    let folder = scratch("soname-dlopen");
    write(&folder, "twice.c", LIBRARY);
    write(
        &folder,
        "open.c",
        r#"#include <stdio.h>
#include <wasmdyld/dlfcn.h>
int main(void) {
    void *none = dlopen("libtwice.so.1", RTLD_NOW);
    void *one = dlopen("libtwice-file.so", RTLD_NOW), *two = dlopen("libtwice.so.1", RTLD_NOW | RTLD_NOLOAD);
    printf("%d %d\n", none == 0, one && one == two);
    dlclose(one), dlclose(two);
    printf("%d\n", dlopen("libtwice.so.1", RTLD_NOW | RTLD_NOLOAD) == 0);
}
"#,
    );
    let cc = |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
    cc("-shared -o libtwice-file.so twice.c -Wl,-soname,libtwice.so.1");
    cc("-o open.wasm open.c");
    assert_eq!(run(&folder, "open.wasm"), "1 1\n1\n");
}

#[test]
fn what_is_not_used_is_not_needed_if_that_is_asked() {
    let folder = scratch("as-needed");
    write(&folder, "twice.c", LIBRARY);
    write(&folder, "other.c", "int other(void) { return 1; }\n");
    write(&folder, "main.c", PROGRAM);
    let cc = |words: &str| succeed(driver("wasmdyld-cc", &folder).args(words.split_whitespace()));
    cc("-shared -o libtwice.so twice.c");
    cc("-shared -o libother.so other.c");
    for (words, needed) in [
        (
            "-ltwice -lother",
            &["libtwice.so", "libother.so", "libc.so"][..],
        ),
        (
            "-Wl,--as-needed -ltwice -lother",
            &["libtwice.so", "libc.so"],
        ),
        (
            "-Wl,--as-needed -ltwice -Wl,--no-as-needed -lother",
            &["libtwice.so", "libother.so", "libc.so"],
        ),
        (
            "-ltwice -Wl,--push-state,--as-needed -Wl,-lother,--pop-state -lother",
            &["libtwice.so", "libother.so", "libc.so"],
        ),
        // setjmp is not used either.
        ("--setjmp -ltwice", &["libtwice.so", "libc.so"]),
    ] {
        cc(&format!("-o main.wasm main.c -L. {words}"));
        assert_eq!(names(&folder, "main.wasm").1, needed, "{words}");
        assert_eq!(run(&folder, "main.wasm"), "2\n", "{words}");
    }
    write(
        &folder,
        "jump.c",
        "#include <setjmp.h>\nint main(void) { jmp_buf b; if (!setjmp(b)) longjmp(b, 1); }\n",
    );
    cc("--setjmp -o jump.wasm jump.c");
    assert_eq!(names(&folder, "jump.wasm").1, ["libsetjmp.so", "libc.so"]);
}
