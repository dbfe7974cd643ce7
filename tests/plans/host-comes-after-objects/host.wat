(module
  (import "env" "f" (func))
  (import "env" "g" (func))
)
