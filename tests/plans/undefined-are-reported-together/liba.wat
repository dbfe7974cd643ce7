(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "f" (func $f))
  (import "env" "f" (func))
  (import "env" "f" (func (param v128)))
  (import "env" "f" (func))
)
