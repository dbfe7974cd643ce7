;; The limit on memory counts pages.
(module
  (@dylink.0 (mem-info (memory 65536 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
