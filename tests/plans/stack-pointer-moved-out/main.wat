;; A fixed main's exported stack pointer, its first global, is moved out: all share it, and it starts with main's own value.
(module
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 1 funcref)
  (global (export "__stack_pointer") (mut i32) (i32.const 66560))
  (func (export "_start"))
)
