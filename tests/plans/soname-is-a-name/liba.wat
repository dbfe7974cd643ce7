(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (func (export "f"))
  (@custom "wasmdyld.soname" (after last) "\0bliba-1.so.2")
)
