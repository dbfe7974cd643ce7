;; A slot decided by one load, or by a segment loaded then, is the one that later loads get.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.func" "f" (global (mut i32)))
)
