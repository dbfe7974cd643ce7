(module
  (@dylink.0 (mem-info (memory 1 2) (table 0 0)))
)
