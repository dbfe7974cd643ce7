(module
  (@dylink.0 (mem-info (memory 100000 4) (table 0 0)))
)
