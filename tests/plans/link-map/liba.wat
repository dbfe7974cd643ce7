(module
  (@dylink.0 (mem-info (memory 1000 4) (table 0 0))
    (needed "libb.so"))
  (func (export "f"))
)
