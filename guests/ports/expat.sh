# project: expat
# build: autoconf, automake, libtool
# source: debian expat
# needs: make autoreconf libtoolize
# starts: yes
# libraries: libexpat.so.1
cd expat
autoreconf -fi
# Its benchmark measures the time of the process.
./configure --host=wasm32-wasi --prefix="$INSTALLED" CC='wasmdyld-cc --setjmp' CXX='wasmdyld-c++ --setjmp' --without-docbook \
    CPPFLAGS=-D_WASI_EMULATED_PROCESS_CLOCKS LIBS=-lwasi-emulated-process-clocks
make -j2
make check
make install
