;; Without a main program preloads come before the library asked for: they interpose on its own imports, also where it is not global.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "f" (func $f))
  (func (export "f"))
)
