;; plt=host: what wasm.h cannot express, such as v128, goes directly or by a stub as with plt=auto.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f (param v128)))
)
