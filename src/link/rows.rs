//! One call for many rows of arguments: a generated loop calls the function for each, see [`super::caller`].

use super::caller;
use super::function::Function;
use super::order::lost;
use crate::engine::Val;
use crate::error::{Code, Context, Error, Result};

/// Where the values of a parameter or a result lie in the guest's memory: that of row n at `address + n * stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub address: u64,
    /// Bytes from one row's value to the next; 0 for one value for all rows.
    pub stride: u64,
}

impl Function {
    /// Calls the function for `rows` rows: arguments out of memory, results into it. `columns` has one for each parameter, then one for
    /// each result.
    ///
    /// All of it is checked before the first row: where something lies beyond the memory nothing runs. If the function traps or the guest
    /// exits, the error says so, and the number says how many rows were done before; their results are there.
    pub fn call_rows(&self, columns: &[Column], rows: u64) -> (u64, Result<()>) {
        let mut done = 0;
        let ran = self.rows(columns, rows, &mut done);
        (done, ran)
    }

    fn rows(&self, columns: &[Column], rows: u64, done: &mut u64) -> Result<()> {
        let ns = self.here()?;
        let sig = self.sig();
        if !caller::has_rows(sig) {
            let why = format!("a function of type {sig} takes or gives what lies in no memory");
            return Err(Error::new(Code::Unsupported, why));
        }
        let (params, results) = (sig.params.len(), sig.results.len());
        if columns.len() != params + results {
            let why = format!(
                "the function takes {params} arguments and gives {results} results; {} columns were given",
                columns.len()
            );
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let size = ns.memory()?.size();
        let mut args = vec![Val::i64(rows.cast_signed()), Val::u32(0)];
        let types = sig.params.iter().chain(&sig.results);
        for (n, (column, &ty)) in columns.iter().zip(types).enumerate() {
            let width = caller::width(ty).unwrap_or(0);
            let (address, stride) = within(column, width, rows, size).context(|| match n {
                n if n < params => format!("the column of argument {n}"),
                n => format!("the column of result {}", n - params),
            })?;
            args.extend([Val::u32(address), Val::u32(stride)]);
        }
        let (caller, slot) = self.by_slot(&ns)?;
        if let Some(at) = args.get_mut(1) {
            *at = Val::u32(slot);
        }
        let exports = caller.exports();
        let (run, counter) = (exports.get(caller::ROWS), exports.get(caller::DONE));
        let run = run.as_ref().and_then(|run| run.as_func());
        let counter = counter.as_ref().and_then(|counter| counter.as_global());
        let (Some(run), Some(counter)) = (run, counter) else {
            return Err(lost("a generated loop"));
        };
        // A function that is called for a row may call functions of its type for rows.
        let outer = counter.get();
        counter.set(Val::i64(0));
        let ran = ns.call(&run, &args, &mut []);
        *done = counter.get().as_i64().unwrap_or(0).cast_unsigned();
        counter.set(outer);
        ran
    }
}

/// A column in the form in which the loop takes it, if all of it lies within a memory of `size` bytes.
fn within(column: &Column, width: u64, rows: u64, size: u64) -> Result<(u32, u32)> {
    let invalid = |why: String| Err(Error::new(Code::InvalidArgument, why));
    let Column { address, stride } = *column;
    let Some(last) = rows.checked_sub(1) else {
        return Ok((0, 0));
    };
    if address == 0 {
        return invalid("its address is null".to_string());
    }
    let end = stride.checked_mul(last);
    let end = end.and_then(|offset| offset.checked_add(address)?.checked_add(width));
    if end.is_none_or(|end| end > size) {
        return invalid(format!(
            "{rows} rows of {width} bytes, {stride} bytes apart, from address {address:#x} on, are not within the memory of {size:#x} bytes"
        ));
    }
    // Of a single row the stride is not used.
    let stride = if last == 0 { 0 } else { stride };
    match (u32::try_from(address), u32::try_from(stride)) {
        (Ok(address), Ok(stride)) => Ok((address, stride)),
        _ => invalid("addresses have 32 bits".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_lie_within_the_memory_or_are_refused() {
        let within = |address, stride, rows| {
            within(&Column { address, stride }, 4, rows, 0x10000).map_err(|e| e.to_string())
        };
        assert_eq!(within(8, 4, 100), Ok((8, 4)));
        assert_eq!(within(0xfffc, 0, u64::MAX), Ok((0xfffc, 0)));
        assert_eq!(within(4, 12, 5461), Ok((4, 12)));
        assert_eq!(within(0, 4, 0), Ok((0, 0)), "nothing is read");
        assert_eq!(within(8, u64::MAX, 1), Ok((8, 0)));
        for (address, stride, rows, why) in [
            (0, 4, 1, "null"),
            (0xfffd, 4, 1, "not within"),
            (8, 12, 5462, "not within"),
            (8, u64::MAX, 2, "not within"),
            (u64::MAX, 0, 1, "not within"),
            (u64::MAX - 4, 1, 2, "not within"),
            (8, 1, u64::MAX, "not within"),
        ] {
            let refused = within(address, stride, rows).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
