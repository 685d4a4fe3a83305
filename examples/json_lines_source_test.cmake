# Runs the example over the 20,000 flights: all must be counted, none left over.
execute_process(COMMAND gzip -dc ${FLIGHTS} OUTPUT_FILE ${FOLDER}/flights.jsonl COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PROGRAM} ${FOLDER}/flights.jsonl OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
if(NOT said STREQUAL "20000 records, 0 dead letters\n")
  message(FATAL_ERROR "expected 20000 records and no dead letters, got: ${said}")
endif()
