// What is said where the machine does not give a thread (or its descriptors) at the start.
#pragma once

#include <string>
#include <system_error>
#include <utility>

namespace shunt::control {

// Runs `make` and returns what it makes. Throws its std::system_error with the words "cannot start
// WHAT" in front: a bare "Resource temporarily unavailable" says nothing.
template <class Make>
auto starting(const char* what, Make&& make) {
  try {
    return std::forward<Make>(make)();
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), std::string("cannot start ") + what);
  }
}

}  // namespace shunt::control
