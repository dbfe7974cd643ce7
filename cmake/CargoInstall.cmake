# Runs `cargo xtask install`: CARGO, TARGET_DIR, SOURCE, PREFIX; VARIANT, LIBDIR and INCLUDEDIR may be set.

set(options --prefix "${PREFIX}")
if(VARIANT)
  list(APPEND options --only "${VARIANT}")
endif()
if(LIBDIR)
  list(APPEND options --libdir "${LIBDIR}" --includedir "${INCLUDEDIR}")
endif()
if(NOT "$ENV{DESTDIR}" STREQUAL "")
  list(APPEND options --destdir "$ENV{DESTDIR}")
endif()

# The engine's build script runs cmake.
get_filename_component(folder "${CMAKE_COMMAND}" DIRECTORY)
set(ENV{PATH} "${folder}:$ENV{PATH}")
set(ENV{CARGO_TARGET_DIR} "${TARGET_DIR}")

execute_process(
  COMMAND "${CARGO}" xtask install ${options}
  WORKING_DIRECTORY "${SOURCE}"
  RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "cargo xtask install does not succeed (${code})")
endif()
