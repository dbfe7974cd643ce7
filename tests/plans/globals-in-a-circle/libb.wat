(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "a" (global (mut i32)))
  (global (export "b") (mut i32) (i32.const 0))
)
