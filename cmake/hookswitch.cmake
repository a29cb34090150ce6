# Warnings, sanitizers and the one way to declare a room of the house.

add_library(hookswitch_options INTERFACE)
target_compile_options(hookswitch_options INTERFACE -Wall -Wextra -Wshadow -Wconversion)
if(HOOKSWITCH_SANITIZE)
  target_compile_options(hookswitch_options INTERFACE -fsanitize=${HOOKSWITCH_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(hookswitch_options INTERFACE -fsanitize=${HOOKSWITCH_SANITIZE})
  if(HOOKSWITCH_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(hookswitch_options INTERFACE -Wno-tsan) # asio uses fences TSan does not model
  endif()
  if(HOOKSWITCH_SANITIZE MATCHES "undefined")
    # RapidJSON 1.1's internal/stack.h computes null + 0.
    target_compile_options(hookswitch_options INTERFACE -fno-sanitize-recover=undefined -fno-sanitize=pointer-overflow)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      target_compile_options(hookswitch_options INTERFACE -fno-sanitize=function)
    endif()
  endif()
endif()

# hookswitch_library(calls SOURCES a.cpp b.cpp USES model base LINKS fmt::fmt PRIVATE_LINKS PkgConfig::re2)
# SOURCES are relative to the calling folder; USES names the rooms it may include (they come before it).
function(hookswitch_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LINKS;PRIVATE_LINKS")
  add_library(hookswitch_${name} STATIC ${arg_SOURCES})
  target_include_directories(hookswitch_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
  list(TRANSFORM arg_USES PREPEND hookswitch_)
  target_link_libraries(hookswitch_${name}
    PUBLIC ${arg_USES} ${arg_LINKS}
    PRIVATE hookswitch_options ${arg_PRIVATE_LINKS})
endfunction()
