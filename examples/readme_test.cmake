# The README's program must be the one that is compiled, to the byte.
file(READ ${README} readme)
file(READ ${PROGRAM} program)
string(FIND "${readme}" "```cpp\n${program}```" found)
if(found EQUAL -1)
  message(FATAL_ERROR "the program in README.md differs from ${PROGRAM}")
endif()
