//! A survey as a graph, down to some depth.

use std::collections::{HashMap, VecDeque};

use wasmdyld::plan::Found;
use wasmdyld::search::NOWHERE;
use wasmdyld::survey::{Origin, Problem, Survey};
use wasmdyld::text::line;

pub struct GraphNode<'a> {
    pub found: &'a Found,
    pub source: &'a Origin,
    /// Names of needed libraries, and their positions in [`Graph::nodes`]. Empty at the largest depth.
    pub needed: Vec<(&'a str, usize)>,
}

pub struct Graph<'a> {
    /// The file asked for first, then preloads, then what they need, breadth first.
    pub nodes: Vec<GraphNode<'a>>,
}

impl<'a> Graph<'a> {
    pub fn new(survey: &'a Survey, max_depth: Option<usize>) -> Graph<'a> {
        let max_depth = max_depth.unwrap_or(usize::MAX);
        let roots = survey.closure.roots.iter();
        let mut queue: VecDeque<(usize, usize)> = roots.map(|&id| (survey.number(id), 0)).collect();
        let mut position: HashMap<usize, usize> = HashMap::new();
        for (number, _) in &queue {
            position.insert(*number, position.len());
        }
        let mut nodes = Vec::new();
        while let Some((number, depth)) = queue.pop_front() {
            let both = survey.objects().get(number).zip(survey.sources.get(number));
            let Some((found, source)) = both else {
                continue;
            };
            let below = if depth < max_depth {
                survey.needed(number)
            } else {
                Vec::new()
            };
            let needed = below.into_iter().map(|(name, needed)| {
                let next = position.len();
                let at = *position.entry(needed).or_insert_with(|| {
                    queue.push_back((needed, depth + 1));
                    next
                });
                (name, at)
            });
            let needed = needed.collect();
            nodes.push(GraphNode {
                found,
                source,
                needed,
            });
        }
        Graph { nodes }
    }
}

/// A few words on what is wrong.
pub fn in_short(problem: &Problem) -> &'static str {
    match problem {
        Problem::Missing { .. } => "not found",
        Problem::Unusable(_) => "unusable",
    }
}

/// What is wrong, a line each.
pub fn in_full(problem: &Problem) -> Vec<String> {
    match problem {
        Problem::Missing {
            tried,
            more,
            advice,
        } => {
            let nowhere = (tried.is_empty() && *more == 0).then(|| NOWHERE.to_string());
            let places = tried
                .iter()
                .map(|tried| line(&tried.to_string()).into_owned());
            let more = (*more > 0).then(|| format!("and in {more} more places"));
            let advice = advice.map(str::to_string);
            nowhere
                .into_iter()
                .chain(places)
                .chain(more)
                .chain(advice)
                .collect()
        }
        Problem::Unusable(error) => error.to_string().lines().map(str::to_string).collect(),
    }
}

/// `634 KB`
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
