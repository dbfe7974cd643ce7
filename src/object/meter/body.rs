//! A function's body with checks: at its entry, where it needs one, in each turn of a loop, in front of each bulk operation, and where a
//! stretch of code without any of these is long.

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, FunctionBody, Operator, OperatorsReader};

use super::super::fault;
use super::asides::Asides;
use super::back::{Back, Labels};
use super::bulk::{Bulk, Stated};
use super::check::{self, Checks};
use super::edit::{Edit, Moves};
use super::entries::Entries;
use super::hints::Hints;
use super::loops::{Loops, Shape};
use super::path::{self, Path};
use super::survey::Survey;
use super::tight;
use super::{MAX_BODY, MAX_LOCALS, no_room};
use crate::error::Result;

/// So many locals cost a unit where a function is entered: engines make them zero.
const LOCALS: u32 = 1024;

/// Types of locals.
const I32: u8 = 0x7f;
const I64: u8 = 0x7e;

pub(super) struct Bodies<'a> {
    bytes: &'a [u8],
    survey: &'a Survey,
    entries: &'a Entries,
    asides: &'a Asides,
    checks: Checks,
    moves: Moves,
    /// The code of the function at hand, and where its checks branch.
    code: Vec<u8>,
    branches: Vec<usize>,
    /// Says of each branch of a check that it is hardly ever taken.
    pub hints: Hints,
    /// Functions that have a check.
    checked: usize,
    /// The first of the functions that fill and copy in pieces, and whether one is called.
    first_piece: u32,
    calls_pieces: bool,
    /// The function at hand keeps a length in a local.
    keeps_length: bool,
}

impl<'a> Bodies<'a> {
    pub fn new(
        bytes: &'a [u8],
        survey: &'a Survey,
        entries: &'a Entries,
        asides: &'a Asides,
        checks: Checks,
        moves: Moves,
    ) -> Bodies<'a> {
        Bodies {
            bytes,
            survey,
            entries,
            asides,
            checks,
            moves,
            code: Vec::new(),
            branches: Vec::new(),
            hints: Hints::default(),
            checked: 0,
            first_piece: checks
                .ask
                .saturating_add(1)
                .saturating_add(survey.defined_funcs()),
            calls_pieces: false,
            keeps_length: false,
        }
    }

    /// Whether there is a check anywhere.
    pub fn has_checks(&self) -> bool {
        self.checked > 0 || self.calls_pieces
    }

    /// Appends the n-th body, with its size in front.
    pub fn rewrite(&mut self, out: &mut Vec<u8>, n: usize, body: BinaryReader<'a>) -> Result<()> {
        let start = body.original_position();
        let range = body.range();
        let body = FunctionBody::new(body);
        let mut locals = body.get_locals_reader().map_err(fault::reader)?;
        let groups = locals.get_count();
        let params = self.survey.params(n);
        let params = params.ok_or_else(|| fault::malformed(start, "code without a function"))?;
        let types = locals.original_position();
        let mut total = params;
        for _ in 0..groups {
            let (count, _) = locals.read().map_err(fault::reader)?;
            total = total.saturating_add(count);
        }
        let code = locals.original_position();

        self.code.clear();
        self.branches.clear();
        self.keeps_length = false;
        self.operators(locals.get_binary_reader(), total)?;
        let enters = self.entries.is_checked(n);
        let mut head = Vec::new();
        let types = self.bytes.get(types..code).unwrap_or_default();
        if !enters && self.branches.is_empty() {
            groups.encode(&mut head);
            head.extend_from_slice(types);
        } else {
            let counts = self.checks.count();
            if counts && total >= MAX_LOCALS {
                return Err(no_room(start, "as many locals as a function may have"));
            }
            let local = match counts {
                true => Some(I64),
                false => self.keeps_length.then_some(I32),
            };
            let more = u32::from(local.is_some());
            groups.saturating_add(more).encode(&mut head);
            head.extend_from_slice(types);
            head.extend(local.into_iter().flat_map(|ty| [1, ty]));
            let cost = (total / LOCALS).saturating_add(1);
            let number = u32::try_from(n).unwrap_or(u32::MAX);
            let entry = enters.then(|| match self.asides.index(number) {
                Some(aside) => check::enter(&mut head, self.checks, params, aside),
                None => self.checks.fixed(&mut head, total, cost),
            });
            self.checked = self.checked.saturating_add(1);
            let inside = self.branches.iter();
            let inside = inside.map(|branch| branch.saturating_add(head.len()));
            let branches: Vec<usize> = entry.into_iter().chain(inside).collect();
            let func = number.saturating_add(self.checks.ask).saturating_add(1);
            self.hints.unlikely(func, &branches);
        }
        let size = head.len().saturating_add(self.code.len());
        if size > MAX_BODY && range.len() <= MAX_BODY {
            return Err(no_room(start, "as many bytes as a function may have"));
        }
        u32::try_from(size).unwrap_or(u32::MAX).encode(out);
        out.extend_from_slice(&head);
        out.extend_from_slice(&self.code);
        Ok(())
    }

    /// Copies a function's operators to `code`, with the checks among them. `left` is the local that checks use which count.
    ///
    /// These stand at the heads of loops, so that each turn is counted that is begun. Others stand where a turn ends, on the way back alone:
    /// what is run through once has none. So do bulk operations: where calls return, a whole stack of them may be done without a turn.
    fn operators(&mut self, code: BinaryReader<'a>, left: u32) -> Result<()> {
        let start = code.original_position();
        let mut edit = Edit::new(self.bytes, start, self.moves);
        let mut path = Path::new(path::COUNTED);
        let mut operators = OperatorsReader::new(code);
        let mut labels = (!self.checks.count()).then(Labels::new);
        let mut loops = match &labels {
            Some(_) => Loops::of(self.bytes, operators.clone()).map_err(fault::reader)?,
            None => Loops::default(),
        };
        let mut stated = Stated::default();
        while !operators.eof() {
            let (operator, start) = operators.read_with_offset().map_err(fault::reader)?;
            let end = operators.original_position();
            if path.is_due(&operator) {
                edit.copy(&mut self.code, start);
                self.branches
                    .push(self.checks.fixed(&mut self.code, left, 1));
                path.checked();
            }
            let first = self.bytes.get(start).copied().unwrap_or_default();
            let more = self.entries.weight(&operator, first, self.survey);
            refuse_waiting(&operator, self.survey, start)?;
            match labels.as_ref().map(|labels| labels.back(&operator)) {
                None | Some(Back::No) => {}
                Some(Back::May) => {
                    edit.copy(&mut self.code, start);
                    self.branches
                        .push(self.checks.fixed(&mut self.code, left, 1));
                    path.checked();
                }
                Some(Back::If(depth)) => {
                    edit.copy(&mut self.code, start);
                    self.branches
                        .push(check::back_if(&mut self.code, self.checks, depth));
                    edit.skip(end);
                }
            }
            let bulk = Bulk::of(&operator, self.survey);
            match bulk.filter(|bulk| !stated.is_short(*bulk)) {
                None => edit.operator(&mut self.code, &operator, start, end),
                Some(bulk) => {
                    let looks = self.bulk(&mut edit, &operator, (start, end), (bulk, left));
                    if looks && labels.is_some() {
                        path.checked();
                    }
                }
            }
            path.pass(&operator, more);
            let is_loop = matches!(operator, Operator::Loop { .. });
            let shape = if is_loop {
                loops.begin()
            } else {
                Shape::default()
            };
            if labels.is_some() && shape.is_tight() {
                let (entries, survey) = (self.entries, self.survey);
                let times = tight::turns(shape);
                let pass = |operator: &Operator<'_>, start: usize| {
                    let first = self.bytes.get(start).copied().unwrap_or_default();
                    let more = entries.weight(operator, first, survey).saturating_add(1);
                    path.pass(operator, more.saturating_mul(times).saturating_sub(1));
                };
                tight::rewrite(
                    &mut self.code,
                    &mut edit,
                    (start, &mut operators),
                    (shape, self.checks),
                    &mut self.branches,
                    pass,
                )?;
                stated = Stated::default();
                continue;
            }
            if let Some(labels) = &mut labels {
                labels.pass(&operator);
            } else if is_loop {
                edit.copy(&mut self.code, end);
                self.branches
                    .push(self.checks.fixed(&mut self.code, left, 1));
                path.checked();
            }
            stated.pass(&operator);
        }
        operators.finish().map_err(fault::reader)?;
        edit.copy(&mut self.code, operators.original_position());
        Ok(())
    }

    /// A bulk operation of a length that may be large. `left` is the function's next local. Whether there is a look on every way.
    fn bulk(
        &mut self,
        edit: &mut Edit<'a>,
        operator: &Operator<'_>,
        (start, end): (usize, usize),
        (bulk, left): (Bulk, u32),
    ) -> bool {
        let out = &mut self.code;
        edit.copy(out, start);
        let Some(n) = self.entries.pieces.position(operator) else {
            self.branches.push(self.checks.bulk(out, left, bulk));
            edit.operator(out, operator, start, end);
            return true;
        };
        self.calls_pieces = true;
        let func = self.first_piece.saturating_add(n);
        if self.checks.count() || bulk.wide || left >= MAX_LOCALS {
            check::call(out, func);
            edit.skip(end);
            return true;
        }
        self.keeps_length = true;
        let ty = self.survey.piece_type(n);
        self.branches.push(check::call_if_long(out, left, ty, func));
        edit.operator(out, operator, start, end);
        edit.copy(out, end);
        check::end(out);
        false
    }
}

/// A thread that waits on a shared memory runs no code, and no engine lets go of it.
pub(super) fn refuse_waiting(operator: &Operator<'_>, survey: &Survey, at: usize) -> Result<()> {
    let (Operator::MemoryAtomicWait32 { memarg } | Operator::MemoryAtomicWait64 { memarg }) =
        operator
    else {
        return Ok(());
    };
    match survey.memory(memarg.memory) {
        Some(memory) if memory.shared => Err(fault::unsupported(
            at,
            "memory.atomic.wait on a shared memory, which nothing can interrupt,",
        )),
        // It traps on any other.
        _ => Ok(()),
    }
}
