;; A symbol named as a landmark, exported by an object, is used like any other.
(module
  (@dylink.0 (mem-info (memory 128 4) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "__heap_base" (global (mut i32)))
  (global (export "__heap_base") i32 (i32.const 64))
)
