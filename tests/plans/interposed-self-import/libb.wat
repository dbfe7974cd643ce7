(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "f" (func $f))
  (import "GOT.func" "f" (global (mut i32)))
  (func (export "f"))
)
