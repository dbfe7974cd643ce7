;; A later load must agree with the tag that the namespace has.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__cpp_exception" (tag (param i32)))
)
