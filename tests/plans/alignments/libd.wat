(module
  (@dylink.0 (mem-info (memory 16 20) (table 0 0)))
)
