# What CMake has to know of the system; wasmdyld-guest.cmake leads here.

set(WASI TRUE)
set(UNIX TRUE)
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS TRUE)

set(CMAKE_STATIC_LIBRARY_PREFIX lib)
set(CMAKE_STATIC_LIBRARY_SUFFIX .a)
set(CMAKE_SHARED_LIBRARY_PREFIX lib)
set(CMAKE_SHARED_LIBRARY_SUFFIX .so)
set(CMAKE_SHARED_MODULE_PREFIX lib)
set(CMAKE_SHARED_MODULE_SUFFIX .so)
set(CMAKE_EXECUTABLE_SUFFIX .wasm)
set(CMAKE_FIND_LIBRARY_PREFIXES lib)
set(CMAKE_FIND_LIBRARY_SUFFIXES .so .a)
# The loader overrides its stubs.
set(CMAKE_DL_LIBS dl)

foreach(_language C CXX)
  set(CMAKE_SHARED_LIBRARY_${_language}_FLAGS -fPIC)
  set(CMAKE_${_language}_COMPILE_OPTIONS_PIC -fPIC)
  set(CMAKE_${_language}_COMPILE_OPTIONS_PIE -fPIC)
  set(CMAKE_SHARED_LIBRARY_CREATE_${_language}_FLAGS -shared)
  # Of wasmdyld-ld.
  set(CMAKE_SHARED_LIBRARY_SONAME_${_language}_FLAG -Wl,-soname,)
  # A plugin may use what the program has: found when it is opened.
  string(
    CONCAT CMAKE_${_language}_CREATE_SHARED_MODULE
    "<CMAKE_${_language}_COMPILER> <CMAKE_SHARED_LIBRARY_${_language}_FLAGS> <LANGUAGE_COMPILE_FLAGS> <LINK_FLAGS> "
    "-shared --import-undefined -o <TARGET> <OBJECTS> <LINK_LIBRARIES>"
  )
  # For ENABLE_EXPORTS.
  set(CMAKE_EXE_EXPORTS_${_language}_FLAG -rdynamic)
  set(CMAKE_SHARED_LIBRARY_RUNTIME_${_language}_FLAG -Wl,-rpath,)
  # The archiver writes the index itself.
  set(CMAKE_${_language}_ARCHIVE_CREATE "<CMAKE_AR> qc <TARGET> <OBJECTS>")
  set(CMAKE_${_language}_ARCHIVE_FINISH "")
endforeach()
unset(_language)

# The loader follows paths of modules within their own folder only, so that folders of the build would be no use; and without
# them nothing has to be linked anew to be installed.
if(NOT DEFINED CMAKE_INSTALL_RPATH)
  set(CMAKE_INSTALL_RPATH "\$ORIGIN")
endif()
if(NOT DEFINED CMAKE_BUILD_WITH_INSTALL_RPATH)
  set(CMAKE_BUILD_WITH_INSTALL_RPATH TRUE)
endif()

# check_function_exists declares functions as what they are not. A static libc only makes the linker warn of that; with the
# shared one it is an error.
get_property(_wasmdyld_checks GLOBAL PROPERTY IN_TRY_COMPILE)
if(_wasmdyld_checks)
  set(CMAKE_C_STANDARD_LIBRARIES "-no-pie -Wl,-Bstatic")
endif()
# Programs that are run by the names of their files, which no emulator stands in front of: `add_test(NAME t COMMAND ./t)`.
if(CMAKE_CROSSCOMPILING_EMULATOR AND NOT _wasmdyld_checks)
  set(_wasmdyld_words "")
  foreach(_wasmdyld_word IN LISTS CMAKE_CROSSCOMPILING_EMULATOR)
    string(REPLACE "'" "'\\''" _wasmdyld_word "${_wasmdyld_word}")
    string(APPEND _wasmdyld_words "'${_wasmdyld_word}' ")
  endforeach()
  set(_wasmdyld_launcher "${CMAKE_BINARY_DIR}/CMakeFiles/wasmdyld-launcher")
  file(
    WRITE "${_wasmdyld_launcher}"
    "#!/bin/sh\n# wasmdyld: runs the guest that is called as this file with .wasm.\nexec ${_wasmdyld_words}\"$0.wasm\" \"$@\"\n"
  )
  file(
    CHMOD "${_wasmdyld_launcher}"
    PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE
  )
  foreach(_language C CXX)
    # CMake's own rule, with another command.
    set(
      CMAKE_${_language}_LINK_EXECUTABLE
      "<CMAKE_${_language}_COMPILER> <FLAGS> <CMAKE_${_language}_LINK_FLAGS> <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>"
      "\"${CMAKE_COMMAND}\" -P \"${CMAKE_CURRENT_LIST_DIR}/../launcher.cmake\" \"${_wasmdyld_launcher}\" <TARGET>"
    )
  endforeach()
  unset(_language)
  unset(_wasmdyld_launcher)
  unset(_wasmdyld_words)
endif()
unset(_wasmdyld_checks)
