;; A library's import of its own function is bound to the first definition, here another library's.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libb.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
