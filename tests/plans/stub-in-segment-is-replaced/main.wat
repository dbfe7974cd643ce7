;; A segment names an import that is supplied by a stub: its slot is filled with the function itself, else the stub would call itself.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.func" "f" (global (mut i32)))
)
