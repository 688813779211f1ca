# kernels_test for Arm: built by the cross compiler with a GoogleTest of its own, run by qemu-user. Skipped, saying
# so, where one of them is absent; on an Arm machine kernels_test itself does the job.
find_program(AARCH64_CXX aarch64-linux-gnu-g++)
find_program(QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
find_path(GTEST_SOURCE src/gtest-all.cc PATHS /usr/src/googletest/googletest NO_CMAKE_FIND_ROOT_PATH)

if(AARCH64_CXX AND QEMU_AARCH64 AND GTEST_SOURCE AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/neon)
  file(MAKE_DIRECTORY ${folder})
  set(objects)
  # Compiles a source into ${folder}.
  function(neon_object source name)
    set(object ${folder}/${name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${AARCH64_CXX} -std=c++20 -ffp-contract=off ${ARGN}
        -I${PROJECT_SOURCE_DIR}/src -I${GTEST_SOURCE}/include -I${GTEST_SOURCE} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d VERBATIM)
    set(objects ${objects} ${object} PARENT_SCOPE)
  endfunction()
  foreach(name kernels kernels_reference kernels_neon kernels_amx kernels_avx512 kernels_avx2 same_products kernels_test)
    neon_object(${CMAKE_CURRENT_SOURCE_DIR}/${name}.cc ${name} -O2 -Wall -Wextra -Wshadow -Werror)
  endforeach()
  foreach(name gtest-all gtest_main)
    neon_object(${GTEST_SOURCE}/src/${name}.cc ${name} -O0)
  endforeach()
  add_custom_command(OUTPUT ${folder}/kernels_test
    COMMAND ${AARCH64_CXX} -static ${objects} -o ${folder}/kernels_test
    DEPENDS ${objects} VERBATIM)
  add_custom_target(neon_kernels_test ALL DEPENDS ${folder}/kernels_test)
  # The emulated processor is a model with the dot product extension: the NEON kernels must be among those run.
  add_test(NAME NeonKernelsHaveTheBitsOfTheReference COMMAND ${QEMU_AARCH64} -cpu neoverse-n1 ${folder}/kernels_test
    --gtest_filter=*/neon --gtest_brief=1)
  set_tests_properties(NeonKernelsHaveTheBitsOfTheReference PROPERTIES
    TIMEOUT 300 PASS_REGULAR_EXPRESSION "\\[  PASSED  \\] [1-9][0-9]* tests" FAIL_REGULAR_EXPRESSION "FAILED")
else()
  add_test(NAME NeonKernelsHaveTheBitsOfTheReference COMMAND ${CMAKE_COMMAND} -E echo
    "skipped: needs an x86 machine with aarch64-linux-gnu-g++, qemu-aarch64 and GoogleTest's source")
  set_tests_properties(NeonKernelsHaveTheBitsOfTheReference PROPERTIES SKIP_REGULAR_EXPRESSION "skipped")
endif()
