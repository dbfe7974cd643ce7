;; Two libraries' segments hold an import of f that its definer's does not: the first in scope order gives the slot.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libb.so" "libc.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.func" "f" (global (mut i32)))
)
