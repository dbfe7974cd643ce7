;; Only the tags of LLVM are made; another one must be defined by an object.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "my_tag" (tag))
)
