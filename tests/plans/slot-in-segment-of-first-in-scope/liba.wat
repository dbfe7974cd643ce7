(module
  (@dylink.0 (mem-info (memory 0 0) (table 1 0)))
  (import "env" "f" (func $f))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (elem (global.get $table) func $f)
)
