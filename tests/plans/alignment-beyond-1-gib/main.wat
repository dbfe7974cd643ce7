;; An alignment of 2 GiB is refused.
(module
  (@dylink.0 (mem-info (memory 8 31) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
