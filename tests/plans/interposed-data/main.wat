;; Data are interposed as functions are: both libraries use main's environ.
(module
  (@dylink.0 (mem-info (memory 32 4) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (global (export "environ") i32 (i32.const 16))
)
