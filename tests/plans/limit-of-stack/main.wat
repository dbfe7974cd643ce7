;; A stack that does not fit is refused.
(module
  (@dylink.0 (mem-info (memory 4 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
