# embed(target file symbol): compiles a text file into target as `extern const char symbol[]`.
function(embed target file symbol)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}_${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/${file} -DOUT=${out} -DSYMBOL=${symbol}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed-file.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/embed-file.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
