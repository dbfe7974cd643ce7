;; RTLD_LAZY: undefined data, and addresses of functions, are errors all the same.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
  (import "GOT.mem" "d" (global (mut i32)))
  (import "GOT.func" "g" (global (mut i32)))
)
