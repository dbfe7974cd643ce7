(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
  (import "env" "setTempRet0" (func $temp (param i32)))
  (import "env" "open" (func $open (param i32 i32 i32) (result i32)))
  (import "env" "time" (func $time (param i32) (result i32)))
  ;; It is not translated.
  (import "env" "close" (func $close (param i32) (result i32)))
  (import "GOT.func" "open" (global $address (mut i32)))
)
