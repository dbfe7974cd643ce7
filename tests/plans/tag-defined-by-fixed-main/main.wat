;; A fixed main defines the tag and exports it: libraries take it from there, so main is instantiated first and its calls go through stubs.
(module
  (import "env" "f" (func $f))
  (memory 1)
  (export "memory" (memory 0))
  (table (export "__indirect_function_table") 1 funcref)
  (tag (export "__cpp_exception") (param i32))
  (func (export "_start") (call $f))
)
