;; All undefined symbols at once, with importers and the types wanted; the same symbol once for each importer.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "f" (func $f (param i32 i64) (result f32)))
  (import "GOT.func" "f" (global (mut i32)))
  (import "GOT.mem" "d" (global (mut i32)))
  (import "env" "t" (tag (param i32)))
  (import "env" "g" (global i32))
  (import "mod" "hostf" (func))
)
