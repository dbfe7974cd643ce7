(module
  (@dylink.0 (mem-info (memory 8 3) (table 2 1)))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (import "env" "f" (func $f))
  (func $one)
  (elem (global.get $table) func $one $one)
)
