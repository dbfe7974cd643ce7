//! What is being compiled, for those who wait: one line on the terminal, which is taken off again before the program writes there.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ValueEnum;
use wasmdyld::config::{Observer, Progress};
use wasmdyld::error::plain;

/// What is done sooner is not worth a word.
const PATIENCE: Duration = Duration::from_millis(500);

/// To the line's beginning, and all of it away.
const ERASE: &str = "\r\x1b[K";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, if it takes long
    Auto,
    /// Each library
    Always,
    Never,
}

/// What is to be told of a program's first load. Later ones come while it runs, and may find the cursor behind its own words.
pub fn observer(when: When) -> Option<Observer> {
    let terminal = std::io::stderr().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let line = match (when, terminal) {
        (When::Never, _) | (When::Auto, false) => return None,
        (When::Auto, true) => Line::Later(Later::default()),
        (When::Always, true) => Line::Now,
        (When::Always, false) => Line::Log,
    };
    let line = RefCell::new(Some(line));
    Some(std::sync::Arc::new(move |progress| match progress {
        Progress::Compiling {
            name,
            size,
            number,
            of,
        } => {
            let size = size as f64 / 1e6;
            let text = format!(
                "wasmdyld: compiling {} ({size:.1} MB), {number} of {of}",
                plain(name)
            );
            if let Some(line) = line.borrow_mut().as_mut() {
                line.show(&text);
            }
        }
        Progress::Compiled => {
            if let Some(line) = line.borrow_mut().take() {
                line.end();
            }
        }
    }))
}

enum Line {
    /// Where nothing can be taken off again.
    Log,
    Now,
    Later(Later),
}

impl Line {
    fn show(&mut self, text: &str) {
        match self {
            Line::Log => put(&format!("{text}\n")),
            Line::Now => draw(text),
            Line::Later(later) => later.show(text),
        }
    }

    fn end(self) {
        match self {
            Line::Log => {}
            Line::Now => erase(),
            Line::Later(later) => later.end(),
        }
    }
}

fn draw(text: &str) {
    // A line that wraps could not be taken off.
    let room = usize::from(columns()).saturating_sub(1);
    let text: String = text.chars().take(room).collect();
    put(&format!("{ERASE}{text}"));
}

fn erase() {
    put(ERASE);
}

fn put(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to be told that standard error is closed.
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

#[cfg(unix)]
fn columns() -> u16 {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the request fills such a struct.
    let asked = unsafe { libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    match (asked, size.ws_col) {
        (0, 1..) => size.ws_col,
        _ => 80,
    }
}

#[cfg(windows)]
fn columns() -> u16 {
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::System::Console::{
        CONSOLE_SCREEN_BUFFER_INFO, GetConsoleScreenBufferInfo,
    };
    let mut told = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: the call fills such a structure, or fails.
    let asked =
        unsafe { GetConsoleScreenBufferInfo(std::io::stderr().as_raw_handle(), &raw mut told) };
    let width = i32::from(told.srWindow.Right) - i32::from(told.srWindow.Left) + 1;
    match (asked, u16::try_from(width)) {
        (1.., Ok(width @ 1..)) => width,
        _ => 80,
    }
}

#[derive(Default)]
struct State {
    text: String,
    done: bool,
}

/// Draws from a thread of its own, since the one that compiles is busy.
#[derive(Default)]
struct Later {
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Later {
    fn show(&mut self, text: &str) {
        lock(&self.shared.0).text = text.to_string();
        self.shared.1.notify_one();
        if self.thread.is_none() {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().spawn(move || follow(&shared));
            // Without a thread it is done in silence.
            self.thread = thread.ok();
        }
    }

    fn end(self) {
        lock(&self.shared.0).done = true;
        self.shared.1.notify_one();
        if let Some(thread) = self.thread {
            // It ends at once, and what it drew is gone then.
            let _ = thread.join();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow((state, changed): &(Mutex<State>, Condvar)) {
    let waiting = changed.wait_timeout_while(lock(state), PATIENCE, |state| !state.done);
    let (mut now, _) = waiting.unwrap_or_else(PoisonError::into_inner);
    let mut drawn = String::new();
    while !now.done {
        if now.text != drawn {
            drawn.clone_from(&now.text);
            draw(&drawn);
        }
        now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
    }
    if !drawn.is_empty() {
        erase();
    }
}
