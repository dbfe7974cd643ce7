(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "open" (func $open (param i32 i32 i32) (result i32)))
  (func (export "setTempRet0") (param i32))
  (func (export "emscripten_compat_open") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "emscripten_compat_time") (param i32) (result i32) (i32.const 0))
)
