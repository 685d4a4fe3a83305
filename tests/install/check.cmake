# Installs the build into a directory of its own, and builds and runs somebody else's project against it.
#   cmake -DBUILD=... -DSOURCE=... -DCOMPILER=... -DCOMMAND=weir|"" -DREADME=... -DPROGRAM=...
#     -DSIMULATED=... -P check.cmake
set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})

function(run result)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(${result} "${output}" PARENT_SCOPE)
  set(code ${code} PARENT_SCOPE)
endfunction()
function(expect_success)
  run(output ${ARGN})
  if(code)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "failed: ${line}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

expect_success(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
foreach(file IN ITEMS share/doc/weir/LICENSE share/doc/weir/NOTICE include/weir/base/result.hpp ${COMMAND})
  if(NOT EXISTS ${work}/prefix/${file})
    message(FATAL_ERROR "the installation lacks ${file}")
  endif()
endforeach()

# Moved, as a package's files are: no path of the build may be left in them.
file(RENAME ${work}/prefix ${work}/moved)
set(configure ${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${work}/moved)
expect_success(${configure} -B ${work}/some -DCOMPONENTS=stream)
expect_success(${CMAKE_COMMAND} --build ${work}/some)
expect_success(${work}/some/foreign)
if(NOT output STREQUAL "2001-01-10T18:20:00.000Z\n")
  message(FATAL_ERROR "the foreign program printed: ${output}")
endif()

# Without components, all of them.
expect_success(${configure} -B ${work}/all)
expect_success(${CMAKE_COMMAND} --build ${work}/all)
expect_success(${work}/all/foreign)

# A component that is none is refused by its name, with those there are.
run(output ${configure} -B ${work}/none -DCOMPONENTS=nonsense)
if(NOT code OR NOT output MATCHES "weir has no component \"nonsense\"; it has base")
  message(FATAL_ERROR "an unknown component was answered with:\n${output}")
endif()

# As README says it, with README's program: by components, and with the header that has everything.
file(READ ${README} readme)
string(REGEX MATCH "```cmake\n([^`]*)```" found "${readme}")
set(lines "${CMAKE_MATCH_1}")
if(NOT lines MATCHES "find_package.*target_link_libraries\\(mine ")
  message(FATAL_ERROR "README.md no longer says how to find Weir in words that this knows:\n${lines}")
endif()
file(WRITE ${work}/printed/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)\nproject(mine LANGUAGES CXX)\n"
     "set(CMAKE_CXX_STANDARD 20)\nadd_executable(mine ${PROGRAM})\n${lines}")
set(configure ${CMAKE_COMMAND} -G Ninja -S ${work}/printed -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_PREFIX_PATH=${work}/moved)
expect_success(${configure} -B ${work}/mine)
expect_success(${CMAKE_COMMAND} --build ${work}/mine)

# Somebody's pipeline in the simulation, as the example has it.
file(WRITE ${work}/simulated/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)\nproject(simulated LANGUAGES CXX)\n"
     "set(CMAKE_CXX_STANDARD 20)\nfind_package(weir 0.1 REQUIRED COMPONENTS decode pipeline simulation)\n"
     "add_executable(simulated ${SIMULATED})\ntarget_link_libraries(simulated PRIVATE weir::weir)\n")
expect_success(${CMAKE_COMMAND} -G Ninja -S ${work}/simulated -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_PREFIX_PATH=${work}/moved -B ${work}/simulate)
expect_success(${CMAKE_COMMAND} --build ${work}/simulate)
expect_success(${work}/simulate/simulated)
if(NOT output MATCHES "^200 seeds, [1-9][0-9]* crashes: all totals exact\n$")
  message(FATAL_ERROR "the simulated pipeline printed: ${output}")
endif()
