//! The graph for Graphviz.

use std::fmt::Write;

use wasmdyld::text;

use super::graph::{Graph, in_short};

pub fn text(graph: &Graph<'_>) -> String {
    let mut out = String::from("digraph needed {\n  node [shape=box, style=rounded];\n");
    // Writing to a string does not fail.
    for (n, node) in graph.nodes.iter().enumerate() {
        let name = quoted(&text::name(&node.found.name));
        let _ = match &node.source.problem {
            None => {
                let path = node.found.path.as_ref().map(|path| path.display());
                let path = path.map_or(String::new(), |path| path.to_string());
                let bold = if n == 0 { ", penwidth=2" } else { "" };
                writeln!(
                    out,
                    "  n{n} [label={name}, tooltip={}{bold}];",
                    quoted(&text::line(&path))
                )
            }
            Some(problem) => {
                let label = format!("{}\n{}", text::name(&node.found.name), in_short(problem));
                let label = quoted(&label);
                writeln!(
                    out,
                    "  n{n} [label={label}, style=\"rounded,dashed\", color=red, fontcolor=red];"
                )
            }
        };
    }
    for (n, node) in graph.nodes.iter().enumerate() {
        for (_, needed) in &node.needed {
            let _ = writeln!(out, "  n{n} -> n{needed};");
        }
    }
    out.push_str("}\n");
    out
}

/// A string of the DOT language.
fn quoted(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| text::plain(line).replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", lines.join("\\n"))
}
