# cmake --install build/release --prefix /usr: the binary, the unit, its user, the documents, and a
# configuration where there is none yet.
include(GNUInstallDirs)

if(TARGET shunt)
  install(TARGETS shunt RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(documents ${CMAKE_INSTALL_DATAROOTDIR}/doc/shunt)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${documents} FILES_MATCHING PATTERN *.md)
foreach(document README.md ARCHITECTURE.md CHANGELOG.md)
  install(FILES ${PROJECT_SOURCE_DIR}/${document} DESTINATION ${documents} OPTIONAL)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${documents}
        RENAME copyright)
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/*.yaml)
install(FILES ${examples} ${PROJECT_SOURCE_DIR}/systemd/shunt.socket
        DESTINATION ${documents}/examples)
file(GLOB schemas CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/*.schema.json)
if(schemas)
  install(FILES ${schemas} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/shunt)
endif()

# systemd looks in lib/systemd whatever the machine's library directory is called.
install(FILES ${PROJECT_SOURCE_DIR}/systemd/sysusers.d/shunt.conf DESTINATION lib/sysusers.d)
# The unit names paths; the prefix is known when it is installed. With /usr the configuration is in
# /etc, as the file hierarchy standard and GNUInstallDirs have it.
install(CODE "set(unit_source \"${PROJECT_SOURCE_DIR}/systemd/shunt.service\")
set(unit_build \"${CMAKE_BINARY_DIR}/systemd/shunt.service\")
set(binaries \"${CMAKE_INSTALL_BINDIR}\")
set(example \"${PROJECT_SOURCE_DIR}/config/shunt.yaml\")")
install(CODE [[
  if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(configuration "/etc/shunt")
  else()
    set(configuration "${CMAKE_INSTALL_PREFIX}/etc/shunt")
  endif()
  file(READ "${unit_source}" unit)
  string(REPLACE "/usr/bin/shunt" "${CMAKE_INSTALL_PREFIX}/${binaries}/shunt" unit "${unit}")
  string(REPLACE "/etc/shunt" "${configuration}" unit "${unit}")
  string(REPLACE "/usr/share/doc" "${CMAKE_INSTALL_PREFIX}/share/doc" unit "${unit}")
  file(WRITE "${unit_build}" "${unit}")
  file(INSTALL "${unit_build}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
  # Never over the operator's own file.
  if(EXISTS "${example}" AND NOT EXISTS "$ENV{DESTDIR}${configuration}/shunt.yaml")
    file(INSTALL "${example}" DESTINATION "${configuration}")
  endif()
]])
