;; A library that an earlier, local load brought is used again by one that needs it; its symbols are seen through the new group.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
