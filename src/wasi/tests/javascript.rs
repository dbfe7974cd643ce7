//! The package for JavaScript names the functions again, since what it defines them by is another WASI.

use crate::object::ValType;
use crate::wasi::functions;

#[test]
fn the_package_for_javascript_has_the_same_functions() {
    let listed = include_str!("../../../bindings/js/src/wasi-types.ts");
    let lines = listed.lines().filter_map(|line| {
        let (name, params) = line.trim().strip_suffix("\",")?.split_once(": \"")?;
        Some((name, params))
    });
    let own = functions().iter().map(|function| {
        let letter = |ty: &ValType| match ty {
            ValType::I64 => 'I',
            _ => 'i',
        };
        let params: String = function.params.iter().map(letter).collect();
        let results = usize::from(function.name != "proc_exit");
        assert_eq!(function.results.len(), results, "{}", function.name);
        (function.name, params)
    });
    let own: Vec<(&str, String)> = own.collect();
    let theirs: Vec<(&str, String)> = lines.map(|(name, p)| (name, p.to_string())).collect();
    assert_eq!(own, theirs);
}
