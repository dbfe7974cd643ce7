;; plt=wasm: every call goes by a stub, except to the host; stubs of one type and slot are shared.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
  (import "env" "g" (func $g))
  (import "env" "h" (func $h))
)
