;; A library that was opened locally and is opened again globally is seen by the next one; nothing new is loaded.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
