;; All clashes at once, after the undefined symbols.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f (param i32)))
  (import "env" "missing" (func $missing))
  (import "GOT.mem" "f" (global (mut i32)))
  (import "GOT.func" "d" (global (mut i32)))
  (import "env" "d" (func $d))
  (import "env" "t" (tag (param i64)))
)
