// The table for people (Markdown) and the same figures for machines (JSON).
#pragma once

#include <string>
#include <vector>

#include "bench/switch/analysis.hpp"

namespace shunt::bench {

// One balancer's figures in one part of the run.
struct Row {
  std::string part;  // "20/s", "now and then", "faults"
  std::string name;
  std::string version;
  Figures figures;
};

struct Report {
  std::string date;     // UTC
  std::string machine;  // processor, CPUs, kernel
  std::string load;     // in words
  // The least that a command costs, and what its sync alone does to the traffic (yardstick.hpp).
  Figures echo;
  Spread sync;
  std::vector<Row> rows;
};

[[nodiscard]] std::string markdown(const Report& report);
[[nodiscard]] std::string json(const Report& report);

// Each goal of the project that this run can judge: met or missed, and by what. all_met: whether
// the ones that must hold on any machine (late connections and errors) hold.
[[nodiscard]] std::string verdicts(const Report& report, bool& all_met);

}  // namespace shunt::bench
