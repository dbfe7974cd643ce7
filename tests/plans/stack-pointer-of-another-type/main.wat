;; A stack pointer that main exports must have the type that libraries import.
(module
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 1 funcref)
  (global (mut i32) (i32.const 0))
  (global (export "__stack_pointer") i32 (i32.const 66560))
  (func (export "_start"))
)
