(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (func (export "f"))
  (global (export "m") (mut i32) (i32.const 0))
  (global (export "n") i64 (i64.const 5))
)
