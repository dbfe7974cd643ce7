(module
  (import "env" "log" (func (param i32)))
)
