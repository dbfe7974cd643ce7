(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (import-info "env" "__stack_low" binding-weak))
  (import "GOT.mem" "__stack_low" (global (mut i32)))
  (import "GOT.mem" "__heap_base" (global (mut i32)))
  (import "GOT.mem" "__heap_end" (global (mut i32)))
)
