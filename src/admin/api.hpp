// Api: what each route does, free of sockets. Event streams are not here but in event_hub.hpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shunt/admin/admin_server.hpp"
#include "shunt/control/command.hpp"
#include "shunt/control/controller.hpp"
#include "src/admin/answer.hpp"
#include "src/admin/routes.hpp"

namespace shunt::admin {

// One request whose path, method, origin and size have been found good.
struct ApiCall {
  const Route* route = nullptr;
  std::string app;  // empty: the only one
  std::vector<std::pair<std::string, std::string>> query;
  std::optional<std::string_view> idempotency_key;
  std::optional<std::string_view> if_match;
  std::string_view body;
  std::string_view actor;
};

class Api {
 public:
  // Called exactly once, possibly before handle returns.
  using Done = std::function<void(Answer)>;

  Api(EventFeed& events, std::function<std::string()> scrape)
      : events_(events), scrape_(std::move(scrape)) {}

  void attach(control::Controller* controller) noexcept { controller_ = controller; }
  // The views in `call` need to live only until this returns.
  void handle(const ApiCall& call, Done done);

 private:
  // Each gives its answer, or calls done later.
  void read(const ApiCall& call, const Done& done);
  void change(const ApiCall& call, Done done);
  void connections(const ApiCall& call, Done done);
  [[nodiscard]] Answer live() const;
  [[nodiscard]] Answer ready() const;
  [[nodiscard]] Answer metrics() const;
  [[nodiscard]] Answer events(const ApiCall& call) const;
  [[nodiscard]] Answer app(const ApiCall& call) const;
  [[nodiscard]] Answer config() const;

  EventFeed& events_;
  std::function<std::string()> scrape_;
  control::Controller* controller_ = nullptr;  // null: starting, or stopped
};

// 404 with every path that exists.
[[nodiscard]] Answer unknown_path(std::string_view path);

}  // namespace shunt::admin
