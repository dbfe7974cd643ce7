;; Instantiation and construction follow needed, where functions do not say otherwise: main is last though it calls nothing.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "d" (global (mut i32)))
)
