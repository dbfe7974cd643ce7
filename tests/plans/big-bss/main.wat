;; mem-info counts .bss: 64 MiB of it take 1024 pages, without any data segment.
(module
  (@dylink.0 (mem-info (memory 67108864 4) (table 0 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
)
