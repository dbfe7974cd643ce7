;; The same in the table, even where no slots are asked for.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 64)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
