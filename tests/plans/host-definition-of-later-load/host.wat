(module
  (import "env" "h" (func))
)
