//! The orders of instantiation and of construction.

use std::collections::{HashMap, HashSet};

use super::super::naive::{Naive, Want};
use crate::abi;
use crate::plan::*;

pub fn orders(request: &Request<'_>, plan: &Plan) {
    let all: HashSet<ObjectId> = request.fresh_ids().collect();
    for order in [&plan.order, &plan.init] {
        assert_eq!(order.len(), all.len());
        assert_eq!(order.iter().copied().collect::<HashSet<_>>(), all);
    }
    // The naive closure of edges takes cubic time.
    if all.len() > 48 {
        return;
    }
    let main = request.main();
    let naive = Naive::new(request);
    let (mut needs, mut calls) = (HashSet::new(), HashSet::new());
    for (id, found) in request.fresh_ids().zip(request.fresh) {
        needs.extend(found.needed.iter().map(|&to| (id, to)));
        for import in &found.object.imports {
            match (naive.import(id, import), import.module.as_ref()) {
                (Want::Func(FuncId::Object { object, .. }), abi::ENV) if Some(object) != main => {
                    calls.insert((id, object));
                }
                (Want::Other(object, _), _) => {
                    calls.insert((id, object));
                }
                _ => {}
            }
        }
    }
    if let Some((&root, preloads)) = request.roots.split_first() {
        needs.extend(preloads.iter().map(|&to| (root, to)));
    }
    dependencies_first(&plan.init, &needs, "constructors");
    dependencies_first(&plan.order, &calls, "instantiation");
}

/// The target of an edge comes first, unless it leads back.
fn dependencies_first(order: &[ObjectId], edges: &HashSet<(ObjectId, ObjectId)>, what: &str) {
    let mut reach = edges.clone();
    for &k in order {
        for &i in order {
            for &j in order {
                if reach.contains(&(i, k)) && reach.contains(&(k, j)) {
                    reach.insert((i, j));
                }
            }
        }
    }
    let turn: HashMap<ObjectId, usize> = order.iter().enumerate().map(|(n, &id)| (id, n)).collect();
    for (from, to) in edges {
        if let (Some(user), Some(definer)) = (turn.get(from), turn.get(to)) {
            let circle = reach.contains(&(*to, *from));
            assert!(
                from == to || circle || definer < user,
                "{what}: {to:?} comes after its user {from:?}"
            );
        }
    }
}
