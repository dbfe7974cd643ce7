# project: libyaml
# build: CMake
# source: crate libyaml-sys libyaml
# needs: make cmake
# libraries: libyaml.so
cmake -B build -DCMAKE_TOOLCHAIN_FILE="$(wasmdyld-cc --print-cmake-toolchain)" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
    -DCMAKE_INSTALL_PREFIX="$INSTALLED" -DCMAKE_POLICY_VERSION_MINIMUM=3.5
cmake --build build
ctest --test-dir build
cmake --install build
