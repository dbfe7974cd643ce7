;; A library imports a function that it exports: with no other definition it gets its own, by a stub, since it does not exist yet when it is instantiated.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
