# project: fribidi
# build: Meson
# source: debian fribidi
# from-pypi: meson==1.12.1 ninja==1.13.2
# starts: yes
# libraries: libfribidi.so.0
clock=-lwasi-emulated-process-clocks
meson setup build --cross-file "$(wasmdyld-cc --print-meson-cross-file)" --prefix "$INSTALLED" --libdir lib -Ddocs=false \
    -Dc_args=-D_WASI_EMULATED_PROCESS_CLOCKS -Dc_link_args="$clock"
meson compile -C build -j2
meson test -C build --num-processes 2 --timeout-multiplier 4
meson install -C build --no-rebuild
