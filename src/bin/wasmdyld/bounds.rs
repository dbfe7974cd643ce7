//! What a program may use before it is stopped.

use std::time::Duration;

use clap::Args;
use wasmdyld::error::{Code, Error};
use wasmdyld::link::Allowance;

#[derive(Args)]
pub struct BoundArgs {
    /// Stop the program when this time is over, loading included: 500ms, 5s, "2m 30s"
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Stop the program when it has done so much: going round a loop once is a unit, and so are most calls
    #[arg(long, value_name = "UNITS")]
    budget: Option<u64>,
}

impl BoundArgs {
    pub fn is_any(&self) -> bool {
        self.timeout.is_some() || self.budget.is_some()
    }

    pub fn allowance(&self) -> Allowance {
        Allowance {
            timeout: self.timeout,
            budget: self.budget,
        }
    }

    /// An error in the words of the command.
    pub fn explain(&self, error: Error) -> Error {
        let why = match (error.code(), self.timeout, self.budget) {
            (Code::TimedOut, Some(timeout), _) => {
                let timeout = humantime::format_duration(timeout);
                format!("the program has taken longer than {timeout}: give it more with --timeout")
            }
            (Code::OutOfBudget, _, Some(budget)) => {
                format!(
                    "the program has used up its budget of {budget} units: give it more with --budget"
                )
            }
            _ => return error,
        };
        Error::new(error.code(), why).with_frames(error.frames().to_vec())
    }
}
