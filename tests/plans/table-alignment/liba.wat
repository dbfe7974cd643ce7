(module
  (@dylink.0 (mem-info (memory 0 0) (table 1 1)))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (func (export "f"))
  (func (export "g"))
  (func $x)
  (elem (global.get $table) func $x)
)
