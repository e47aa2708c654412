#include "tests/sim/violations.hpp"

#include <cstdio>
#include <utility>

namespace shunt::sim {

void Violations::add(std::string what) {
  note("VIOLATION " + what);
  if (found_.size() < kKept) found_.push_back(std::move(what));
}

void Violations::note(const std::string& what) {
  if (trace_) std::fprintf(stderr, "%s\n", what.c_str());
}

}  // namespace shunt::sim
