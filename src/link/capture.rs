//! Running a module until a snapshot of it can be made.

use std::rc::Rc;

use super::namespace::Namespace;
use super::open::{Flags, Source};
use super::symbols::SearchIn;
use crate::engine::Val;
use crate::error::{Code, Context, Error, Result};
use crate::fuse::snapshot::{Point, Snapshot, State, question};
use crate::object::{FuncType, ValType};

impl Namespace {
    /// Runs a module as the program of this namespace, which has none, until the point of a snapshot, and gives what `with` makes of its state there.
    /// WASI has to be defined, where the program uses it.
    ///
    /// # Errors
    /// Those of a load and of a run. `Exit`: the program has ended, or main has returned, before it came to the point. Those of `with`.
    pub fn capture<T>(
        self: &Rc<Self>,
        name: &str,
        snapshot: &Snapshot<'_>,
        with: impl FnOnce(&State<'_>) -> Result<T>,
    ) -> Result<T> {
        let source = Source::Bytes {
            name: name.to_string(),
            bytes: snapshot.to_run()?,
        };
        let main = Flags {
            main: true,
            ..Flags::default()
        };
        self.load(source, main)?;
        let ended = self.run();
        let answers = (0..snapshot.questions()).map(|n| self.answer(n));
        let answers = match answers.collect::<Result<Vec<_>>>() {
            Ok(answers) => answers,
            // A guest that was stopped answers nothing.
            Err(error) => return Err(ended.err().unwrap_or(error)),
        };
        if !snapshot.reached(&answers)? {
            let before = || format!("before {}", until(snapshot.point()));
            let code = match ended {
                Ok(code) => code,
                Err(error) => match error.exit_code() {
                    Some(code) => code,
                    None => return Err(error).context(before),
                },
            };
            let why = format!("the program has ended, with exit code {code}, {}", before());
            let what = "  A snapshot is made of a program that is still to run. Arguments after -- , --env and --dir are what it sees until then.";
            return Err(Error::new(Code::Exit, why).line(what));
        }
        let memory = self.memory_to_use()?;
        // SAFETY: nothing of the guest's runs in `with`, which has the bytes and the answers alone.
        unsafe {
            memory.read_all(|memory| {
                with(&State {
                    memory,
                    answers: &answers,
                })
            })
        }
    }

    fn answer(self: &Rc<Self>, n: usize) -> Result<u64> {
        let ty = FuncType {
            params: Vec::new(),
            results: vec![ValType::I64],
        };
        let function = self.find_function(SearchIn::Global, &question(n), &ty)?;
        let mut result = [Val::i64(0)];
        function.call(&[], &mut result)?;
        let [value] = result;
        Ok(value.as_i64().unwrap_or_default().cast_unsigned())
    }
}

fn until(point: &Point) -> String {
    match point {
        Point::Constructed => "everything was constructed".to_string(),
        Point::Called(name) => format!("{} had returned", crate::text::name(name)),
        Point::Ready => "it called wasmdyld_snapshot (<wasmdyld/snapshot.h>)".to_string(),
    }
}
