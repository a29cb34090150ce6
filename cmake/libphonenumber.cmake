# Libphonenumber::phonenumber. Debian 12's libphonenumber-dev wants Boost 1.74's headers, which cannot be installed beside
# Boost 1.81's. So ./dev unpacks its headers into build/deps, and the library is that of the runtime package libphonenumber8.
set(deps ${PROJECT_SOURCE_DIR}/build/deps/libphonenumber)
find_path(LIBPHONENUMBER_INCLUDE_DIR phonenumbers/phonenumberutil.h HINTS ${deps}/include)
find_library(LIBPHONENUMBER_LIBRARY NAMES phonenumber libphonenumber.so.8)
find_path(ABSL_INCLUDE_DIR absl/container/node_hash_set.h)
find_path(PROTOBUF_INCLUDE_DIR google/protobuf/message_lite.h)
find_library(PROTOBUF_LIBRARY NAMES protobuf)

set(missing "")
foreach(need "LIBPHONENUMBER_INCLUDE_DIR:the headers of libphonenumber (./dev build unpacks them into ${deps})"
             "LIBPHONENUMBER_LIBRARY:libphonenumber.so.8 (package libphonenumber8)"
             "ABSL_INCLUDE_DIR:Abseil's headers (package libabsl-dev)"
             "PROTOBUF_INCLUDE_DIR:Protocol Buffers' headers (package libprotobuf-dev)"
             "PROTOBUF_LIBRARY:libprotobuf.so (package libprotobuf-dev)")
  string(REGEX MATCH "^[A-Z_]+" variable "${need}")
  if(NOT ${variable})
    string(REGEX REPLACE "^[A-Z_]+:" "\n  " what "${need}")
    string(APPEND missing "${what}")
  endif()
endforeach()
if(missing)
  message(FATAL_ERROR "Missing, for reading telephone numbers:${missing}\n./dev build installs all of it.")
endif()

add_library(Libphonenumber::phonenumber UNKNOWN IMPORTED)
set_target_properties(Libphonenumber::phonenumber PROPERTIES
  IMPORTED_LOCATION ${LIBPHONENUMBER_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES "${LIBPHONENUMBER_INCLUDE_DIR};${ABSL_INCLUDE_DIR};${PROTOBUF_INCLUDE_DIR}"
  INTERFACE_LINK_LIBRARIES ${PROTOBUF_LIBRARY})
