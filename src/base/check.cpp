#include "shunt/base/check.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace shunt::base {

void check_failed(const char* file, int line, const char* condition) noexcept {
  char text[512];
  const int length = std::snprintf(text, sizeof(text), "shunt: bug: %s:%d: %s does not hold\n",
                                   file, line, condition);
  if (length > 0) {
    const auto size = static_cast<std::size_t>(length) < sizeof(text)
                          ? static_cast<std::size_t>(length)
                          : sizeof(text) - 1;
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, size);
  }
  std::abort();
}

}  // namespace shunt::base
