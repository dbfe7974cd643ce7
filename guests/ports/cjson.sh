# project: cJSON
# build: CMake
# source: debian cjson
# needs: make cmake
# libraries: libcjson.so.1
# Its tests end by longjmp.
cmake -B build -DCMAKE_TOOLCHAIN_FILE="$(wasmdyld-cc --print-cmake-toolchain)" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=--setjmp \
    -DENABLE_CJSON_UTILS=ON -DCMAKE_INSTALL_PREFIX="$INSTALLED" -DCMAKE_INSTALL_LIBDIR=lib
cmake --build build -j2
ctest --test-dir build
cmake --install build
