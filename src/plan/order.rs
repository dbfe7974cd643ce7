//! In which order new objects are instantiated and constructed.

use crate::hash_map::{HashMap, HashSet};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Request;
use super::model::{FuncId, ObjectId};
use super::resolve::Binding;
use crate::error::{Code, Error, Result};

/// Constructors: what an object needs comes before it, depth first from the roots in order; a cycle is cut where it
/// was entered (System V gABI, "Initialization and Termination Functions"). The main program needs the preloads first.
pub fn constructors(request: &Request<'_>) -> Vec<ObjectId> {
    let ids: Vec<ObjectId> = request.fresh_ids().collect();
    let position = |id| request.fresh_index(id);
    dependencies_first(&ids, position, request.roots, true, |id| {
        request.found(id).map_or(&[], |found| &found.needed)
    })
}

/// Those of `ids` that `roots` need, and these: depth first from the roots in order, what an object needs before it; a circle is
/// cut where it was entered. Roots but the first are preloads, which the first one needs as well. `all`: the others come last.
pub fn dependencies_first<'a>(
    ids: &[ObjectId],
    position: impl Fn(ObjectId) -> Option<usize>,
    roots: &[ObjectId],
    all: bool,
    needed: impl Fn(ObjectId) -> &'a [ObjectId],
) -> Vec<ObjectId> {
    let Some((&root, preloads)) = roots.split_first() else {
        return Vec::new();
    };
    let edges = |&id: &ObjectId| -> Vec<usize> {
        let extra = if id == root { preloads } else { &[] };
        let edges = extra.iter().chain(needed(id));
        edges.filter_map(|&n| position(n)).collect()
    };
    let graph: Vec<Vec<usize>> = ids.iter().map(edges).collect();
    let mut starts: Vec<usize> = roots.iter().filter_map(|&id| position(id)).collect();
    if all {
        starts.extend(0..graph.len());
    }
    postorder(&graph, &starts)
        .into_iter()
        .filter_map(|n| ids.get(n).copied())
        .collect()
}

/// Instantiation: definitions before their importers wherever possible, so that calls bind directly.
///
/// Functions in a cycle are reached through stubs; anything else that an object takes from another one (a tag, a
/// global) must exist first. Imports from the main program do not count for functions: it stands last, since it calls
/// its libraries far more than they call it (libc.so imports one function of each program).
pub fn instantiation(request: &Request<'_>, bindings: &[Vec<Binding>]) -> Result<Vec<ObjectId>> {
    let count = request.fresh.len();
    let main = request.main().and_then(|id| request.fresh_index(id));
    let mut soft: Vec<Vec<usize>> = vec![Vec::new(); count];
    // The last importer that each object was noted for.
    let mut noted = vec![usize::MAX; count];
    let mut hard: Vec<HashSet<usize>> = vec![HashSet::new(); count];
    for (n, bindings) in bindings.iter().enumerate() {
        let (Some(soft), Some(hard)) = (soft.get_mut(n), hard.get_mut(n)) else {
            break;
        };
        for binding in bindings {
            match binding {
                Binding::Func(callee) => {
                    if let FuncId::Object { object, .. } = callee.id()
                        && let Some(to) = request.fresh_index(object)
                        && to != n
                        && Some(to) != main
                        && std::mem::replace(&mut noted[to], n) != n
                    {
                        soft.push(to);
                    }
                }
                Binding::Export(definition) => {
                    if let Some(to) = request.fresh_index(definition.object) {
                        if to == n {
                            return Err(cycle(request, &[n]));
                        }
                        hard.insert(to);
                    }
                }
                _ => {}
            }
        }
    }
    // What is part of the program's module is there when that is.
    if let Some(main) = main {
        for (hard, found) in hard.iter_mut().zip(request.fresh) {
            if found.is_part() {
                hard.insert(main);
            }
        }
    }
    let graph: Vec<Vec<usize>> = soft
        .iter()
        .zip(&hard)
        .map(|(soft, hard)| {
            let mut all: Vec<usize> = soft.iter().chain(hard).copied().collect();
            all.sort_unstable();
            all.dedup();
            all
        })
        .collect();
    let rank = ranks(request, &graph);
    let order = lowest_first(&hard, |n| rank.get(n).copied());
    if order.len() < count {
        let done: HashSet<usize> = order.into_iter().collect();
        let stuck: Vec<usize> = (0..count).filter(|n| !done.contains(n)).collect();
        return Err(cycle(request, &stuck));
    }
    let ids: Vec<ObjectId> = request.fresh_ids().collect();
    Ok(order
        .into_iter()
        .filter_map(|n| ids.get(n).copied())
        .collect())
}

/// Where each object would stand if only functions mattered: strongly connected components, dependencies first; what
/// functions leave open is decided by the order of constructors.
fn ranks(request: &Request<'_>, graph: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let position: HashMap<ObjectId, usize> = constructors(request)
        .into_iter()
        .enumerate()
        .map(|(position, id)| (id, position))
        .collect();
    let position: Vec<usize> = request
        .fresh_ids()
        .map(|id| position.get(&id).copied().unwrap_or(usize::MAX))
        .collect();
    let components = components(graph);
    let count = components.iter().max().map_or(0, |last| last + 1);
    let mut last = vec![0; count];
    let mut waits_for: Vec<HashSet<usize>> = vec![HashSet::new(); count];
    for ((&component, &position), children) in components.iter().zip(&position).zip(graph) {
        if let (Some(last), Some(waits_for)) =
            (last.get_mut(component), waits_for.get_mut(component))
        {
            *last = position.max(*last);
            let children = children.iter().filter_map(|&c| components.get(c));
            waits_for.extend(children.filter(|&&c| c != component));
        }
    }
    let mut turn = vec![usize::MAX; count];
    for (n, component) in lowest_first(&waits_for, |c| last.get(c).copied())
        .into_iter()
        .enumerate()
    {
        if let Some(turn) = turn.get_mut(component) {
            *turn = n;
        }
    }
    components
        .iter()
        .zip(position)
        .map(|(&c, position)| (turn.get(c).copied().unwrap_or(usize::MAX), position))
        .collect()
}

/// Lowest key first among those whose dependencies are done. What stands in a circle, or behind one, is left out.
fn lowest_first<K: Ord>(
    waits_for: &[HashSet<usize>],
    key: impl Fn(usize) -> Option<K>,
) -> Vec<usize> {
    let mut waiting: Vec<usize> = waits_for.iter().map(HashSet::len).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); waits_for.len()];
    for (n, dependencies) in waits_for.iter().enumerate() {
        for &dependency in dependencies {
            if let Some(users) = users.get_mut(dependency) {
                users.push(n);
            }
        }
    }
    let entry = |n: usize| key(n).map(|key| Reverse((key, n)));
    let free = (0..waits_for.len()).filter(|&n| waiting.get(n) == Some(&0));
    let mut ready: BinaryHeap<_> = free.filter_map(entry).collect();
    let mut order = Vec::with_capacity(waits_for.len());
    while let Some(Reverse((_, n))) = ready.pop() {
        order.push(n);
        for &user in users.get(n).map_or(&[][..], Vec::as_slice) {
            if let Some(left) = waiting.get_mut(user) {
                *left -= 1;
                if *left == 0 {
                    ready.extend(entry(user));
                }
            }
        }
    }
    order
}

fn cycle(request: &Request<'_>, objects: &[usize]) -> Error {
    let names: Vec<&str> = objects
        .iter()
        .filter_map(|&n| request.fresh.get(n))
        .map(|found| found.name.as_ref())
        .collect();
    Error::new(
        Code::Unsupported,
        format!(
            "these objects import globals, tags, tables or memories of each other in a circle, which no order of instantiation can satisfy: {}",
            names.join(", ")
        ),
    )
}

/// Depth first, children before parents, without recursion.
fn postorder(graph: &[Vec<usize>], starts: &[usize]) -> Vec<usize> {
    let mut seen = vec![false; graph.len()];
    let mut done = Vec::with_capacity(graph.len());
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for &start in starts {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        stack.push((start, 0));
        while let Some((node, next)) = stack.last_mut() {
            match graph[*node].get(*next) {
                Some(&child) => {
                    *next += 1;
                    if !std::mem::replace(&mut seen[child], true) {
                        stack.push((child, 0));
                    }
                }
                None => {
                    done.push(*node);
                    stack.pop();
                }
            }
        }
    }
    done
}

/// Tarjan's strongly connected components, without recursion: a number for each node, lower for what others depend on.
pub fn components(graph: &[Vec<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let count = graph.len();
    let (mut index, mut low) = (vec![UNSEEN; count], vec![0; count]);
    let (mut component, mut found, mut clock) = (vec![UNSEEN; count], 0, 0);
    let mut open: Vec<usize> = Vec::new();
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for start in 0..count {
        if index[start] != UNSEEN {
            continue;
        }
        stack.push((start, 0));
        while let Some(&mut (node, ref mut next)) = stack.last_mut() {
            if *next == 0 {
                (index[node], low[node]) = (clock, clock);
                clock += 1;
                open.push(node);
            }
            if let Some(&child) = graph[node].get(*next) {
                *next += 1;
                if index[child] == UNSEEN {
                    stack.push((child, 0));
                } else if component[child] == UNSEEN {
                    low[node] = low[node].min(index[child]);
                }
                continue;
            }
            stack.pop();
            if let Some(&(parent, _)) = stack.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == index[node] {
                while let Some(member) = open.pop() {
                    component[member] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postorder_puts_children_first_and_cuts_cycles() {
        let graph = vec![vec![1, 2], vec![2], vec![0]];
        assert_eq!(postorder(&graph, &[0]), [2, 1, 0]);
    }

    #[test]
    fn components_number_dependencies_lower() {
        // 0 -> 1 <-> 2 -> 3, and 4 alone on 0
        let graph = vec![vec![1], vec![2], vec![1, 3], vec![], vec![0]];
        let c = components(&graph);
        assert_eq!(c[1], c[2]);
        assert!(c[3] < c[1] && c[1] < c[0] && c[0] < c[4]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let graph: Vec<Vec<usize>> = (0..200_000)
            .map(|n| if n > 0 { vec![n - 1] } else { vec![] })
            .collect();
        assert_eq!(components(&graph)[0], 0);
        assert_eq!(postorder(&graph, &[199_999])[0], 0);
    }
}
