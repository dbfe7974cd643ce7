/* wasi-libc's own text names options of clang's that wasmdyld-cc has another word for. */
#ifndef __wasm_exception_handling__
#error "setjmp and longjmp want --setjmp, for compiling and for linking: wasmdyld-cc --setjmp"
#else
#include_next <setjmp.h>
#endif
