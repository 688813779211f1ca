# Testbenches: a SystemVerilog module, translated to C++ by Verilator, in a GoogleTest binary.
find_program(VERILATOR verilator)
if(VERILATOR)
  execute_process(COMMAND ${VERILATOR} --getenv VERILATOR_ROOT OUTPUT_VARIABLE VERILATOR_ROOT
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
else()
  message(STATUS "verilator not found: the tests of rtl/ are skipped (Debian: apt install verilator)")
endif()

# brim_verilate(NAME SOURCES file.sv... [PARAMETERS -GX=1...]): library NAME with class VNAME of the module that
# the last source holds; the package comes first by itself.
function(brim_verilate name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PARAMETERS" ${ARGN})
  list(GET ARG_SOURCES -1 top_file)
  get_filename_component(top ${top_file} NAME_WE)
  list(TRANSFORM ARG_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/rtl/)
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/${name}.verilated)
  add_custom_command(
    OUTPUT ${directory}/V${name}__ALL.a ${directory}/libverilated.a
    COMMAND ${VERILATOR} --cc --build -j 1 -Wall -O3 --x-assign unique --assert -CFLAGS -O2 --prefix V${name}
            --Mdir ${directory} --top-module ${top} ${ARG_PARAMETERS} ${BRIM_PKG} ${ARG_SOURCES} > ${directory}.log
            || (cat ${directory}.log && false)
    DEPENDS ${BRIM_PKG} ${ARG_SOURCES}
    COMMENT "Verilating ${name}"
    VERBATIM)
  add_custom_target(${name}_verilated DEPENDS ${directory}/V${name}__ALL.a)
  add_library(${name} INTERFACE)
  add_dependencies(${name} ${name}_verilated)
  target_include_directories(${name} SYSTEM INTERFACE ${directory} ${VERILATOR_ROOT}/include
                                                      ${VERILATOR_ROOT}/include/vltstd)
  target_link_libraries(${name} INTERFACE ${directory}/V${name}__ALL.a ${directory}/libverilated.a Threads::Threads)
endfunction()
