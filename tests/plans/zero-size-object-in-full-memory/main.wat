;; An object without data fits into a memory that is full.
(module
  (@dylink.0 (mem-info (memory 60416 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
