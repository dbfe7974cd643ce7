# project: lz4
# build: make
# source: debian lz4
# needs: make
# starts: yes
# libraries: liblz4.so.1
export CC=wasmdyld-cc AR=wasmdyld-ar TARGET_OS=Linux
# WASI knows no owners of files; the clock of the process is a library of its own.
cat >wasi.h <<'END'
static inline int chown(const char *path, unsigned owner, unsigned group) { return (void)path, (void)owner, (void)group, 0; }
END
export CPPFLAGS="-D_WASI_EMULATED_PROCESS_CLOCKS -include $PWD/wasi.h" LDFLAGS=-lwasi-emulated-process-clocks
make -j2 lib
make -j2 -C programs lz4
# Debian links lz4 with its library, and a system that has none of its own has to be told where that is. The tests' makefile sets LD_LIBRARY_PATH for
# recipes; what $(shell) of make before 4.4 starts gets only what make was started with. On the command line it keeps `+=` of the makefile from
# adding a second folder behind a blank.
export LD_LIBRARY_PATH="$PWD/lib"
all=0 passed=0
suite() {
    all=$((all + 1))
    if make -C tests LD_LIBRARY_PATH="$LD_LIBRARY_PATH" "$@"; then passed=$((passed + 1)); else echo "FAILED: $*"; fi
}
for suite in basic dict contentSize frame-concatenation multiple multiple-legacy skippable testmode sparse; do
    suite test-lz4-$suite
done
suite test-decompress-partial
suite test-amalgamation
suite test-fuzzer FUZZER_TIME=-T5s
suite test-frametest FUZZER_TIME=-T5s
make install PREFIX="$INSTALLED"
echo "tests: $passed of $all"
