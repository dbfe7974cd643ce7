;; A fixed main's maximum binds the namespace: libraries must fit.
(module
  (memory (export "memory") 2 2)
  (func (export "_start"))
)
