(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "malloc" (func $malloc))
  (import "GOT.func" "malloc" (global (mut i32)))
  (func (export "malloc"))
  (func (call $malloc))
)
