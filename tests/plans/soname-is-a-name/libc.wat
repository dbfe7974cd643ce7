(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba-1.so.2"))
)
