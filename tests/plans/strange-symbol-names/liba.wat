(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (func (export "a b"))
  (func (export "\c3\a9"))
  (func (export "GOT.mem"))
)
