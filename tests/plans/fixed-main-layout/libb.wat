(module
  (@dylink.0 (mem-info (memory 200 4) (table 0 0)))
)
