# project: expat
# build: autoconf and libtool of 2012
# source: crate expat-sys expat
# needs: make
# libraries: libexpat.so
# The checks of its tests end by longjmp.
sh ./configure --host=wasm32-wasi --prefix="$INSTALLED" CFLAGS='--setjmp -O1'
make -j2 buildlib
make -j2 tests/runtests tests/runtestspp
report=$(wasmdyld run --native tests/runtests | grep "^100%: Checks: ")
make installlib
# `100%: Checks: 50, Failed: 0`
echo "$report" | sed 's/.*Checks: \([0-9]*\), Failed: 0$/tests: \1 of \1/'
