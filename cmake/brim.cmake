# Real models and texts for tests live beside the repository; tests that need them are skipped,
# saying so, where the folder is absent.
set(BRIM_SHARED_DATA "${PROJECT_SOURCE_DIR}/../shared/data" CACHE PATH "folder with real test data")

# brim_library(NAME sources... LINK libs...): a static library named brim_NAME, headers included as "NAME/x.h".
function(brim_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(brim_${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(brim_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(brim_${name} PUBLIC ${ARG_LINK})
endfunction()

# brim_test(NAME sources... LINK libs... [LONG | SOME_LONG]): a GoogleTest binary whose cases are ctest tests of their own.
# LONG ones take minutes to an hour and run in `make test-long` only; SOME_LONG: those whose names begin with "Long" do.
function(brim_test name)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(ARG "LONG;SOME_LONG" "" "LINK" ${ARGN})
  set(short TIMEOUT 300)
  set(long TIMEOUT 3600 LABELS long)
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})  # helpers are "tests/x.h"
  target_compile_definitions(${name} PRIVATE
    BRIM_SHARED_DATA="${BRIM_SHARED_DATA}" BRIM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # Time goes into what is tested; the tests themselves compile up to three times as fast so.
  target_compile_options(${name} PRIVATE -O1)
  if(ARG_SOME_LONG)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_FILTER "-Long*" PROPERTIES ${short})
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_FILTER "Long*" PROPERTIES ${long})
  elseif(ARG_LONG)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES ${long})
  else()
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES ${short})
  endif()
endfunction()
