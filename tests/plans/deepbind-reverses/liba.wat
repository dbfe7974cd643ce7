(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "libb.so"))
  (import "env" "f" (func $f))
  (import "env" "g" (func $g))
  (import "env" "h" (func $h))
  (func (export "f"))
)
