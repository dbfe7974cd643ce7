;; Memories and tables of the host match by limits.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "mod" "m" (memory 1 4))
  (import "mod" "t" (table 2 funcref))
)
