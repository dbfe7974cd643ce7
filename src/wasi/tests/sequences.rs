//! Random sequences of operations in folders of two kinds at a time: one that is none of the system answers each as one of the host does, by the
//! same errno, whatever went before, and holds the same in the end. A fuzzer leads them as well (`fuzzing::sandbox`).

use super::escapes::Choices;
use super::garbage::Numbers;
use super::trees::{self, ONES, PAIRS, TWOS, Trial};
use super::*;

/// A step, and how a guest takes it.
type Step<'a> = (String, Box<dyn Fn(&mut Trial) -> String + 'a>);

/// One in four is about two paths. `links`: things may get a second name.
fn step<'a>(numbers: &mut impl Choices, paths: &'a [String], links: bool) -> Step<'a> {
    if numbers.below(4) != 0 {
        let path = paths[numbers.below(paths.len())].as_str();
        let (name, run) = ONES[numbers.below(ONES.len())];
        let name = format!("{name} `{path}`");
        return (name, Box::new(move |trial| run(trial, path)));
    }
    // Of those of which `trees` tries every pair.
    let [from, to] = [0, 1].map(|_| PAIRS[numbers.below(PAIRS.len())]);
    let twos: Vec<_> = TWOS.iter().filter(|two| links || two.0 != "link").collect();
    let (name, run) = *twos[numbers.below(twos.len())];
    let name = format!("{name} `{from}` `{to}`");
    (name, Box::new(move |trial| run(trial, from, to)))
}

pub(super) fn sequence(numbers: &mut impl Choices, steps: usize) {
    let [(_, host, _dir), memory, callbacks] = trees::writable();
    let of_callbacks = numbers.below(2) == 0;
    let (kind, config, _) = if of_callbacks { callbacks } else { memory };
    let mut trials = [host, config].map(|config| Trial::new(&config));
    trials.iter_mut().for_each(Trial::lay_out);
    let paths = trees::paths();
    let mut went = String::new();
    for _ in 0..steps {
        if !numbers.go_on() {
            break;
        }
        // Callbacks give nothing a second name.
        let (name, run) = step(numbers, &paths, !of_callbacks);
        went.push_str(&format!("\n{}", name.chars().take(80).collect::<String>()));
        let [host, other] = trials.each_mut().map(|trial| {
            trial.heap = HEAP;
            run(trial)
        });
        // The errno too, also where a path is at fault in two ways.
        assert!(other == host, "{host}, in {kind} {other}, after{went}");
    }
    let [host, other] = trials.each_mut().map(|trial| {
        trial.heap = HEAP;
        trees::everything(trial)
    });
    assert_eq!(other, host, "{kind}, after{went}");
}

#[test]
fn no_sequence_tells_a_folder_from_one_of_the_host() {
    for seed in 1..=100 {
        sequence(&mut Numbers(seed), 30);
    }
}

/// `cargo test --release -- --ignored no_sequence_tells`, with `WASMDYLD_SEED` from the environment.
#[test]
#[ignore = "takes minutes"]
fn no_sequence_tells_a_folder_for_long() {
    let seed = std::env::var("WASMDYLD_SEED").ok();
    let seed: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1_000);
    for seed in seed..seed + 20_000 {
        let ran = std::panic::catch_unwind(|| sequence(&mut Numbers(seed), 60));
        assert!(ran.is_ok(), "sequence {seed}");
    }
}
