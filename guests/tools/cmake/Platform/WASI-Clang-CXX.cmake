# From 4.1 on CMake has a Platform/WASI of its own, which says nothing of shared libraries and comes before that beside this file. It
# has none for the compiler.
include("${CMAKE_CURRENT_LIST_DIR}/WASI.cmake")
