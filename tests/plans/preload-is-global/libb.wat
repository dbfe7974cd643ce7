(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "p" (func $p))
  (import "env" "pn" (func $pn))
  (import "env" "f" (func $f))
)
