(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (global (export "g") (mut i32) (i32.const 0))
  (global (export "h") (mut i32) (i32.const 0))
)
