;; A fixed main laid its stack out itself: what it does not export nobody knows, and a weak use gets 0; the heap ends with its memory.
(module
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 1 funcref)
  (func (export "_start"))
)
