//! What wasmtime's texts say, bundled or opened.

/// Bytes of native stack that guests may use unless the configuration says otherwise, which nothing tells of an engine
/// (`wasmtime::Config::max_wasm_stack`). On a thread that has less, a guest that recurses ends the process.
pub(super) const GUEST_STACK: usize = 512 * 1024;

/// What a refusal says (`wasmtime::DEFAULT_INSTANCE_LIMIT` is 10,000, and `wasm.h` cannot change it); behind it, the number that was one too
/// many (Q14).
const TOO_MANY_INSTANCES: &str = "resource limit exceeded: instance count too high at ";

/// How many instances a store makes, unless a limiter of the host's says otherwise.
pub(super) const MOST_INSTANCES: u64 = 10_000;

/// The whole text has to be the refusal. What came from a module, as a name in it or as what it let a trap say, stands behind other words.
pub(super) fn instance_limit(text: &str) -> Option<u64> {
    let first = text.lines().next()?;
    let number: u64 = first.strip_prefix(TOO_MANY_INSTANCES)?.parse().ok()?;
    number.checked_sub(1)
}

const BACKTRACE: &str = "error while executing at wasm backtrace:";

pub(super) fn has_backtrace(text: &str) -> bool {
    text.starts_with(BACKTRACE)
}

/// Takes the reason out of a trap's text.
///
/// The text (Q25) is a backtrace of the guest and then `Caused by:`, with one cause, or with several, numbered. A trap that passed through
/// host functions has further backtraces among the causes. A trap that no guest code was in is its own reason.
pub(super) fn cause(text: &str) -> String {
    if !text.starts_with(BACKTRACE) {
        return text.trim_end().to_owned();
    }
    let Some((_, causes)) = text.split_once("\n\nCaused by:\n") else {
        return text.trim_end().to_owned();
    };
    let mut chain: Vec<String> = Vec::new();
    for line in causes.lines() {
        match (numbered(line, chain.len()), chain.last_mut()) {
            (Some(next), _) => chain.push(next.to_owned()),
            (None, Some(last)) => {
                last.push('\n');
                last.push_str(line);
            }
            (None, None) => chain.push(line.trim_start().to_owned()),
        }
    }
    let reasons: Vec<&str> = chain
        .iter()
        .filter(|cause| !cause.starts_with(BACKTRACE))
        .map(|cause| cause.trim_end())
        .map(|cause| cause.strip_prefix("wasm trap: ").unwrap_or(cause))
        .collect();
    reasons.join(": ")
}

/// The text of the cause with this number, if `line` begins it. Frames of a backtrace are numbered alike, but go on with an address.
fn numbered(line: &str, number: usize) -> Option<&str> {
    let rest = line
        .trim_start()
        .strip_prefix(&number.to_string())?
        .strip_prefix(": ")?;
    (!rest.trim_start().starts_with("0x")).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_one() {
        let refusal = "resource limit exceeded: instance count too high at 10001";
        assert_eq!(instance_limit(refusal), Some(10_000));
        for text in [
            "",
            "instance count too high",
            "resource limit exceeded: instance count too high at all",
            "resource limit exceeded: memory count too high at 10001",
            &format!("incompatible import type for `env::{refusal}`"),
            &format!("undefined symbol {refusal}"),
            &format!("{BACKTRACE}\n    0: 0x30 - m!f\n\nCaused by:\n    {refusal}"),
        ] {
            assert_eq!(instance_limit(text), None, "{text}");
        }
    }

    #[test]
    fn causes() {
        let backtrace = "error while executing at wasm backtrace:\n    0:     0x30 - m!f\n    1:     0x9f - <unknown>!g";
        let of = |causes: &str| cause(&format!("{backtrace}\n\nCaused by:\n{causes}"));
        assert_eq!(of("    no such thing\n"), "no such thing");
        assert_eq!(of("    two\nlines\n"), "two\nlines");
        assert_eq!(of("    wasm trap: out of fuel\n"), "out of fuel");
        assert_eq!(of("    0: outer\n    1: inner\n"), "outer: inner");
        assert_eq!(of(&format!("    0: {backtrace}\n    1: inner\n")), "inner");
        assert_eq!(
            cause("unknown import: `env::f`\n"),
            "unknown import: `env::f`"
        );
        assert_eq!(cause(""), "");
        assert_eq!(cause(backtrace), backtrace);
    }
}
