//! A program in Rust, whose standard library is its own, and libwords.so, which has another one. Both have one libc.
use std::ffi::{CStr, CString, c_char};
use std::io::{BufRead, Write};

#[link(name = "words")]
unsafe extern "C" {
    fn words_add(line: *const c_char, new: extern "C" fn(*const c_char)) -> usize;
    fn words_report() -> *mut c_char;
    fn words_free(text: *mut c_char);
}

extern "C" fn new_word(word: *const c_char) {
    let word = unsafe { CStr::from_ptr(word) };
    print!("[{}]", word.to_string_lossy());
    std::io::stdout().flush().unwrap();
}

fn main() {
    let path = std::env::args().nth(1).expect("the name of a file");
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("{path}: {:?}", error.kind());
            std::process::exit(3);
        }
    };
    for line in std::io::BufReader::new(file).lines() {
        let line = CString::new(line.unwrap()).unwrap();
        println!(" {}", unsafe { words_add(line.as_ptr(), new_word) });
    }
    let text = unsafe { words_report() };
    println!("{}", unsafe { CStr::from_ptr(text) }.to_str().unwrap());
    unsafe { words_free(text) };
    let number: Result<u32, _> = std::env::args().nth(2).unwrap_or("42".into()).parse();
    println!("{}", number.expect("a number"));
}
