(module
  (@dylink.0 (mem-info (memory 4 0) (table 0 0)))
  (import "GOT.mem" "__heap_base" (global (mut i32)))
  (import "GOT.mem" "__stack_high" (global (mut i32)))
)
