;; Alignments from 1 to 1 MiB are kept; a smaller object fills the gap before a larger one.
(module
  (@dylink.0 (mem-info (memory 1 0) (table 0 0))
    (needed "liba.so" "libb.so" "libc.so" "libd.so" "libe.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
