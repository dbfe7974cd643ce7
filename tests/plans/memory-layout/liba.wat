(module
  (@dylink.0 (mem-info (memory 10 0) (table 0 0)))
)
