(module
  (@dylink.0 (mem-info (memory 0 0) (table 1 0)))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (func $g (export "g"))
  (func (export "f"))
  (func (export "h"))
  (elem (global.get $table) func $g)
)
