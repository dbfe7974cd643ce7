;; DEEPBIND: a needed library that is global already is part of the group too, so that its sin comes before main's.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "libm.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (func (export "sin"))
)
