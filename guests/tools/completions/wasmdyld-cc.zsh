#compdef wasmdyld-cc wasmdyld-c++

_arguments \
  '-shared[make a shared library]' \
  '-no-pie[make a program at fixed addresses]' \
  '-static[make a program without shared libraries]' \
  '-rdynamic[the symbols of the program serve the libraries]' \
  '--import-undefined[look up what is undefined when the object is loaded]' \
  '--setjmp[let setjmp and longjmp work]' \
  '-c[compile, do not link]' \
  '-o[output file]:file:_files' \
  '*-L+[folder of libraries]:folder:_files -/' \
  '*-I+[folder of headers]:folder:_files -/' \
  '--setup[set the toolchain up, once]' \
  '--print-lib-dir[print the folder with libc.so]' \
  '--print-sysroot[print the folder with headers and libraries]' \
  '--print-toolchain[print the toolchain in use]' \
  '--print-ar[print the archiver]' \
  '--print-ld[print the linker]' \
  '--print-cmake-toolchain[print the toolchain file for CMake]' \
  '--print-config-site[print the file for configure scripts]' \
  '--print-meson-cross-file[print the cross file for Meson]' \
  '--help[print a summary]' \
  '--version[print the versions]' \
  '*:file:_files'
