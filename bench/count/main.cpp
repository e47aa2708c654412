// bench_count LOAD UNITS: shunt's data plane, as the daemon runs it, over a kernel that is faked
// behind its calls. Run under a profiler that counts instructions (count.py); by itself it prints
// what the load asked of the kernel. `bench_count --build` prints what decides the code.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "bench/count/load.hpp"
#include "shunt/proxy/data_plane.hpp"
#include "shunt/traffic/table.hpp"

namespace shunt::bench {
namespace {

// Two nodes, all options as they are without a word in the configuration.
traffic::Model make_model() {
  traffic::Model model;
  traffic::Service service;
  service.name = "default";
  service.listen = {base::Endpoint::parse("127.0.0.1:0").value()};
  model.services.push_back(service);
  traffic::App app;
  app.name = "web";
  app.services = {0};
  app.pools.resize(1);
  app.pools[0].name = "blue";
  for (const char* address : {"192.0.2.1:80", "192.0.2.2:80"}) {
    traffic::Node node;
    node.slot = model.slots++;
    node.name = "node" + std::to_string(node.slot);
    node.addresses = {base::Endpoint::parse(address).value()};
    app.pools[0].nodes.push_back(std::move(node));
  }
  model.apps.push_back(std::move(app));
  return model;
}

int run(std::string_view name, std::uint64_t units) {
  const auto load = make_load(name, units);
  if (load == nullptr) {
    std::fprintf(stderr, "bench_count: no such load\n");
    return 2;
  }
  const traffic::Model model = make_model();
  auto table = traffic::build_table(
      model, 0, {.active = 0, .epoch = 1},
      [](traffic::NodeSlot, std::uint32_t) { return traffic::Health::kUp; },
      [](traffic::NodeSlot) { return traffic::AdminState::kReady; });
  fake_kernel().use(*load);
  const auto plane =
      proxy::DataPlane::start({.workers = 1, .connections_max = 10'000, .pin_workers = false},
                              model, {}, traffic::build_root(1, {std::move(table)}, 1));
  // Only where it fails; else the load ended the process.
  std::fprintf(stderr, "bench_count: %s\n", plane ? "" : plane.error().message.c_str());
  return 1;
}

}  // namespace
}  // namespace shunt::bench

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--build") == 0) {
    std::puts(SHUNT_COUNT_BUILD);
    return 0;
  }
  std::uint64_t units = 0;
  if (argc == 3) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), units);
  if (units == 0) {
    std::fprintf(stderr, "usage: bench_count LOAD UNITS | --build\n");
    return 2;
  }
  return shunt::bench::run(argv[1], units);
}
