;; A library's constructors and start are not there for others: the import stays undefined.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (needed "liba.so"))
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__wasm_apply_relocs" (func $_start))
  (import "env" "__wasm_apply_data_relocs" (func $__wasm_apply_data_relocs))
)
