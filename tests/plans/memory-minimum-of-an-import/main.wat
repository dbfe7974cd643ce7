;; The memory is at least as large as any object asks for when it imports it, in the first load and later; the room is free.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
