;; Only functions and addresses can be weak and undefined: there is no null tag or global.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (import-info "env" "t" binding-weak)
    (import-info "env" "g" binding-weak))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "t" (tag))
  (import "env" "g" (global i64))
)
