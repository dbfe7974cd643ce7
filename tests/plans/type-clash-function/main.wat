;; A function is imported with another type than it is defined with: an error that names both modules and both types.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f (param i32) (result i32)))
)
