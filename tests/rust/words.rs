//! A library with Rust's standard library inside: counts words, in a map, with threads' locks, boxed closures and formatted text.
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString, c_char};
use std::fmt::Write;
use std::sync::{Mutex, OnceLock};

static COUNTS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
static GREETING: OnceLock<String> = OnceLock::new();

thread_local! {
    static LINES: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Counts the words of a line, and calls back for each that is new.
///
/// # Safety
/// `line` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn words_add(
    line: *const c_char,
    new: extern "C" fn(*const c_char),
) -> usize {
    let line = unsafe { CStr::from_ptr(line) }.to_string_lossy();
    let mut counts = COUNTS.lock().unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    for word in &words {
        let count = counts.entry(word.to_lowercase()).or_default();
        *count += 1;
        if *count == 1 {
            new(CString::new(*word).unwrap().as_ptr());
        }
    }
    LINES.with_borrow_mut(|lines| lines.push(words.len()));
    words.len()
}

/// All of it as text, which [`words_free`] frees.
#[unsafe(no_mangle)]
pub extern "C" fn words_report() -> *mut c_char {
    let greeting =
        GREETING.get_or_init(|| std::env::var("GREETING").unwrap_or_else(|_| "hello".into()));
    let counts = COUNTS.lock().unwrap();
    let mut by_count: Vec<_> = counts.iter().collect();
    let order: Box<dyn Fn(&(&String, &usize)) -> (isize, String)> =
        Box::new(|(word, count)| (-(**count as isize), word.to_string()));
    by_count.sort_by_key(|entry| order(entry));
    let mut text = format!("{greeting}:");
    for (word, count) in by_count {
        write!(text, " {word}={count}").unwrap();
    }
    let lengths: HashMap<usize, usize> = LINES.with_borrow(|lines| {
        lines.iter().fold(HashMap::new(), |mut all, length| {
            *all.entry(*length).or_default() += 1;
            all
        })
    });
    let longest = lengths.keys().max().copied().unwrap_or_default();
    let lines: usize = lengths.values().sum();
    let mean = counts.values().sum::<usize>() as f64 / lines as f64;
    write!(
        text,
        "; {lines} lines, the longest of {longest}, mean {mean:.2}"
    )
    .unwrap();
    CString::new(text).unwrap().into_raw()
}

/// # Safety
/// `text` comes from [`words_report`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn words_free(text: *mut c_char) {
    drop(unsafe { CString::from_raw(text) });
}
