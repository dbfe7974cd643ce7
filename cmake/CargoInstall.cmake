# Runs `cargo xtask install`: CARGO, TARGET_DIR, SOURCE, PREFIX; VARIANT, LIBDIR and INCLUDEDIR may be set, and DESTDIR in the environment.

set(options --prefix "${PREFIX}")
if(VARIANT)
  # In the build folder, where nothing is anybody else's, and which DESTDIR does not mean.
  list(APPEND options --only "${VARIANT}" --force)
  set(ENV{DESTDIR} "")
endif()
if(LIBDIR)
  list(APPEND options --libdir "${LIBDIR}" --includedir "${INCLUDEDIR}")
endif()

# The engine's build script runs cmake. Behind what the caller has: the folder may hold another rustc, which would build everything anew.
get_filename_component(folder "${CMAKE_COMMAND}" DIRECTORY)
set(ENV{PATH} "$ENV{PATH}:${folder}")
set(ENV{CARGO_TARGET_DIR} "${TARGET_DIR}")

execute_process(
  COMMAND "${CARGO}" xtask install ${options}
  WORKING_DIRECTORY "${SOURCE}"
  RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "cargo xtask install does not succeed (${code})")
endif()
