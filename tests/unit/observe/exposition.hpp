// A strict reader of the Prometheus text format 0.0.4, to hold a scrape against the format:
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <map>
#include <string>
#include <vector>

namespace shunt::observe {

struct ExposedFamily {
  std::string type;
  std::string help;
  std::map<std::string, double> samples;  // by name and labels as they stand: `x{a="b"}`
};

struct Exposition {
  std::map<std::string, ExposedFamily> families;  // by name
  std::vector<std::string> faults;                // with the line; empty: well-formed
};

// Checks the form of every line, that HELP and TYPE come before a family's samples, that a family
// is not spread out, that no series comes twice, that label values are escaped, and that histograms
// are cumulative and end in +Inf.
[[nodiscard]] Exposition parse_exposition(const std::string& text);

}  // namespace shunt::observe
