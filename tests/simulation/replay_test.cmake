# A seed that fails is told with one command that repeats it, and with a schedule that is short enough to read.
#   cmake -DPROGRAM=... -P replay_test.cmake
foreach(more IN ITEMS "" "--rocksdb")
  execute_process(COMMAND ${PROGRAM} --broken acknowledge-early --seeds 20 ${more}
                  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 1 OR NOT output MATCHES "the shortest schedule that fails:\n  after [0-9.]+ s: [^\n]*\n" OR
     NOT output MATCHES "\nseed [0-9]+ by itself: ([^\n]* --seed [0-9]+[^\n]*)\n")
    message(FATAL_ERROR "20 seeds of a broken worker ended with ${code}:\n${output}")
  endif()
  separate_arguments(command UNIX_COMMAND "${CMAKE_MATCH_1}")
  execute_process(COMMAND ${command} RESULT_VARIABLE code OUTPUT_VARIABLE output)
  if(NOT code EQUAL 1 OR NOT output MATCHES "PROBLEM: ")
    message(FATAL_ERROR "${command} ended with ${code}:\n${output}")
  endif()
endforeach()
