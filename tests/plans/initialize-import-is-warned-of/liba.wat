(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "_initialize" (func $_initialize))
  (import "env" "__wasm_call_ctors" (func $__wasm_call_ctors))
)
