# How the targets are made, from an installation and from the source tree.

set(_WasmDyld_components shared static neutral neutral-static)

# One component, unless it is there already or its file is not. In the source tree (GLOBAL), the file is still to be built.
function(wasmdyld_library component type file include scope)
  if(TARGET WasmDyld::${component} OR NOT (scope OR EXISTS "${file}"))
    return()
  endif()
  add_library(WasmDyld::${component} ${type} IMPORTED ${scope})
  set_target_properties(WasmDyld::${component} PROPERTIES
    IMPORTED_LOCATION "${file}"
    INTERFACE_INCLUDE_DIRECTORIES "${include}"
    ${ARGN})
endfunction()

# Both forms of a variant: libNAME in the folder `lib`, and what its archive is linked with.
function(wasmdyld_variant name shared static version lib include libraries scope)
  string(REGEX MATCH "^[0-9]+" major "${version}")
  wasmdyld_library(${shared} SHARED "${lib}/lib${name}.so.${version}" "${include}" "${scope}"
    IMPORTED_SONAME "lib${name}.so.${major}")
  wasmdyld_library(${static} STATIC "${lib}/lib${name}.a" "${include}" "${scope}"
    IMPORTED_LINK_INTERFACE_LANGUAGES C
    INTERFACE_LINK_LIBRARIES "${libraries}")
endfunction()

# WasmDyld::WasmDyld, of the components that were asked for, or of both.
function(wasmdyld_choose components)
  if(TARGET WasmDyld::WasmDyld)
    return()
  endif()
  set(order shared static)
  if(DEFINED BUILD_SHARED_LIBS AND NOT BUILD_SHARED_LIBS)
    list(REVERSE order)
  endif()
  foreach(choice IN LISTS order)
    if(TARGET WasmDyld::${choice} AND (NOT components OR choice IN_LIST components))
      add_library(WasmDyld::WasmDyld ALIAS WasmDyld::${choice})
      return()
    endif()
  endforeach()
endfunction()
