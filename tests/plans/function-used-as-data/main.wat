;; main takes as data what liba defines as a function, which is an error, and two names that only globals of other types have, which
;; are no symbols.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "f" (global (mut i32)))
  (import "GOT.mem" "m" (global (mut i32)))
  (import "GOT.mem" "n" (global (mut i32)))
)
