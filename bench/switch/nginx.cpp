// nginx (stream module) as its users switch it: a new configuration and `nginx -s reload`. The
// reload acknowledges nothing but that the signal was sent; that moment counts as the
// acknowledgement.
#include "bench/switch/balancer.hpp"
#include "bench/switch/balancer_process.hpp"

namespace shunt::bench {
namespace {

class Nginx final : public Balancer {
 public:
  explicit Nginx(Scene scene)
      : scene_(std::move(scene)),
        entry_(endpoint("127.0.0.1:" + std::to_string(free_port()))),
        config_path_(scene_.directory + "/nginx.conf"),
        process_(launch()) {
    wait_until_ready(process_, name(), scene_.directory + "/nginx.log",
                     [this] { return accepts(entry_); });
  }

  [[nodiscard]] std::string name() const override { return "nginx reload"; }
  [[nodiscard]] std::string version() const override {
    const std::string text = output_of("nginx -v");
    const auto at = text.find("nginx/");
    return at == std::string::npos ? text : text.substr(at, text.find('\n', at) - at);
  }
  [[nodiscard]] Endpoint entry() const override { return entry_; }

  Change switch_to(int color, bool /*durable*/) override {
    const std::string config = configuration(color);
    Change change{.sent = base::monotonic_now(), .color = color, .answer = {}};
    write_file(config_path_, config);
    const int code =
        run({"nginx", "-c", config_path_, "-s", "reload"}, scene_.directory + "/nginx.log");
    change.acknowledged = base::monotonic_now();
    if (code != 0) {
      throw std::runtime_error("nginx -s reload: " + read_file(scene_.directory + "/nginx.log"));
    }
    return change;
  }

 private:
  [[nodiscard]] std::string configuration(int color) const {
    std::string text =
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
        "user root;\ndaemon off;\nworker_processes " +
        std::to_string(scene_.workers) + ";\npid " + scene_.directory + "/nginx.pid;\nerror_log " +
        scene_.directory +
        "/nginx-error.log;\nevents { worker_connections 8000; }\n"
        "stream {\n  upstream live {\n";
    for (const Endpoint& node : scene_.nodes[static_cast<std::size_t>(color)]) {
      text += "    server " + node.to_string() + ";\n";
    }
    return text + "  }\n  server {\n    listen " + entry_.to_string() +
           ";\n    tcp_nodelay on;\n    proxy_connect_timeout " + (scene_.faults ? "200ms" : "2s") +
           ";\n    proxy_pass live;\n  }\n}\n";
  }

  [[nodiscard]] Process launch() const {
    write_file(config_path_, configuration(0));
    return Process({"nginx", "-c", config_path_}, scene_.directory + "/nginx.log", scene_.cpu);
  }

  Scene scene_;
  Endpoint entry_;
  std::string config_path_;
  Process process_;
};

}  // namespace

std::unique_ptr<Balancer> start_nginx(const Scene& scene) {
  return std::make_unique<Nginx>(scene);
}

}  // namespace shunt::bench
