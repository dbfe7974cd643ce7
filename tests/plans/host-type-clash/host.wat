(module
  (import "env" "f" (func))
  (import "mod" "g" (global (mut i32)))
  (import "mod" "m" (memory 1))
)
