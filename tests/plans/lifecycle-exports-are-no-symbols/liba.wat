(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (func (export "__wasm_apply_relocs"))
  (func (export "__wasm_apply_data_relocs"))
  (func (export "_initialize"))
)
