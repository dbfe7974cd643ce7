;; liba exports its import f again under the same name: it is a definition of f, which leads to the next one.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so" "libb.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f))
  (import "GOT.func" "f" (global (mut i32)))
)
