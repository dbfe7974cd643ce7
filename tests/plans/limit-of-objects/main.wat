;; The limit on objects counts the main program, and names the object that is one too many.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libb.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
