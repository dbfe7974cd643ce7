;; The first 1024 bytes stay unused, the stack comes first, then data of main and of the libraries in the order found, then the heap.
(module
  (@dylink.0 (mem-info (memory 100 4) (table 0 0))
    (needed "liba.so" "libb.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__stack_pointer" (global (mut i32)))
)
