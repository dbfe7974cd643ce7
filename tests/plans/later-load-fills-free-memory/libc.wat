(module
  (@dylink.0 (mem-info (memory 70000 4) (table 0 0)))
)
