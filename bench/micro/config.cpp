// What it takes to read a configuration, for each start, `check` and `diff`.
#include "shunt/control/config.hpp"

#include <benchmark/benchmark.h>

#include <string>

namespace shunt::bench {
namespace {

// Two pools of half of the nodes each, with names, weights and labels.
std::string make_text(std::int64_t nodes) {
  std::string text = "apps:\n  web:\n    initial: blue\n    listen: 127.0.0.1:8080\n    pools:\n";
  for (const char* pool : {"blue", "green"}) {
    text +=
        std::string("      ") + pool + ":\n        labels: {color: " + pool + "}\n        nodes:\n";
    const std::string net = pool == std::string("blue") ? "10.0." : "10.1.";
    for (std::int64_t i = 0; i < nodes / 2; ++i) {
      const std::string number = std::to_string(i);
      text.append("          - {name: ").append(pool).append(number);
      text.append(", address: \"").append(net).append(std::to_string(i / 256)).append(".");
      text.append(std::to_string(i % 256)).append(":80\", weight: 2, labels: {zone: a}}\n");
    }
  }
  return text;
}

void parse(benchmark::State& state) {
  const std::string text = make_text(state.range(0));
  if (const auto outcome = control::parse_config(text, "bench.yaml"); !outcome.config) {
    return state.SkipWithError(outcome.errors.front().to_string().c_str());
  }
  for (auto _ : state) benchmark::DoNotOptimize(control::parse_config(text, "bench.yaml"));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(parse)->Name("config_parse")->Arg(2)->Arg(100)->Arg(4096)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace shunt::bench
