;; The defining object's own segment holds f: &f is that slot for everyone, and nothing is filled in.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.func" "f" (global (mut i32)))
)
