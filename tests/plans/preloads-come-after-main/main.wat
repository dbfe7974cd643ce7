;; Preloads come after main and before its needed libraries, in the order given; main's own g stays first.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
  (import "env" "h" (func $h))
  (func (export "g"))
)
