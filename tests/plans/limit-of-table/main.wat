;; The limit on the table counts the slots of segments.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 3 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (func $f)
  (elem (global.get $table) func $f $f $f)
)
