;; A host may define GOT entries itself, under the GOT's own module names.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "d" (global (mut i32)))
  (import "GOT.func" "f" (global (mut i32)))
)
