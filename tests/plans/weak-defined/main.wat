;; A weak import that is defined is bound like any other.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so")
    (import-info "env" "f" binding-weak)
    (import-info "env" "d" binding-weak))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
  (import "GOT.func" "f" (global (mut i32)))
  (import "GOT.mem" "d" (global (mut i32)))
)
