# Testbenches: a SystemVerilog module, translated to C++ by Verilator, in a GoogleTest binary.
option(BRIM_RTL_COVERAGE "testbenches count what they cover (make coverage)" OFF)
find_program(VERILATOR verilator)
if(VERILATOR)
  execute_process(COMMAND ${VERILATOR} --getenv VERILATOR_ROOT OUTPUT_VARIABLE VERILATOR_ROOT
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  # The runtime of all Verilated modules, compiled once.
  add_library(brim_verilated STATIC ${VERILATOR_ROOT}/include/verilated.cpp
                                    ${VERILATOR_ROOT}/include/verilated_threads.cpp)
  target_include_directories(brim_verilated SYSTEM PUBLIC ${VERILATOR_ROOT}/include ${VERILATOR_ROOT}/include/vltstd)
  target_compile_options(brim_verilated PRIVATE -w)
  set_target_properties(brim_verilated PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(brim_verilated PUBLIC Threads::Threads)
  if(BRIM_RTL_COVERAGE)
    target_sources(brim_verilated PRIVATE ${VERILATOR_ROOT}/include/verilated_cov.cpp)
    target_compile_definitions(brim_verilated PUBLIC VM_COVERAGE=1)
  endif()
else()
  message(STATUS "verilator not found: the tests of rtl/ are skipped (Debian: apt install verilator)")
endif()

# brim_verilate(NAME SOURCES file.sv... [PARAMETERS -GX=1...] [FAST] [NO_TOGGLES] [NO_COVERAGE]): library NAME with class VNAME of
# the module that the last source holds; names are of rtl/, brim_pkg.sv comes first by itself. FAST: compiled for long runs in a shared
# library, without assertions, registers start as zeros. NO_TOGGLES: coverage of lines and functional points only, as
# another testbench has the toggles of the same modules. NO_COVERAGE: none, as the module is not the one that its name says.
function(brim_verilate name)
  set(leaves "")
  set(points "")
  cmake_parse_arguments(ARG "FAST;NO_TOGGLES;NO_COVERAGE" "" "SOURCES;PARAMETERS" ${ARGN})
  set(flags --x-assign unique --assert)
  set(optimise -O1)
  if(ARG_FAST)
    set(flags --x-assign fast --x-initial fast --noassert -CFLAGS "-fPIC -fvisibility=hidden")
    set(optimise -O2)
  endif()
  list(GET ARG_SOURCES -1 top_file)
  get_filename_component(top ${top_file} NAME_WE)
  list(TRANSFORM ARG_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/rtl/ REGEX "^[^/]")
  if(BRIM_RTL_COVERAGE AND NOT ARG_FAST AND NOT ARG_NO_COVERAGE)
    brim_functional_points(points "${ARG_SOURCES}")
    # Read before the sources.
    if(ARG_SOURCES MATCHES "/vpu_lane[.]sv")
      set(leaves ${PROJECT_SOURCE_DIR}/rtl/coverage/leaves.vlt)
    endif()
    list(APPEND flags --coverage-line --coverage-user)
    if(NOT ARG_NO_TOGGLES)
      list(APPEND flags --coverage-toggle --coverage-max-width 64)
    endif()
  endif()
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/${name}.verilated)
  add_custom_command(
    OUTPUT ${directory}/V${name}__ALL.a
    COMMAND ${VERILATOR} --cc -Wall -O3 ${flags} --prefix V${name} --Mdir ${directory}
            --top-module ${top} ${ARG_PARAMETERS} ${leaves} ${BRIM_PKG} ${ARG_SOURCES} ${points}
    # What runs once, at the start, is not worth optimising.
    COMMAND make -s -C ${directory} -f V${name}.mk V${name}__ALL.a OPT_FAST=${optimise} OPT_SLOW=-O0
            OBJCACHE=${CMAKE_CXX_COMPILER_LAUNCHER}
    DEPENDS ${leaves} ${BRIM_PKG} ${ARG_SOURCES} ${points}
    COMMENT "Verilating ${name}"
    VERBATIM)
  add_custom_target(${name}_verilated DEPENDS ${directory}/V${name}__ALL.a)
  add_library(${name} INTERFACE)
  add_dependencies(${name} ${name}_verilated)
  target_include_directories(${name} SYSTEM INTERFACE ${directory})
  target_link_libraries(${name} INTERFACE ${directory}/V${name}__ALL.a brim_verilated)
endfunction()

# brim_functional_points(RESULT SOURCES): the files with functional points of these modules.
function(brim_functional_points result sources)
  set(files "")
  foreach(source ${sources})
    get_filename_component(module ${source} NAME_WE)
    set(points ${PROJECT_SOURCE_DIR}/rtl/coverage/${module}_cover.sv)
    if(EXISTS ${points})
      list(APPEND files ${points})
    endif()
  endforeach()
  set(${result} ${files} PARENT_SCOPE)
endfunction()
