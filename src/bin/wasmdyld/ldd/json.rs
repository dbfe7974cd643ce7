//! The answer for programs.

use std::io;

use serde::Serialize;
use wasmdyld::plan::Role;
use wasmdyld::survey::Problem;

use super::graph::{Graph, GraphNode};
use crate::style::{self, Out};

#[derive(Serialize)]
struct Answer {
    programs: Vec<Program>,
}

#[derive(Serialize)]
struct Program {
    /// Nothing is missing or unusable.
    complete: bool,
    /// The file asked for first.
    objects: Vec<Object>,
}

#[derive(Serialize)]
struct Object {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    soname: Option<String>,
    path: Option<String>,
    role: &'static str,
    bytes: u64,
    why: Option<String>,
    needed: Vec<Needed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Trouble>,
}

#[derive(Serialize)]
struct Needed {
    name: String,
    /// Position in `objects`.
    object: usize,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Trouble {
    Missing {
        searched: Vec<Place>,
        /// How many more there are.
        more: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        advice: Option<&'static str>,
    },
    Unusable {
        error: String,
    },
}

#[derive(Serialize)]
struct Place {
    path: Option<String>,
    why: String,
    problem: String,
}

pub fn write<'a>(out: &mut Out, graphs: impl Iterator<Item = Graph<'a>>) -> io::Result<()> {
    let programs = graphs.map(|graph| {
        let objects: Vec<Object> = graph.nodes.iter().map(object).collect();
        Program {
            complete: objects.iter().all(|object| object.problem.is_none()),
            objects,
        }
    });
    let programs = programs.collect();
    style::write_json(out, &Answer { programs })
}

fn object(node: &GraphNode<'_>) -> Object {
    let GraphNode {
        found,
        source,
        needed,
    } = node;
    let needed = needed.iter().map(|&(name, object)| Needed {
        name: name.to_string(),
        object,
    });
    Object {
        name: found.name.to_string(),
        soname: found.soname().map(ToString::to_string),
        path: found.path.as_ref().map(|path| path.display().to_string()),
        role: role(found.role),
        bytes: source.size,
        why: source.problem.is_none().then(|| source.why.clone()),
        needed: needed.collect(),
        problem: source.problem.as_ref().map(trouble),
    }
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Main => "program",
        Role::FixedMain => "fixed program",
        Role::Library => "library",
    }
}

fn trouble(problem: &Problem) -> Trouble {
    match problem {
        Problem::Missing {
            tried,
            more,
            advice,
        } => Trouble::Missing {
            more: *more,
            advice: *advice,
            searched: tried
                .iter()
                .map(|tried| Place {
                    path: tried.path.as_ref().map(|path| path.display().to_string()),
                    why: tried.why.clone(),
                    problem: tried.problem.clone(),
                })
                .collect(),
        },
        Problem::Unusable(error) => Trouble::Unusable {
            error: error.to_string(),
        },
    }
}
