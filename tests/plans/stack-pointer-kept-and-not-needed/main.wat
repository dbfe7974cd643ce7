;; A fixed main may keep its stack pointer where no library needs one.
(module
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 1 funcref)
  (global (mut i32) (i32.const 66560))
  (func (export "_start"))
)
