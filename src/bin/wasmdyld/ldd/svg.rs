//! The picture.

use std::fmt::Write;

use wasmdyld::plan::Role;
use wasmdyld::text::{is_unsafe, line as one_line, plain};

use super::graph::{Graph, GraphNode, in_full, in_short, size};
use super::layout::{self, Line, Point, Size};

/// Width of a character of the font at the sizes used, and a bit more since fonts differ.
const NAME: f64 = 8.7;
const DETAIL: f64 = 6.8;
const MARGIN: f64 = 24.0;
const PADDING: f64 = 14.0;
/// A path is cut in its middle beyond this.
const MAX_DETAIL: usize = 44;

const STYLE: &str = "\
text { font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; text-anchor: middle; fill: #1f2328; }
.name { font-size: 14px; font-weight: 600; }
.detail { font-size: 11px; fill: #59636e; }
rect { fill: #ffffff; stroke: #8c959f; stroke-width: 1.2; }
.root rect { fill: #ddf4ff; stroke: #0969da; stroke-width: 2; }
.problem rect { fill: #ffebe9; stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 5 3; }
.problem .name, .problem .detail { fill: #a40e26; }
path { fill: none; stroke: #59636e; stroke-width: 1.4; marker-end: url(#tip); }
.shortcut { stroke: #b7bdc4; stroke-width: 1.1; marker-end: url(#pale); }
.back { stroke: #9a6700; stroke-dasharray: 6 3; marker-end: none; marker-start: url(#up); }
#tip path, #pale path, #up path { stroke: none; marker: none; fill: #59636e; }
#pale path { fill: #b7bdc4; }
#up path { fill: #9a6700; }
.paper { fill: #ffffff; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .detail { fill: #9198a1; }
  rect { fill: #161b22; stroke: #656c76; }
  .root rect { fill: #0c2d4d; stroke: #4493f8; }
  .problem rect { fill: #3c1618; stroke: #f85149; }
  .problem .name, .problem .detail { fill: #ff9492; }
  path { stroke: #9198a1; }
  .shortcut { stroke: #4a515b; }
  #tip path { fill: #9198a1; }
  #pale path { fill: #4a515b; }
  .paper { fill: #0d1117; }
}
";

struct Texts {
    name: String,
    details: Vec<String>,
    /// What a pointer that rests on the box shows.
    title: String,
}

pub fn picture(graph: &Graph<'_>) -> String {
    let texts: Vec<Texts> = graph.nodes.iter().map(texts).collect();
    let sizes: Vec<Size> = texts.iter().map(extent).collect();
    let edges: Vec<Vec<usize>> = graph
        .nodes
        .iter()
        .map(|node| node.needed.iter().map(|&(_, needed)| needed).collect())
        .collect();
    let picture = layout::picture(&sizes, &edges);
    let (width, height) = (
        picture.size.width + 2.0 * MARGIN,
        picture.size.height + 2.0 * MARGIN,
    );
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\">\n\
         <style>\n{STYLE}</style>\n\
         <defs>\n{}{}{}</defs>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\">\n",
        tip("tip", "M0 0 8 4 0 8z", 7),
        tip("pale", "M0 0 8 4 0 8z", 7),
        tip("up", "M8 0 0 4 8 8z", 1),
    );
    // Pale lines first, so that others cross over them.
    let (pale, dark): (Vec<_>, Vec<_>) = picture.lines.iter().partition(|line| line.shortcut);
    for line in pale.into_iter().chain(dark) {
        out.push_str(&path(line, &texts));
    }
    let boxes = picture.boxes.iter().zip(&sizes);
    for (n, ((node, texts), (centre, size))) in
        graph.nodes.iter().zip(&texts).zip(boxes).enumerate()
    {
        let class = match (n, &node.source.problem) {
            (_, Some(_)) => "problem",
            (0, None) => "root",
            (_, None) => "library",
        };
        out.push_str(&boxed(class, texts, *centre, size));
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn tip(id: &str, shape: &str, at: u32) -> String {
    format!(
        "<marker id=\"{id}\" markerUnits=\"userSpaceOnUse\" markerWidth=\"8\" markerHeight=\"8\" refX=\"{at}\" refY=\"4\" orient=\"auto\"><path d=\"{shape}\"/></marker>\n"
    )
}

fn texts(node: &GraphNode<'_>) -> Texts {
    let (found, source) = (node.found, node.source);
    let path = found.path.as_ref().map(|path| path.display().to_string());
    let folder = path.as_deref().and_then(|path| path.rsplit_once('/'));
    let folder = folder.map(|(folder, _)| format!("{folder}/"));
    let mut title: Vec<String> = path
        .iter()
        .map(|path| one_line(path).into_owned())
        .collect();
    let mut details = Vec::new();
    match &source.problem {
        Some(problem) => {
            details.push(in_short(problem).to_string());
            title.extend(in_full(problem));
        }
        None => {
            title.push(one_line(&source.why).into_owned());
            details.extend(folder);
            let what = match found.role {
                Role::Library => String::new(),
                Role::Main | Role::FixedMain => "program, ".to_string(),
            };
            details.push(format!("{what}{}", size(source.size)));
        }
    }
    Texts {
        name: shortened(&found.name),
        details: details.iter().map(|detail| shortened(detail)).collect(),
        title: title.join("\n"),
    }
}

fn extent(texts: &Texts) -> Size {
    let chars = |text: &str| text.chars().count() as f64;
    let details = texts.details.iter().map(|detail| chars(detail) * DETAIL);
    let width = details.fold(chars(&texts.name) * NAME, f64::max);
    Size {
        width: (width + 2.0 * PADDING).ceil(),
        height: 34.0 + 15.0 * texts.details.len() as f64,
    }
}

/// The ends of a long text: a path begins with what tells it apart, and ends with it.
fn shortened(text: &str) -> String {
    let text = plain(text);
    let chars: Vec<char> = text.chars().collect();
    let half = (MAX_DETAIL - 1) / 2;
    match (
        chars.get(..half),
        chars.get(chars.len().saturating_sub(half)..),
    ) {
        (Some(head), Some(tail)) if chars.len() > MAX_DETAIL => {
            head.iter().chain(&['…']).chain(tail).collect()
        }
        _ => text.into_owned(),
    }
}

fn boxed(class: &str, texts: &Texts, centre: Point, size: &Size) -> String {
    let (left, top) = (centre.x - size.width / 2.0, centre.y - size.height / 2.0);
    let mut out = format!(
        "<g class=\"{class}\"><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"7\"/>\n",
        escaped(&texts.title),
        size.width,
        size.height
    );
    let mut line = |class: &str, y: f64, text: &str| {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            centre.x,
            escaped(text)
        );
    };
    line("name", top + 22.0, &texts.name);
    for (n, detail) in texts.details.iter().enumerate() {
        line("detail", top + 38.0 + 15.0 * n as f64, detail);
    }
    out.push_str("</g>\n");
    out
}

fn path(line: &Line, texts: &[Texts]) -> String {
    let mut shape = String::new();
    let mut before: Option<Point> = None;
    for &Point { x, y } in &line.points {
        let _ = match before {
            None => write!(shape, "M{x:.1} {y:.1}"),
            Some(last) => {
                let middle = (last.y + y) / 2.0;
                write!(
                    shape,
                    "C{:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}",
                    last.x
                )
            }
        };
        before = Some(Point { x, y });
    }
    let class = match (line.back, line.shortcut) {
        (true, _) => " class=\"back\"",
        (false, true) => " class=\"shortcut\"",
        (false, false) => "",
    };
    let name = |n: usize| texts.get(n).map_or("", |texts| &texts.name);
    format!(
        "<path{class} d=\"{shape}\"><title>{} needs {}</title></path>\n",
        escaped(name(line.from)),
        escaped(name(line.to))
    )
}

/// Text of XML, which has no way to say most control characters, and shows others that reorder what is around them.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if is_unsafe(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.extend(c.escape_default());
            }
            c => out.push(c),
        }
    }
    out
}
