(module
  (@dylink.0 (mem-info (memory 60000 4) (table 0 0)))
)
