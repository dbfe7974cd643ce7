;; What is in a fixed main's own layout is for itself to know; a function of a library may have its address there.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libc.so"))
  (import "env" "c" (func $c))
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 5 funcref)
  (elem (i32.const 1) func $c)
  (func (export "_start"))
)
