;; Main's own definition comes before any library's, also for a library's import of what it exports itself.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "libc.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (func (export "malloc"))
)
