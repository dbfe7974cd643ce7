;; A symbol may have any name: empty, with spaces, dots or letters beyond ASCII, or that of a module.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "" (func))
  (import "env" "a b" (func))
  (import "env" "\c3\a9" (func))
  (import "env" "GOT.mem" (func))
  (import "GOT.mem" "" (global (mut i32)))
  (import "" "" (func))
)
