;; A global imported by name is taken as it is, so its definer must be instantiated first and the types must agree.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "g" (global (mut i32)))
  (import "env" "h" (global i32))
)
