# project: zlib
# build: its own configure, and make
# source: debian zlib
# needs: make
# starts: yes
# libraries: libz.so.1
CC=wasmdyld-cc AR=wasmdyld-ar NM=wasmdyld-nm RANLIB=: ./configure --uname=Linux --prefix="$INSTALLED"
make -j2
passed=0
# With the static library, with the shared one, and with functions for large files.
for suite in teststatic testshared test64; do
    make $suite
    passed=$((passed + 1))
done
make install
echo "tests: $passed of 3"
