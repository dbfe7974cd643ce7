(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0))
    (export-info "f" binding-weak))
  (func (export "f"))
)
