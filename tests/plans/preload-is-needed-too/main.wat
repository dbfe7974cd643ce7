;; A preload that is needed as well is one object, at the place of the preload.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libp.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
)
