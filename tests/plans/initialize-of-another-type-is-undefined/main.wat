;; A function named _initialize that takes arguments is no constructor.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "_initialize" (func $_initialize (param i32)))
)
