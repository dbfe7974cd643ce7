(module
  (@dylink.0 (mem-info (memory 64 6) (table 0 0)))
)
