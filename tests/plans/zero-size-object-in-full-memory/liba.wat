(module
  (@dylink.0 (mem-info (memory 0 30) (table 0 0)))
  (import "env" "__memory_base" (global i32))
)
