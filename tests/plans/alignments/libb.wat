(module
  (@dylink.0 (mem-info (memory 4096 12) (table 0 0)))
)
