# project: libyaml
# build: autoconf, automake, libtool
# source: debian libyaml
# needs: make autoreconf libtoolize
# libraries: libyaml-0.so.2
autoreconf -fi
./configure --host=wasm32-wasi --prefix="$INSTALLED"
make -j2
make check LOG_COMPILER='wasmdyld run --native'
make install
