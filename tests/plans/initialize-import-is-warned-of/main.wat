;; A library linked without its start files imports _initialize or __wasm_call_ctors: it gets a function that does nothing, never the one of its neighbour, and a warning.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libb.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
