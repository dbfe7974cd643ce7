(module
  (@dylink.0 (mem-info (memory 8 2) (table 0 0)))
  (func (export "f"))
  (global (export "d") i32 (i32.const 4))
)
