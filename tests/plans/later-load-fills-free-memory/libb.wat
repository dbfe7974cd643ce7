(module
  (@dylink.0 (mem-info (memory 100 12) (table 0 0)))
)
