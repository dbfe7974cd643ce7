# project: libpng
# build: autoconf, automake, libtool
# source: debian libpng1.6
# needs: make awk
# after: zlib
# starts: yes
# libraries: libpng16.so.16
export LD_LIBRARY_PATH="$INSTALLED/lib"
# wasi-libc knows no folder for temporary files.
cat >wasi.h <<'END'
#include <stdio.h>
#include <unistd.h>
static inline FILE *of_tmp(void)
{
    unsigned number;
    char name[40];
    if (getentropy(&number, sizeof number))
        return NULL;
    snprintf(name, sizeof name, "/tmp/libpng-%08x", number);
    FILE *file = fopen(name, "w+bx");
    if (file)
        unlink(name);
    return file;
}
#define tmpfile of_tmp
END
# pngvalid uses setjmp, and names signals in its messages.
./configure --host=wasm32-wasi --prefix="$INSTALLED" CC='wasmdyld-cc --setjmp' LDFLAGS="-L$INSTALLED/lib" \
    CPPFLAGS="-I$INSTALLED/include -D_WASI_EMULATED_SIGNAL -include $PWD/wasi.h" LIBS=-lwasi-emulated-signal
make -j2
make check
make install
