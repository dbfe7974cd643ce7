;; The largest alignment is 1 GiB.
(module
  (@dylink.0 (mem-info (memory 8 30) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
