(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) i32.const 0)
)
