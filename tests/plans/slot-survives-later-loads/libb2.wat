(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "GOT.func" "h" (global (mut i32)))
  (import "GOT.func" "g" (global (mut i32)))
  (import "GOT.func" "f" (global (mut i32)))
)
