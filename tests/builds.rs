//! One build of the engine serves all: the library, the command, tests, benches and wheels. Cargo builds a crate once more where a command
//! asks for other features or another profile of it or of anything below it, which for the engine takes minutes. Cargo's own plans of the
//! commands are compared here; nothing is built.

// xtask uses the rest.
#[allow(dead_code, reason = "only the commands are compared")]
#[path = "../xtask/src/builds.rs"]
mod builds;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;

use serde_json::Value;

/// The crate that all of the engine hangs from.
const ENGINE: &str = "wasmtime-c-api-impl";

/// The other commands that people and packages build with, and where each comes from.
const MORE: [(&str, &[&str]); 6] = [
    ("Cargo's own default", &["build", "--release"]),
    ("cargo bench", &["bench"]),
    (
        "cargo bench, with the command",
        &["bench", "--features", "cli"],
    ),
    (
        "bindings/python/setup.py",
        &[
            "build",
            "--release",
            "--features",
            "cli",
            "--lib",
            "--bin",
            "wasmdyld",
            "--locked",
        ],
    ),
    (
        "cargo cinstall",
        &["build", "--release", "--lib", "--features", "capi"],
    ),
    (
        "everything",
        &["build", "--release", "--workspace", "--features", "cli"],
    ),
];

/// What one crate is built with; `below` are numbers of others.
#[derive(PartialEq, Eq, Hash, Clone)]
struct Unit {
    name: String,
    features: Vec<String>,
    /// Profile, mode and kind of target, as cargo writes them.
    settings: String,
    below: Vec<usize>,
}

/// All units that were seen, each once.
#[derive(Default)]
struct Units {
    all: Vec<Unit>,
    numbers: HashMap<Unit, usize>,
}

impl Units {
    fn number(&mut self, unit: Unit) -> usize {
        let Units { all, numbers } = self;
        *numbers.entry(unit).or_insert_with_key(|unit| {
            all.push(unit.clone());
            all.len() - 1
        })
    }

    /// The unit at `index` of cargo's plan, with all below it.
    fn intern(
        &mut self,
        plan: &[Value],
        index: usize,
        known: &mut BTreeMap<usize, usize>,
    ) -> usize {
        if let Some(number) = known.get(&index) {
            return *number;
        }
        let unit = plan.get(index).expect("a unit of the plan");
        let mut below: Vec<usize> = array(&unit["dependencies"])
            .iter()
            .map(|needed| {
                let index = needed["index"].as_u64().expect("an index");
                self.intern(plan, usize::try_from(index).expect("an index"), known)
            })
            .collect();
        below.sort_unstable();
        let mut profile = unit["profile"].clone();
        // Cargo compares what is in a profile, not what it is called.
        profile.as_object_mut().expect("a profile").remove("name");
        let features = array(&unit["features"]).iter().map(text).collect();
        let number = self.number(Unit {
            name: text(&unit["pkg_id"]),
            features,
            settings: format!(
                "{} {} {} {profile}",
                unit["mode"], unit["target"]["kind"], unit["platform"]
            ),
            below,
        });
        known.insert(index, number);
        number
    }

    /// The engine's units in a plan: the crate and all that it needs.
    fn of_engine(&mut self, plan: &[Value]) -> BTreeSet<usize> {
        let mut known = BTreeMap::new();
        let mut left: Vec<usize> = (0..plan.len())
            .map(|index| self.intern(plan, index, &mut known))
            .collect();
        left.retain(|number| self.all[*number].name.contains(ENGINE));
        let mut found = BTreeSet::new();
        while let Some(number) = left.pop() {
            if found.insert(number) {
                left.extend(&self.all[number].below);
            }
        }
        found
    }

    /// Those of `new` that differ by themselves, rather than by what they need, with those of `known` that they differ from.
    fn causes(&self, new: &BTreeSet<usize>, known: &BTreeSet<usize>) -> Vec<String> {
        let own = |number: &&usize| self.all[**number].below.iter().all(|n| !new.contains(n));
        let describe = |unit: &Unit| format!("[{}] {}", unit.features.join(", "), unit.settings);
        new.iter()
            .filter(own)
            .map(|number| {
                let unit = &self.all[*number];
                let before = known.iter().map(|number| &self.all[*number]);
                let before: Vec<String> = before
                    .filter(|other| other.name == unit.name)
                    .map(describe)
                    .collect();
                format!(
                    "{}: {}, not {}",
                    unit.name,
                    describe(unit),
                    before.join(" or ")
                )
            })
            .collect()
    }
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_string()
}

/// What cargo would do.
fn plan(arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    // Plans are shown by any cargo that may use what is not stable. Nothing is built, so that nothing is built by it.
    command.env("RUSTC_BOOTSTRAP", "1").args(arguments);
    command.args(["--unit-graph", "-Zunstable-options", "--target-dir"]);
    command.arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/plans"));
    let output = command.output().expect("cargo");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let graph: Value = serde_json::from_slice(&output.stdout).expect("a plan");
    array(&graph["units"]).clone()
}

#[test]
fn the_engine_is_built_once() {
    let mut units = Units::default();
    let library = units.of_engine(&plan(builds::LIBRARY));
    assert!(library.len() > 50, "only {} units were seen", library.len());
    let ours = [
        ("cargo xtask test", builds::TESTS),
        ("cargo xtask header", builds::HEADER),
    ];
    let mut failures = Vec::new();
    for (what, command) in ours.into_iter().chain(MORE) {
        let engine = units.of_engine(&plan(command));
        assert!(!engine.is_empty(), "{what}: no engine");
        let new = engine.difference(&library).copied().collect();
        for cause in units.causes(&new, &library) {
            failures.push(format!("{what} (cargo {}): {cause}", command.join(" ")));
        }
    }
    assert!(
        failures.is_empty(),
        "the engine would be built once more, see `indexmap` in Cargo.toml:\n{}",
        failures.join("\n")
    );
}

/// That the comparison sees features, profiles and what is below.
#[test]
fn other_features_are_another_build() {
    let plan_with = |features: &str, opt_level: &str| -> Vec<Value> {
        let unit = |name: &str, features: &str, below: &str| {
            format!(
                r#"{{"pkg_id": "{name}", "features": [{features}], "mode": "build", "platform": null, "target": {{"kind": ["lib"]}},
                    "profile": {{"name": "any", "opt_level": "{opt_level}"}}, "dependencies": [{below}]}}"#
            )
        };
        let engine = unit(ENGINE, "", r#"{"index": 1}"#);
        let text = format!(
            "[{engine}, {}, {}]",
            unit("serde", features, ""),
            unit("other", features, "")
        );
        serde_json::from_str(&text).expect("a plan")
    };
    let mut units = Units::default();
    let known = units.of_engine(&plan_with("", "3"));
    assert_eq!(known.len(), 2, "the engine and what it needs");
    assert_eq!(units.of_engine(&plan_with("", "3")), known);
    for (features, level, causes) in [(r#""default""#, "3", "default"), ("", "0", "opt_level")] {
        let other = units.of_engine(&plan_with(features, level));
        let new: BTreeSet<usize> = other.difference(&known).copied().collect();
        assert_eq!(new.len(), 2, "the engine is built for what it needs");
        let told = units.causes(&new, &known);
        assert!(
            matches!(told.as_slice(), [one] if one.starts_with("serde: ") && one.contains(causes)),
            "{told:?}"
        );
    }
}
