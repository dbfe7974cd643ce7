;; A GOT entry of 64 bits comes from a wasm64 object.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "d" (global (mut i64)))
  (import "GOT.func" "f" (global (mut i64)))
)
