;; DEEPBIND: the library's own group comes before the global scope; what the group does not define comes from there.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (func (export "f"))
  (func (export "g"))
  (func (export "h"))
)
