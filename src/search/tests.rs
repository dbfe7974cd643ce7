//! Searching without a load around it.

use super::*;

#[test]
fn names_that_reach_no_file_system() {
    for bad in [
        "",
        ".",
        "..",
        "a/b.so",
        "/etc/passwd",
        "../x.so",
        "a\0b",
        "a\\b",
        "a\x1b[31mb",
        "a\u{202e}b",
        "a\u{2028}b",
        &"x".repeat(256),
    ] {
        assert_eq!(
            check_name(bad).unwrap_err().code(),
            Code::InvalidArgument,
            "{bad:?}"
        );
    }
    check_name("libc.so").unwrap();
    check_name("..libc..so").unwrap();
}

/// An object that came from `path` and has a search path of its own.
fn found(path: &str, in_guest: bool, runtime_path: &[&str]) -> Found {
    let dylink = crate::object::Dylink {
        runtime_path: runtime_path.iter().map(|&entry| entry.into()).collect(),
        ..Default::default()
    };
    let object = crate::object::Object {
        dylink: Some(dylink),
        ..Default::default()
    };
    Found {
        name: "main.wasm".into(),
        path: Some(Path::new(path).into()),
        in_guest,
        identity: Identity::Bytes(0),
        object: object.into(),
        role: crate::plan::Role::Library,
        needed: Vec::new(),
        stack_pointer: None,
        within: None,
        parts: Vec::new(),
    }
}

#[test]
fn a_search_path_without_end_is_searched_in_few_folders_each_once() {
    let entry = vec!["$ORIGIN/a"; 9_000].join(":");
    let others: String = (0..9_000).map(|n| format!("$ORIGIN/{n}:")).collect();
    let options = SearchOptions::default();
    let search = |entries: &[&str]| {
        let by = found("/nowhere/main.wasm", false, entries);
        let view = View::default();
        search(&options, "x.so", Some(&by), view, &Trace::default())
            .unwrap()
            .tried
    };
    let tried = search(&[entry.as_str(); 1_000]);
    assert_eq!(tried.len(), 2, "the folder, and that there are more");
    let more = tried.iter().filter(|tried| tried.problem == "not followed");
    assert_eq!(more.count(), 1);
    assert_eq!(search(&[others.as_str()]).len(), MAX_PARTS + 1);
    let long = format!("$ORIGIN/{}", "x".repeat(50_000));
    let text = search(&[long.as_str()])[0].to_string();
    assert!(
        text.contains("longer than a path") && text.len() < 1_000,
        "{text}"
    );
}

#[test]
fn names_of_guests_from_their_own_folder_lead_no_further_than_a_runtime_path() {
    let beside = |name: &str, by: Option<&Found>, runtime_path| {
        let options = SearchOptions {
            runtime_path,
            ..SearchOptions::default()
        };
        let files = |path: &str, _| Ok((path.as_bytes().to_vec(), Identity::Bytes(1)));
        let view = View {
            files: Some(&files),
            room: u64::MAX,
            hidden: true,
        };
        let located = find_in_guest(&options, name, by, view, &Trace::default())?;
        let path = located.path.clone();
        Ok::<_, Error>((path.unwrap().display().to_string(), located.in_guest))
    };
    let folder = std::env::current_dir().unwrap();
    let host = found(folder.join("main.wasm").to_str().unwrap(), false, &[]);
    let guest = found("/plugins/main.so", true, &[]);
    let origin = RuntimePath::Origin;
    let here = folder.join("Cargo.toml").display().to_string();
    for name in ["$ORIGIN/Cargo.toml", "${ORIGIN}/Cargo.toml"] {
        let (path, in_guest) = beside(name, Some(&host), origin).unwrap();
        assert_eq!((path, in_guest), (here.clone(), false));
    }
    let (path, in_guest) = beside("$ORIGIN/sub/x.so", Some(&guest), origin).unwrap();
    assert_eq!((path.as_str(), in_guest), ("/plugins/sub/x.so", true));
    for (name, by, allowed) in [
        ("$ORIGIN/../Cargo.toml", Some(&host), origin),
        ("$ORIGIN/src/../../x", Some(&host), origin),
        ("$ORIGIN/../x", Some(&guest), origin),
        ("$ORIGIN/none", Some(&host), origin),
        ("$ORIGIN/Cargo.toml", Some(&host), RuntimePath::Off),
        ("$ORIGIN/Cargo.toml", None, RuntimePath::Any),
    ] {
        let error = beside(name, by, allowed).unwrap_err().to_string();
        assert!(!error.contains(folder.to_str().unwrap()), "{error}");
    }
}

#[test]
fn default_folders_come_last_and_guests_do_not_learn_where_they_are() {
    let options = SearchOptions {
        library_paths: vec!["/none/own".into()],
        default_paths: vec!["/none/default".into(), "/none/second".into()],
        ..SearchOptions::default()
    };
    let by = found("/none/main.wasm", false, &["$ORIGIN/lib"]);
    let search = |name: &str, hidden| {
        let view = View {
            hidden,
            ..View::default()
        };
        search(&options, name, Some(&by), view, &Trace::default()).unwrap()
    };
    let tried = search("x.so", false).tried;
    let tried: Vec<_> = tried.iter().map(Tried::to_string).collect();
    assert_eq!(
        tried,
        [
            "/none/own/x.so (library path): no such file",
            "/none/lib/x.so (RUNTIME_PATH $ORIGIN/lib of main.wasm): no such file",
            "/none/default/x.so (default folder): no such file",
            "/none/second/x.so (default folder): no such file",
        ]
    );
    let error = search("x.so", true).located().unwrap_err().to_string();
    assert!(
        error.contains("default folder 2: no such file") && !error.contains("/none"),
        "{error}"
    );
}

#[test]
fn what_to_do_is_said_where_somebody_can_do_it() {
    let nowhere = |name: &str| {
        let options = SearchOptions::default();
        let searched = search(&options, name, None, View::default(), &Trace::default());
        searched.unwrap().located().unwrap_err().to_string()
    };
    assert!(nowhere("liba.so").contains("give its folder: -L"));
    let with = |library_paths: &[&str]| {
        let options = SearchOptions {
            default_paths: vec!["/none".into()],
            library_paths: library_paths.iter().map(Into::into).collect(),
            ..SearchOptions::default()
        };
        let searched = search(&options, "a.so", None, View::default(), &Trace::default());
        searched.unwrap().located().unwrap_err().to_string()
    };
    assert!(with(&[]).contains("give its folder: -L"));
    assert!(!with(&["/own"]).contains("give its folder"));
    for name in ["libc.so", "libc++.so", "libwasi-emulated-signal.so"] {
        let text = nowhere(name);
        assert!(
            text.contains("nowhere") && text.contains("wasmdyld-cc --setup"),
            "{text}"
        );
    }
}

#[test]
fn origin_is_expanded_and_confined() {
    let holder = Some(Path::new("/opt/app/bin/main.wasm"));
    let expand = |entry, allowed| expand(entry, holder, allowed);
    assert_eq!(
        expand("$ORIGIN", RuntimePath::Origin).unwrap(),
        Path::new("/opt/app/bin")
    );
    assert_eq!(
        expand("${ORIGIN}/lib", RuntimePath::Origin).unwrap(),
        Path::new("/opt/app/bin/lib")
    );
    assert!(expand("$ORIGIN/../lib", RuntimePath::Origin).is_err());
    assert!(expand("/etc", RuntimePath::Origin).is_err());
    assert!(expand("$ORIGINAL", RuntimePath::Any).is_err());
    assert_eq!(
        expand("$ORIGIN/../lib", RuntimePath::Any).unwrap(),
        Path::new("/opt/app/bin/../lib")
    );
    assert_eq!(expand("/etc", RuntimePath::Any).unwrap(), Path::new("/etc"));
    assert!(expand("$ORIGIN", RuntimePath::Off).is_err());
    assert!(super::expand("$ORIGIN", None, RuntimePath::Origin).is_err());
    assert_eq!(
        super::expand("$ORIGIN", Some(Path::new("m.wasm")), RuntimePath::Origin).unwrap(),
        Path::new(".")
    );
}
