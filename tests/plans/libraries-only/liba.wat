;; No main program: stack, data and heap as for a position-independent one.
(module
  (@dylink.0 (mem-info (memory 100 4) (table 0 0))
    (needed "libc.so"))
  (import "env" "__stack_pointer" (global (mut i32)))
  (import "env" "memory" (memory 0))
  (import "GOT.mem" "__heap_base" (global (mut i32)))
)
