;; An exported number that counts from __table_base stays one; a plain constant counts from __memory_base.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "d" (global (mut i32)))
  (import "GOT.mem" "t" (global (mut i32)))
)
