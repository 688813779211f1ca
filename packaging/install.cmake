# What `make install` and the Debian package put where.
# Man page and completions are written by the program itself, so that they say what it takes.
find_program(GZIP gzip REQUIRED)
set(texts ${PROJECT_BINARY_DIR}/packaging)
file(MAKE_DIRECTORY ${texts})
add_custom_command(
  OUTPUT ${texts}/brim.1.gz ${texts}/brim.bash ${texts}/_brim ${texts}/brim.fish
  COMMAND brim completions man > ${texts}/brim.1
  COMMAND ${GZIP} -9nf ${texts}/brim.1
  COMMAND brim completions bash > ${texts}/brim.bash
  COMMAND brim completions zsh > ${texts}/_brim
  COMMAND brim completions fish > ${texts}/brim.fish
  DEPENDS brim
  COMMENT "Writing the man page and the completions"
  VERBATIM)
add_custom_target(program_texts ALL
  DEPENDS ${texts}/brim.1.gz ${texts}/brim.bash ${texts}/_brim ${texts}/brim.fish)

# The RTL and the firmware where they were built; src/base/program_files.h finds them.
set(files ${CMAKE_INSTALL_LIBDIR}/brim)
install(TARGETS brim RUNTIME)
foreach(tokens 1 4 8)
  if(TARGET brim_rtl${tokens})
    install(TARGETS brim_rtl${tokens} LIBRARY DESTINATION ${files}/rtl OPTIONAL)
  endif()
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/firmware/brim_qemu.elf ${PROJECT_BINARY_DIR}/firmware/brim_kv260.elf
  ${PROJECT_BINARY_DIR}/firmware/brim_kv260.bin DESTINATION ${files}/firmware OPTIONAL)

# Not the script that trained the demo model.
install(DIRECTORY models/demo boards DESTINATION ${CMAKE_INSTALL_DATADIR}/brim PATTERN train.py EXCLUDE)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md packaging/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES packaging/brim.service DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES ${texts}/brim.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${texts}/brim.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME brim)
install(FILES ${texts}/brim.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
# Debian's zsh looks for what packages bring in a folder of their own.
set(zsh ${CMAKE_INSTALL_DATADIR}/zsh)
install(CODE "
  if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    set(completions vendor-completions)
  else()
    set(completions site-functions)
  endif()
  file(INSTALL \"${texts}/_brim\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${zsh}/\${completions}\")")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME brim)
set(CPACK_PACKAGE_CONTACT "The Brim authors <maintainers@brim.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "language models at the memory limit of a small board")
set(CPACK_PACKAGE_DESCRIPTION
"Brim packs LLaMA-family models with 4-bit weights into the memory image of a
board, decodes from it on a processor, serves it over HTTP, and simulates the
accelerator that decodes it on the board.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION misc)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS qemu-system-arm)  # brim board
include(CPack)
