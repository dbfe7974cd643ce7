(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "GOT.func" "c" (global (mut i32)))
  (func (export "c"))
)
