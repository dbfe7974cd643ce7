;; The link map tells every byte of the memory and every slot of the table, and of each object what keeps it.
(module
  (@dylink.0 (mem-info (memory 100 4) (table 1 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__table_base" (global $table i32))
  (import "env" "f" (func $f))
  (import "GOT.func" "g" (global (mut i32)))
  (import "GOT.func" "log" (global (mut i32)))
  (func $own)
  (elem (global.get $table) func $own)
)
