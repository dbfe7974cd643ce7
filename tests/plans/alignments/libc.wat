(module
  (@dylink.0 (mem-info (memory 8 16) (table 0 0)))
)
