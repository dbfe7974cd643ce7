(module
  (import "GOT.mem" "d" (global (mut i32)))
  (import "GOT.func" "f" (global (mut i32)))
)
