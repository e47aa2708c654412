// shunt, switched over its admin socket by HTTP on one connection that stays open.
#include <sys/socket.h>

#include <charconv>

#include "bench/switch/balancer.hpp"
#include "bench/switch/balancer_process.hpp"

namespace shunt::bench {
namespace {

class Shunt final : public Balancer {
 public:
  explicit Shunt(const Scene& scene)
      : binary_(scene.shunt),
        entry_(endpoint("127.0.0.1:" + std::to_string(free_port()))),
        socket_path_(scene.directory + "/admin.sock"),
        process_(launch(scene)) {
    wait_until_ready(process_, name(), scene.directory + "/shunt.log", [this] {
      control_ = connect_to(endpoint("unix:" + socket_path_));
      return ask(post(R"({"to": "green", "dry_run": true})")).starts_with("HTTP/1.1 200") &&
             accepts(entry_);
    });
  }

  [[nodiscard]] std::string name() const override { return "shunt"; }
  [[nodiscard]] std::string version() const override {
    const std::string text = output_of(binary_ + " --version");
    return text.substr(0, text.find('\n'));
  }
  [[nodiscard]] Endpoint entry() const override { return entry_; }
  [[nodiscard]] bool can_be_durable() const override { return true; }

  Change switch_to(int color, bool durable) override {
    const std::string request =
        post(std::string(R"({"to": ")") + kColors[static_cast<std::size_t>(color)] +
             R"(", "not_durable": )" + (durable ? "false" : "true") + R"(, "reason": "bench"})");
    reopen_if_closed();
    Change change{.sent = base::monotonic_now(), .color = color, .durable = durable, .answer = {}};
    change.answer = ask(request);
    change.acknowledged = base::monotonic_now();
    if (!change.answer.starts_with("HTTP/1.1 200"))
      throw std::runtime_error("shunt answered: " + change.answer);
    return change;
  }

 private:
  [[nodiscard]] Process launch(const Scene& scene) const {
    std::string config =
        "admin: {socket: " + socket_path_ + "}\nstate: {dir: " + scene.directory +
        "/state}\nworkers: " + std::to_string(scene.workers) +
        "\nlog: {level: warn}\ntimeouts: {connect: " + (scene.faults ? "200ms" : "2s") +
        "}\napps:\n  demo:\n    initial: blue\n    listen: " + entry_.to_string() +
        "\n    health: {type: " + (scene.faults ? "off" : "tcp, interval: 2s") +
        "}\n    release: {min_healthy: 1%}\n    pools:\n";
    for (std::size_t color = 0; color < kColors.size(); ++color) {
      config += std::string("      ") + kColors[color] + ": [";
      // Names of their own: the broken nodes stand in both pools.
      int number = 0;
      for (const Endpoint& node : scene.nodes[color]) {
        config += std::string(number == 0 ? "" : ", ") + "{name: " + kColors[color] +
                  std::to_string(number + 1) + ", address: \"" + node.to_string() + "\"}";
        ++number;
      }
      config += "]\n";
    }
    write_file(scene.directory + "/shunt.yaml", config);
    return Process({binary_, "serve", "--config", scene.directory + "/shunt.yaml"},
                   scene.directory + "/shunt.log", scene.cpu);
  }

  [[nodiscard]] static std::string post(const std::string& body) {
    return "POST /v1/apps/demo/switch HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
           "application/json\r\n"
           "Content-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  // An admin connection that is idle for a minute is closed, and the others' turns may take longer.
  void reopen_if_closed() {
    char byte = 0;
    if (::recv(control_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) return;
    control_ = connect_to(endpoint("unix:" + socket_path_));
  }

  // One exchange; the whole answer.
  [[nodiscard]] std::string ask(const std::string& request) const {
    send_all(control_.get(), request);
    std::string answer;
    std::array<char, 8192> chunk;
    for (;;) {
      const auto count = ::recv(control_.get(), chunk.data(), chunk.size(), 0);
      if (count <= 0) throw std::runtime_error("shunt closed its admin socket after: " + answer);
      answer.append(chunk.data(), static_cast<std::size_t>(count));
      const auto head = answer.find("\r\n\r\n");
      const auto length = answer.find("Content-Length: ");
      if (head == std::string::npos || length > head) continue;
      std::size_t body = 0;
      std::from_chars(answer.data() + length + 16, answer.data() + head, body);
      if (answer.size() >= head + 4 + body) return answer;
    }
  }

  std::string binary_;
  Endpoint entry_;
  std::string socket_path_;
  Process process_;
  UniqueFd control_;
};

}  // namespace

std::unique_ptr<Balancer> start_shunt(const Scene& scene) {
  return std::make_unique<Shunt>(scene);
}

}  // namespace shunt::bench
