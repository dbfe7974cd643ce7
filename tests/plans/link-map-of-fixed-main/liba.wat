(module
  (@dylink.0 (mem-info (memory 100 4) (table 1 0)))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (func $f)
  (elem (global.get $table) func $f)
)
