;; The linker gives the heap's and the stack's bounds where no object defines them.
(module
  (@dylink.0 (mem-info (memory 8 3) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "__heap_base" (global (mut i32)))
  (import "GOT.mem" "__heap_end" (global (mut i32)))
  (import "GOT.mem" "__stack_low" (global (mut i32)))
  (import "GOT.mem" "__stack_high" (global (mut i32)))
)
