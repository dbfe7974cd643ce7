(module
  (@dylink.0 (mem-info (memory 0 0) (table 2 0)))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (func $f)
  (func $g)
  (elem (global.get $table) func $f $f)
  (elem (i32.add (global.get $table) (i32.const 1)) func $g)
)
