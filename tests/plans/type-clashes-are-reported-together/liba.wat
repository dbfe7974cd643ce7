(module
  (@dylink.0 (mem-info (memory 4 0) (table 0 0)))
  (func (export "f") (param f64))
  (global (export "d") i32 (i32.const 0))
  (tag (export "t") (param i32))
)
