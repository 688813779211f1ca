# Builds the firmware with the cross compiler, where there is one. BRIM_FIRMWARE is the program for QEMU,
# which `brim board` finds beside itself (base/program_files.h).
find_program(AARCH64_CXX aarch64-linux-gnu-g++)
set(BRIM_FIRMWARE "")
if(AARCH64_CXX)
  include(ExternalProject)
  set(folder ${PROJECT_BINARY_DIR}/firmware)
  ExternalProject_Add(firmware
    SOURCE_DIR ${PROJECT_SOURCE_DIR}/firmware
    BINARY_DIR ${folder}
    PREFIX ${folder}/external
    CMAKE_ARGS -DCMAKE_TOOLCHAIN_FILE=${PROJECT_SOURCE_DIR}/firmware/aarch64.cmake
      -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
    BUILD_ALWAYS ON
    INSTALL_COMMAND "")
  set(BRIM_FIRMWARE ${folder}/brim_qemu.elf)
else()
  message(STATUS "aarch64-linux-gnu-g++ not found: the firmware is not built (Debian: apt install g++-aarch64-linux-gnu)")
endif()

# The parts that touch no hardware, for tests on the host.
add_library(brim_firmware_parts STATIC EXCLUDE_FROM_ALL firmware/fat32.cc firmware/line_editor.cc)
target_include_directories(brim_firmware_parts PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
brim_test(fat32_test firmware/fat32_test.cc LINK brim_firmware_parts brim_image)
brim_test(firmware_clocks_test firmware/clocks_test.cc LINK brim_firmware_parts)
brim_test(line_editor_test firmware/line_editor_test.cc LINK brim_firmware_parts)
