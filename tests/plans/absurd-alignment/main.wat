;; An absurd power of two is refused, not shifted by.
(module
  (@dylink.0 (mem-info (memory 8 4294967295) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
