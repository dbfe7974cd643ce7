;; The segment of a fixed main holds the imported f: main's code knows that number, so it is &f for everyone.
(module
  (import "env" "f" (func $f))
  (memory 1)
  (table (export "__indirect_function_table") 2 funcref)
  (export "memory" (memory 0))
  (func (export "_start"))
  (elem (i32.const 1) func $f)
)
