# The page is part of the binary.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS page.html)
file(READ page.html PAGE_HTML)
configure_file(page.cc.in ${CMAKE_CURRENT_BINARY_DIR}/page.cc @ONLY)
brim_library(page ${CMAKE_CURRENT_BINARY_DIR}/page.cc)
