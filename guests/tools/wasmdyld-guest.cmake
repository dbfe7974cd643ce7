# CMake toolchain file: builds guests of wasmdyld.
#
#     cmake -B build -DCMAKE_TOOLCHAIN_FILE="$(wasmdyld-cc --print-cmake-toolchain)"
#
# add_library(foo SHARED) makes libfoo.so, add_library(foo MODULE) a plugin for dlopen, add_executable a position-independent
# program that uses them. Programs that the build runs (try_run, add_test) run under `wasmdyld run --native`, if that is found: X is
# X.wasm, with a script X beside it that runs it, for tests that name a file.
# The toolchain is the one that wasmdyld-cc finds: WASMDYLD_TOOLCHAIN, WASI_SDK_PATH, or what `wasmdyld-cc --setup` makes.
# WASMDYLD_RUN_OPTIONS is a list of further options for `wasmdyld run`.

# Not cmake_minimum_required, which would change what the project said.
if(CMAKE_VERSION VERSION_LESS 3.20)
  message(FATAL_ERROR "wasmdyld-guest.cmake needs CMake 3.20 or later; this is ${CMAKE_VERSION}")
endif()

set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
# Platform/WASI.cmake
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}/cmake")

# try_compile reads this file anew, in a project that knows these variables only if they are named here.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WASMDYLD_CC WASMDYLD_RUN WASMDYLD_RUN_OPTIONS)

# Beside this file in the source tree, in PREFIX/bin if this is PREFIX/share/wasmdyld, else anywhere.
set(_wasmdyld_bin "${CMAKE_CURRENT_LIST_DIR}" "${CMAKE_CURRENT_LIST_DIR}/../../bin")
find_program(WASMDYLD_CC wasmdyld-cc HINTS ${_wasmdyld_bin} REQUIRED NO_CMAKE_FIND_ROOT_PATH)
find_program(WASMDYLD_RUN wasmdyld HINTS ${_wasmdyld_bin} NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(WASMDYLD_CC WASMDYLD_RUN)
unset(_wasmdyld_bin)

execute_process(
  COMMAND "${WASMDYLD_CC}" --print-sysroot --print-lib-dir --print-ar --print-toolchain
  OUTPUT_VARIABLE _wasmdyld_answers ERROR_VARIABLE _wasmdyld_error RESULT_VARIABLE _wasmdyld_code
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE
)
if(NOT _wasmdyld_code EQUAL 0)
  message(FATAL_ERROR "${_wasmdyld_error}")
endif()
string(REPLACE "\n" ";" _wasmdyld_answers "${_wasmdyld_answers}")
list(GET _wasmdyld_answers 0 CMAKE_SYSROOT)
list(GET _wasmdyld_answers 1 WASMDYLD_GUEST_LIBRARY_DIR)
list(GET _wasmdyld_answers 2 CMAKE_AR)
list(GET _wasmdyld_answers 3 _wasmdyld_toolchain)
list(APPEND CMAKE_FIND_ROOT_PATH "${_wasmdyld_toolchain}")
unset(_wasmdyld_answers)
unset(_wasmdyld_toolchain)
unset(_wasmdyld_error)
unset(_wasmdyld_code)
set(CMAKE_AR "${CMAKE_AR}" CACHE FILEPATH "Archiver")

set(CMAKE_C_COMPILER "${WASMDYLD_CC}")
string(REGEX REPLACE "cc$" "c++" CMAKE_CXX_COMPILER "${WASMDYLD_CC}")

# Libraries and headers of the build machine are nothing for guests; its programs are.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

if(WASMDYLD_RUN AND NOT DEFINED CMAKE_CROSSCOMPILING_EMULATOR)
  # Modules name no folders of the build. Most projects put their libraries into one of these.
  set(
    CMAKE_CROSSCOMPILING_EMULATOR
    "${WASMDYLD_RUN}" run --native ${WASMDYLD_RUN_OPTIONS} -L "${CMAKE_BINARY_DIR}" -L "${CMAKE_BINARY_DIR}/lib"
    --default-path "${WASMDYLD_GUEST_LIBRARY_DIR}"
  )
endif()
