(module
  (@dylink.0 (mem-info (memory 50 4) (table 0 0)))
)
