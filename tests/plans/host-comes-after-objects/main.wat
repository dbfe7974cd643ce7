;; In env a host definition is used where no object has one.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
  (import "env" "g" (func $g))
  (import "GOT.func" "g" (global (mut i32)))
  (import "GOT.func" "f" (global (mut i32)))
)
