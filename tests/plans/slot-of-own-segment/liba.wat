(module
  (@dylink.0 (mem-info (memory 0 0) (table 2 0)))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (import "GOT.func" "f" (global (mut i32)))
  (func $g)
  (func $f (export "f"))
  (elem (global.get $table) func $g $f)
)
