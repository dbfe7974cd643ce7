;; A host definition of another type is a clash.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f (param i32)))
  (import "mod" "g" (global i32))
  (import "mod" "m" (func))
)
