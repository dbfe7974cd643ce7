;; What emscripten made gets open and time from the library that translates; others, and that library itself, get libc's.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "libcompat.so" "libem.so" "libc.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "open" (func $open (param i32 i32 i32) (result i32)))
)
