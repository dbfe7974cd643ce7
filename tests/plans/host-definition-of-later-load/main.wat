;; A slot that a host function got in one load is its slot in the next one.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.func" "h" (global (mut i32)))
)
