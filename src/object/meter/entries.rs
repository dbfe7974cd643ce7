//! Which functions need a check at their entry.
//!
//! A function goes without where little can happen from its entry to the next check, and nothing can come back to it without one:
//!
//! - it is not what closes a circle of direct calls: each circle has a function that is checked;
//! - others reach it by direct calls only, and it weighs at most [`OWN`] instructions, with those of its callees up to their first checks; or
//! - others may call it by its export or by a pointer, it calls nothing but functions of its own module directly, and its weight is at
//!   most [`OPEN`].
//!
//! So whatever a call of unknown target leads to without a check weighs at most [`OPEN`], in this module or another, and cannot come
//! back.

use wasmparser::{BinaryReader, FunctionBody, Operator, OperatorsReader};

use super::super::fault;
use super::super::section::{self, Sections};
use super::bulk::{Bulk, Stated};
use super::cost;
use super::named;
use super::path;
use super::pieces::Pieces;
use super::survey::Survey;
use crate::error::Result;

/// The most that a function reached by direct calls only may weigh without a check.
pub(super) const OWN: u32 = path::STRETCH;
/// The most for one that others may call.
pub(super) const OPEN: u32 = 500;

/// A call of a function that has a check itself, without what it passes.
const CHECKED_CALL: u32 = 2;
/// So many locals take as long as an instruction: engines make them zero, all at once.
const LOCALS: u32 = 4;

#[derive(Default)]
pub(super) struct Entries {
    /// Of each function that the module defines: how many instructions may run in it without a check; [`CHECKED`] if
    /// it has one at its entry.
    weights: Vec<u32>,
    /// What the module fills and copies by unknown lengths.
    pub pieces: Pieces,
}

const CHECKED: u32 = u32::MAX;

impl Entries {
    pub fn of(bytes: &[u8], survey: &Survey) -> Result<Entries> {
        let calls = Calls::read(bytes, survey)?;
        Ok(Entries {
            weights: calls.weights(survey),
            pieces: calls.pieces,
        })
    }

    /// Whether the n-th function that the module defines has a check at its entry.
    pub fn is_checked(&self, n: usize) -> bool {
        self.weights.get(n).is_none_or(|&weight| weight == CHECKED)
    }

    /// What an operator, with this first byte, counts for in the code that it stands in, beyond one.
    pub fn weight(&self, operator: &Operator<'_>, first: u8, survey: &Survey) -> u32 {
        let (Operator::Call { function_index } | Operator::ReturnCall { function_index }) =
            operator
        else {
            return by_itself(operator, first, survey);
        };
        match function_index.checked_sub(survey.imported_funcs) {
            None => OPEN,
            Some(n) => match self.weights.get(position(n)) {
                None | Some(&CHECKED) => checked_call(position(n), survey),
                Some(&weight) => weight,
            },
        }
    }
}

/// What an operator other than a direct call counts for, beyond one. What may lead anywhere makes a function weigh more than [`OPEN`].
fn by_itself(operator: &Operator<'_>, first: u8, survey: &Survey) -> u32 {
    match path::leads_away(operator) {
        true => OPEN,
        false => cost::of(operator, first, survey),
    }
}

/// A call of the n-th function, which has a check itself.
fn checked_call(n: usize, survey: &Survey) -> u32 {
    CHECKED_CALL.saturating_add(survey.passes(n))
}

/// The direct calls of a module, and what its functions weigh by themselves.
struct Calls {
    functions: Vec<Function>,
    /// Callees among the module's own functions, one function's behind those of the one before.
    callees: Vec<u32>,
    pieces: Pieces,
}

struct Function {
    own: u32,
    /// Where its callees end.
    end: usize,
    /// Others may call it.
    open: bool,
}

fn position(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

impl Calls {
    fn read(bytes: &[u8], survey: &Survey) -> Result<Calls> {
        let mut calls = Calls {
            functions: Vec::new(),
            callees: Vec::new(),
            pieces: Pieces::default(),
        };
        // Functions that are named where they may be taken from.
        let mut open = Vec::new();
        for section in Sections::new(bytes) {
            let section = section?;
            if section.id == section::CODE {
                let mut reader = section.reader();
                for _ in 0..reader.read_var_u32().map_err(fault::reader)? {
                    let body = reader.read_reader().map_err(fault::reader)?;
                    calls.function(bytes, body, survey, &mut open)?;
                }
            } else {
                named::functions(&section, &mut open)?;
            }
        }
        for index in open {
            let n = index.checked_sub(survey.imported_funcs).map(position);
            if let Some(function) = n.and_then(|n| calls.functions.get_mut(n)) {
                function.open = true;
            }
        }
        Ok(calls)
    }

    fn function(
        &mut self,
        bytes: &[u8],
        body: BinaryReader<'_>,
        survey: &Survey,
        open: &mut Vec<u32>,
    ) -> Result<()> {
        let body = FunctionBody::new(body);
        let mut locals = body.get_locals_reader().map_err(fault::reader)?;
        let mut own = 0_u32;
        for _ in 0..locals.get_count() {
            let (count, _) = locals.read().map_err(fault::reader)?;
            own = own.saturating_add(count / LOCALS);
        }
        own = own.saturating_add(survey.passes(self.functions.len()));
        let mut operators = OperatorsReader::new(locals.get_binary_reader());
        let mut stated = Stated::default();
        while !operators.eof() {
            let (operator, start) = operators.read_with_offset().map_err(fault::reader)?;
            if Bulk::of(&operator, survey).is_some_and(|bulk| !stated.is_short(bulk)) {
                self.pieces.need(&operator);
            }
            stated.pass(&operator);
            let more = match &operator {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    match function_index.checked_sub(survey.imported_funcs) {
                        Some(callee) => {
                            self.callees.push(callee);
                            0
                        }
                        None => OPEN,
                    }
                }
                operator => {
                    if let Operator::RefFunc { function_index } = operator {
                        open.push(*function_index);
                    }
                    let first = bytes.get(start).copied().unwrap_or_default();
                    by_itself(operator, first, survey)
                }
            };
            own = own.saturating_add(1).saturating_add(more);
        }
        self.functions.push(Function {
            own,
            end: self.callees.len(),
            open: false,
        });
        Ok(())
    }

    fn callees(&self, n: usize) -> &[u32] {
        let start = match n.checked_sub(1) {
            Some(before) => self.functions.get(before).map_or(0, |f| f.end),
            None => 0,
        };
        let end = self.functions.get(n).map_or(start, |f| f.end);
        self.callees.get(start..end).unwrap_or_default()
    }

    /// Decides callees before their callers. What is met again while it is being decided closes a circle, and is checked.
    fn weights(&self, survey: &Survey) -> Vec<u32> {
        let mut weights = vec![0; self.functions.len()];
        let mut states = vec![State::New; self.functions.len()];
        // Functions that are being decided, with how many of their callees have been.
        let mut under_way: Vec<(usize, usize)> = Vec::new();
        for first in 0..self.functions.len() {
            if states.get(first) == Some(&State::New) {
                under_way.push((first, 0));
            }
            while let Some((n, next)) = under_way.last_mut() {
                let n = *n;
                if let Some(state @ State::New) = states.get_mut(n) {
                    *state = State::UnderWay;
                }
                if let Some(&callee) = self.callees(n).get(*next) {
                    *next = next.saturating_add(1);
                    let callee = position(callee);
                    match states.get_mut(callee) {
                        Some(State::New) => under_way.push((callee, 0)),
                        Some(state @ State::UnderWay) => *state = State::Circle,
                        _ => {}
                    }
                    continue;
                }
                under_way.pop();
                let in_circle = states.get(n) == Some(&State::Circle);
                let weight = match in_circle {
                    true => CHECKED,
                    false => self.decide(n, &weights, &states, survey),
                };
                if let (Some(place), Some(state)) = (weights.get_mut(n), states.get_mut(n)) {
                    *place = weight;
                    *state = State::Decided;
                }
            }
        }
        weights
    }

    /// A function whose callees are decided, or will be checked.
    fn decide(&self, n: usize, weights: &[u32], states: &[State], survey: &Survey) -> u32 {
        let Some(function) = self.functions.get(n) else {
            return CHECKED;
        };
        let mut weight = function.own;
        for &callee in self.callees(n) {
            let callee = position(callee);
            let of_callee = match (states.get(callee), weights.get(callee)) {
                (Some(State::Decided), Some(&weight)) if weight != CHECKED => weight,
                _ => checked_call(callee, survey),
            };
            weight = weight.saturating_add(of_callee);
        }
        let most = if function.open { OPEN } else { OWN };
        match weight > most {
            true => CHECKED,
            false => weight,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    UnderWay,
    /// Under way, and called by what it calls itself.
    Circle,
    Decided,
}
