// HAProxy as its users switch it without a reload: the backend is looked up in a map, and the map
// is set over the runtime socket, which stays open in interactive mode.
#include <sys/socket.h>

#include "bench/switch/balancer.hpp"
#include "bench/switch/balancer_process.hpp"

namespace shunt::bench {
namespace {

class Haproxy final : public Balancer {
 public:
  explicit Haproxy(const Scene& scene)
      : entry_(endpoint("127.0.0.1:" + std::to_string(free_port()))),
        socket_path_(scene.directory + "/haproxy.sock"),
        map_path_(scene.directory + "/haproxy.map"),
        process_(launch(scene)) {
    wait_until_ready(process_, name(), scene.directory + "/haproxy.log",
                     [this] { return accepts(entry_); });
    control_ = connect_to(endpoint("unix:" + socket_path_));
    ask("prompt\n");
  }

  [[nodiscard]] std::string name() const override { return "HAProxy"; }
  [[nodiscard]] std::string version() const override {
    const std::string text = output_of("haproxy -v");
    const auto at = text.find("version ");  // "HAProxy version 2.6.12-1 2025/04/16 - ..."
    return at == std::string::npos ? text : text.substr(at + 8, text.find(' ', at + 8) - at - 8);
  }
  [[nodiscard]] Endpoint entry() const override { return entry_; }

  Change switch_to(int color, bool /*durable*/) override {
    const std::string command =
        "set map " + map_path_ + " active " + kColors[static_cast<std::size_t>(color)] + "\n";
    Change change{.sent = base::monotonic_now(), .color = color, .answer = {}};
    change.answer = ask(command);
    change.acknowledged = base::monotonic_now();
    if (change.answer != "\n> ") throw std::runtime_error("HAProxy answered: " + change.answer);
    return change;
  }

 private:
  [[nodiscard]] Process launch(const Scene& scene) const {
    std::string config = "global\n  nbthread " + std::to_string(scene.workers) +
                         "\n  maxconn 4000\n  stats socket " + socket_path_ +
                         " mode 600 level admin\n  stats timeout 1d\n"
                         "defaults\n  mode tcp\n  timeout connect " +
                         (scene.faults ? "200ms" : "2s") +
                         "\n  timeout client 5m\n  timeout server 5m\n  retries 3\n"
                         "  option redispatch 1\n  balance roundrobin\n"
                         "frontend entry\n  bind " +
                         entry_.to_string() + "\n  use_backend %[str(active),map(" + map_path_ +
                         ",blue)]\n";
    for (std::size_t color = 0; color < kColors.size(); ++color) {
      config += std::string("backend ") + kColors[color] + "\n";
      int number = 0;
      for (const Endpoint& node : scene.nodes[color]) {
        config += "  server n" + std::to_string(++number) + " " + node.to_string() +
                  (scene.faults ? "\n" : " check inter 2s\n");
      }
    }
    write_file(map_path_, "active blue\n");
    write_file(scene.directory + "/haproxy.cfg", config);
    return Process({"haproxy", "-db", "-f", scene.directory + "/haproxy.cfg"},
                   scene.directory + "/haproxy.log", scene.cpu);
  }

  // Sends a command and reads up to the next prompt.
  std::string ask(const std::string& command) const {
    send_all(control_.get(), command);
    std::string answer;
    std::array<char, 4096> chunk;
    while (!answer.ends_with("\n> ")) {
      const auto count = ::recv(control_.get(), chunk.data(), chunk.size(), 0);
      if (count <= 0) throw std::runtime_error("HAProxy closed its socket after: " + answer);
      answer.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return answer;
  }

  Endpoint entry_;
  std::string socket_path_;
  std::string map_path_;
  Process process_;
  UniqueFd control_;
};

}  // namespace

std::unique_ptr<Balancer> start_haproxy(const Scene& scene) {
  return std::make_unique<Haproxy>(scene);
}

}  // namespace shunt::bench
