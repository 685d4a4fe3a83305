#!/bin/bash
# check_test.sh layout|layers|hygiene|co_await|clang : a check that refuses nothing looks like sources without a fault.
# Each is run on a small repository that it must pass, and then on one fault after another.
set -euo pipefail
tools=$(cd "$(dirname "$0")/../.." && pwd)/tools
check=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
git init -q .
mkdir -p tools src/low src/high include/weir/low include/weir/high tests
cp "$tools/check_$check" tools/

# put FILE TEXT : with its line end, and out of the way of this script's own checks.
put() {
  mkdir -p "$(dirname "$1")"
  printf '%b\n' "$2" >"$1"
}
expect_passed() {
  said=$(tools/check_"$check" 2>&1) || {
    printf 'check_%s refuses what is right:\n%s\n' "$check" "$said" >&2
    exit 1
  }
}
# refuses WORDS FILE TEXT : the file makes the check fail with these words. The file is as it was afterwards.
refuses() {
  local words=$1 file=$2 before=
  [[ -f $file ]] && before=$(cat "$file")
  put "$file" "$3"
  if said=$(tools/check_"$check" 2>&1) || [[ $said != *"$words"* ]]; then
    printf 'check_%s does not say "%s" of %s:\n%s\nbut:\n%s\n' "$check" "$words" "$file" "$3" "$said" >&2
    exit 1
  fi
  rm "$file"
  [[ -z $before ]] || put "$file" "$before"
}

put ARCHITECTURE.md '| folder | what |\n|---|---|\n| `low` | below |\n| `high` | above |'
put src/CMakeLists.txt 'add_subdirectory(low)\nadd_subdirectory(high)'
put src/low/CMakeLists.txt 'weir_library(low SOURCES low.cpp)'
put src/high/CMakeLists.txt 'weir_library(high SOURCES high.cpp DEPENDS low)'
put include/weir/low/low.hpp '#pragma once\nint low();'
put src/low/low.cpp '#include "weir/low/low.hpp"\nint low() { return 1; }'
put src/high/high.cpp '#include "weir/low/low.hpp"\nint high() { return low(); }'

case $check in
layout)
  cp "$tools/../.clang-format" .
  expect_passed
  refuses 'src/low/low.cpp:1:' src/low/low.cpp 'int  low();'
  refuses 'make format lays them out' include/weir/low/low.hpp '#pragma once\nint low ( );'
  ;;
layers)
  expect_passed
  refuses 'low includes high, which is below it' src/low/low.cpp '#include "weir/high/high.hpp"'
  refuses 'high/CMakeLists.txt does not say DEPENDS low' src/high/CMakeLists.txt 'weir_library(high SOURCES high.cpp)'
  refuses 'a public header includes <curl/curl.h>' include/weir/low/low.hpp '#include <curl/curl.h>'
  refuses 'a public header includes <rocksdb/db.h>' include/weir/low/low.hpp '#include <rocksdb/db.h>'
  refuses 'the table of modules lacks the folder other' src/other/other.cpp 'int other();'
  rm -r src/other
  refuses 'src/CMakeLists.txt: adds high low, the table says low high' src/CMakeLists.txt \
    'add_subdirectory(high)\nadd_subdirectory(low)'
  refuses 'other is no folder of ARCHITECTURE.md' src/low/low.cpp '#include "weir/other/other.hpp"'
  refuses 'includes every folder' src/low/low.cpp '#include "weir/weir.hpp"'
  refuses 'depends on nothing_there, which is no folder of the table' src/low/CMakeLists.txt \
    'weir_library(low SOURCES low.cpp DEPENDS nothing_there)'
  refuses 'the table names the folder gone, which is not there' ARCHITECTURE.md '| `low` | |\n| `high` | |\n| `gone` | |'
  # What checks the client must not be built from it.
  put ARCHITECTURE.md '| `low` | |\n| `high` | |\n| `http` | |\n| `emulator` | |'
  put src/CMakeLists.txt 'add_subdirectory(low)\nadd_subdirectory(high)\nadd_subdirectory(http)\nadd_subdirectory(emulator)'
  put src/http/CMakeLists.txt 'weir_library(http SOURCES http.cpp)'
  put src/emulator/CMakeLists.txt 'weir_library(emulator SOURCES emulator.cpp DEPENDS low)'
  put src/emulator/emulator.cpp 'int emulator();'
  expect_passed
  refuses 'emulator must not be built from http' src/emulator/emulator.cpp '#include "weir/http/http.hpp"'
  refuses 'emulator must not be built from http' src/emulator/CMakeLists.txt \
    'weir_library(emulator SOURCES emulator.cpp DEPENDS http)'
  ;;
hygiene)
  expect_passed
  for word in "TO""DO" "FIX""ME" "XX""X" "HA""CK"; do
    refuses "finish it" src/low/low.cpp "int low();  // $word: later"
  done
  refuses 'a test that does not run proves nothing' tests/low_test.cpp "TEST(Low, DIS""ABLED_IsLow) {}"
  refuses 'a test that does not run proves nothing' tests/low_test.cpp "GTEST_""SKIP();"
  refuses 'what is here is finished' src/low/low.cpp "// not ""implemented"
  refuses 'wait for the thing, or move a clock' tests/low_test.cpp "std::this_thread::sleep""_for(1s);"
  refuses 'time comes from a Clock' src/low/low.cpp "auto now = std::chrono::system_clock::now();"
  refuses 'never prints and never exits' src/low/low.cpp 'void f() { std::cout << 1; }'
  refuses 'never prints and never exits' src/low/low.cpp 'void f() { std::exit(1); }'
  refuses 'trailing blanks' src/low/low.cpp 'int low(); '
  refuses 'a lock file says what' tests/package-lock.json '{ "resol'ved'": "https://somewhere.example" }'
  printf 'int low();' >src/low/low.cpp
  said=$(tools/check_hygiene 2>&1) && exit 1
  [[ $said == *'the last line has no end'* ]]
  head -c 1100000 /dev/zero >src/low/low.cpp
  said=$(tools/check_hygiene 2>&1) && exit 1
  [[ $said == *'the largest file allowed'* ]]
  ;;
co_await)
  expect_passed
  refuses 'src/low/low.cpp:2: a braced temporary beside co_await' src/low/low.cpp \
    'Task<int> f() {\n  co_return co_await g({.a = 1});\n}'
  refuses 'tests/low_test.cpp:1: a braced temporary' tests/low_test.cpp 'auto x = co_await f(Options{1});'
  put src/low/low.cpp 'auto x = co_await f(Options{1});  // NOLINT(co-await-braces)'
  expect_passed
  ;;
clang)
  # A build that the check can read: one precompiled header, the two checks' subjects, and a test.
  put CMakeLists.txt 'cmake_minimum_required(VERSION 3.25)\nproject(small LANGUAGES CXX)\nset(CMAKE_CXX_STANDARD 20)
add_compile_options(-Werror=unused-result)\ninclude_directories(include src)\nadd_library(weir_pch OBJECT src/low/low.cpp)
target_precompile_headers(weir_pch PRIVATE <vector>)\nadd_library(high src/high/high.cpp tests/high_test.cpp)'
  put CMakePresets.json '{"version": 4, "configurePresets": [{"name": "clang", "generator": "Ninja",
"binaryDir": "${sourceDir}/build/clang", "cacheVariables": {"CMAKE_CXX_COMPILER": "clang++-16",
"CMAKE_EXPORT_COMPILE_COMMANDS": "ON"}}], "buildPresets": [{"name": "clang", "configurePreset": "clang"}]}'
  put tools/configure '#!/bin/bash\ncd "$(dirname "$0")/.."\n[[ -f build/clang/build.ninja ]] || cmake --preset clang >/dev/null'
  chmod +x tools/configure
  put .gitignore build
  cp "$tools/../.clang-tidy" .
  put tests/high_test.cpp 'int high_test() { return 1; }'
  expect_passed
  # Discarded results: in src/ and, where clang-tidy does not look, in a test.
  put include/weir/low/low.hpp '#pragma once\nstruct [[nodiscard]] Kept {};\nKept kept();\nint low();'
  expect_passed
  refuses 'src/high/high.cpp:' src/high/high.cpp '#include "weir/low/low.hpp"\nint high() {\n  kept();\n  return low();\n}'
  refuses 'unused-result' tests/high_test.cpp '#include "weir/low/low.hpp"\nint high_test() {\n  kept();\n  return 1;\n}'
  # What only reads because another header was included first, or the precompiled one.
  refuses 'include/weir/low/other.hpp:' include/weir/low/other.hpp '#pragma once\nstd::vector<int> numbers();'
  refuses 'bugprone-use-after-move' src/high/high.cpp \
    '#include <string>\n#include <utility>\nstd::string high(std::string a) {\n  std::string b = std::move(a);\n  return a + b;\n}'
  refuses 'no CMakeLists.txt names it' src/high/forgotten.cpp 'int forgotten() { return 1; }'
  ;;
esac
