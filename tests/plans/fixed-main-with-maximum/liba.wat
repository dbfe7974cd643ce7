(module
  (@dylink.0 (mem-info (memory 4 0) (table 0 0)))
)
