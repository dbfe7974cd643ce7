;; A fixed main's memory and table begin at 0 with the size it asks for; libraries come behind, and what is left of their last page is for later ones.
(module
  (memory (export "memory") 2)
  (table (export "__indirect_function_table") 5 funcref)
  (func (export "_start"))
)
