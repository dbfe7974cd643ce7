;; A stack pointer that cannot be moved out is taken from main itself, so main comes first.
(module
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 1 funcref)
  (global (mut i32) (i32.const 0))
  (global (export "__stack_pointer") (mut i32) (i32.const 66560))
  (func (export "_start"))
)
