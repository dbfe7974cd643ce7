(module
  (import "mod" "m" (memory 2 3))
  (import "mod" "t" (table 1 funcref))
)
