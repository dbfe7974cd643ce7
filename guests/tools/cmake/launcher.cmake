# Puts a script that runs a guest beside it: cmake -P launcher.cmake SCRIPT FOLDER/X.wasm makes FOLDER/X.

set(_script "${CMAKE_ARGV3}")
set(_program "${CMAKE_ARGV4}")
string(REGEX REPLACE "\\.wasm$" "" _beside "${_program}")
get_filename_component(_beside "${_beside}" ABSOLUTE)
if(NOT _program MATCHES "\\.wasm$" OR IS_DIRECTORY "${_beside}")
  return()
endif()
# A file of somebody else's stays.
if(EXISTS "${_beside}")
  file(READ "${_beside}" _there LIMIT 30)
  if(NOT _there MATCHES "^#!/bin/sh\n# wasmdyld: ")
    return()
  endif()
endif()
configure_file("${_script}" "${_beside}" COPYONLY)
