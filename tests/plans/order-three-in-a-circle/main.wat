;; A circle of needed is cut where it was entered: libc, libb, liba.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "a" (func $a))
  (import "env" "b" (func $b))
  (import "env" "c" (func $c))
)
