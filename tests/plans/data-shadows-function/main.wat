;; The first definition is data: a function further on does not count, as with every other clash.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libb.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "d" (func $d))
)
