# How every target of Weir is compiled, and the functions that declare them.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Programs like libraries (CMake would say -fPIE), so that one precompiled header serves both.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Dev: quick to build, fast enough to run (simdjson at -O0 is 16 times slower), assertions on.
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1" CACHE STRING "" FORCE)
set(CMAKE_EXE_LINKER_FLAGS_DEV "" CACHE STRING "" FORCE)
set(CMAKE_SHARED_LINKER_FLAGS_DEV "" CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "" FORCE)

if(WEIR_FAST_BUILD)
  find_program(WEIR_CCACHE ccache)
  if(WEIR_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_BASEDIR=${weir_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${WEIR_CCACHE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-fpch-preprocess)
    endif()
  endif()
  find_program(WEIR_MOLD mold)
  if(WEIR_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

add_library(weir_flags INTERFACE)
if(WEIR_WARNINGS_ARE_ERRORS)
  target_compile_options(weir_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # TSan warns on Asio's fences; GCC 12 reports false positives deep inside coroutine frames.
    target_compile_options(weir_flags INTERFACE -Wno-tsan -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
  else()
    target_compile_options(weir_flags INTERFACE -Werror=unused-result -Wno-sign-conversion
                           -Wno-unused-lambda-capture)
  endif()
endif()
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WEIR_SANITIZE})
  if(WEIR_SANITIZE MATCHES "undefined")
    # The address sanitizer stops at the same faults; without these a third of the compile time goes.
    add_compile_options(-fno-sanitize=vptr,null,object-size)
  endif()
endif()
if(WEIR_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "WEIR_BUILD_FUZZERS needs clang: use the preset `fuzz`, or `make fuzz`")
  endif()
  # The libraries too: the fuzzer finds its way by their branches.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Asio's coroutines take most of a small file's compile time, so its headers are compiled once.
function(weir_precompile target)
  if(WEIR_FAST_BUILD)
    if(TARGET weir_pch)
      target_precompile_headers(${target} REUSE_FROM weir_pch)
    endif()
  endif()
endfunction()

# weir_library(<folder> SOURCES ... DEPENDS <folder>... LINKS <third party>...)
#
# One library per folder: headers in include/weir/<folder>, sources in src/<folder>. DEPENDS names the
# folders it includes; LINKS what stays private to it.
function(weir_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINKS;PUBLIC_LINKS" ${ARGN})
  set(target weir_${folder})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${weir_SOURCE_DIR}/include>
                                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
                                         PRIVATE ${weir_SOURCE_DIR}/src)
    foreach(dependency IN LISTS ARG_DEPENDS)
      target_link_libraries(${target} PUBLIC weir_${dependency})
    endforeach()
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_link_libraries(${target} PUBLIC ${ARG_PUBLIC_LINKS} PRIVATE ${ARG_LINKS} $<BUILD_INTERFACE:weir_flags>)
    weir_precompile(${target})
  else()
    add_library(${target} INTERFACE)
    target_compile_features(${target} INTERFACE cxx_std_20)
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${weir_SOURCE_DIR}/include>
                                                   $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    foreach(dependency IN LISTS ARG_DEPENDS)
      target_link_libraries(${target} INTERFACE weir_${dependency})
    endforeach()
    target_link_libraries(${target} INTERFACE ${ARG_PUBLIC_LINKS})
  endif()
  add_library(weir::${folder} ALIAS ${target})
  # What an installed Weir must find again for whoever links this folder: see WeirInstall.cmake.
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${folder}
                                             WEIR_DEPENDS "${ARG_DEPENDS}"
                                             WEIR_LINKS "${ARG_PUBLIC_LINKS};${ARG_LINKS}")
  set_property(GLOBAL APPEND PROPERTY WEIR_LIBRARIES ${target})
endfunction()

# weir_program(<name> SOURCES ... DEPENDS <folder>... LINKS ...)
function(weir_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${weir_SOURCE_DIR}/src ${weir_SOURCE_DIR})
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(${name} PRIVATE weir_${dependency})
  endforeach()
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} weir_flags)
  weir_precompile(${name})
endfunction()

# Everything TSan should see; `.ci/run` builds this under the preset tsan, and runs the label `threaded`.
add_custom_target(threaded_tests)

# weir_test(<folder> LABEL unit|integration|scenario SOURCES ... DEPENDS <folder>... LINKS ...
#           [THREADED] [RUNS_COMMAND] [TIMEOUT seconds])
#
# One test program per folder and label, so that building one takes seconds. Every test of the program
# is run by one ctest entry, named <folder> or <folder>_<label>. THREADED: it has several threads, so TSan sees it
# too. RUNS_COMMAND: it starts the command, whose path is then WEIR_COMMAND.
function(weir_test folder)
  cmake_parse_arguments(ARG "THREADED;RUNS_COMMAND" "LABEL;TIMEOUT" "SOURCES;DEPENDS;LINKS" ${ARGN})
  set(name ${folder})
  if(NOT ARG_LABEL STREQUAL "unit")
    set(name ${folder}_${ARG_LABEL})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  weir_program(${name}_test SOURCES ${ARG_SOURCES} DEPENDS ${ARG_DEPENDS} LINKS ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE WEIR_SOURCE_DIR="${weir_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
  set(labels ${ARG_LABEL})
  if(ARG_THREADED)
    list(APPEND labels threaded)
    add_dependencies(threaded_tests ${name}_test)
  endif()
  if(ARG_RUNS_COMMAND)
    add_dependencies(${name}_test weir)
    target_compile_definitions(${name}_test PRIVATE WEIR_COMMAND="$<TARGET_FILE:weir>")
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT})
  if(WEIR_SANITIZE STREQUAL "thread")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "TSAN_OPTIONS=suppressions=${weir_SOURCE_DIR}/tests/tsan.supp")
  endif()
endfunction()
