;; A fixed main that imports its stack pointer gets a stack after its own memory.
(module
  (import "env" "__stack_pointer" (global (mut i32)))
  (import "env" "memory" (memory 2))
  (func (export "_start"))
)
