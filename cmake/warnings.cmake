# Warnings and sanitizers for every target of the project.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
                    -Wcast-qual -Wconversion -Wno-sign-conversion -Woverloaded-virtual
                    -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety)
endif()
if(SHUNT_SANITIZE)
  add_compile_options(-fsanitize=${SHUNT_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SHUNT_SANITIZE})
  if(SHUNT_SANITIZE MATCHES "thread")
    # std::atomic_thread_fence is not modelled by ThreadSanitizer; the project uses none.
    add_compile_options(-Wno-error=tsan)
  endif()
endif()
