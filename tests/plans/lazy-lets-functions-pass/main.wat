;; RTLD_LAZY: undefined functions are looked up when called; of env or of a host module. A weak one traps as before.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (import-info "env" "w" binding-weak))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
  (import "env" "w" (func $w))
  (import "mod" "f" (func $mf))
)
