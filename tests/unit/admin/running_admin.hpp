// A server on real sockets, with its event loop on a thread of its own.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "shunt/admin/admin_server.hpp"
#include "tests/unit/admin/client.hpp"
#include "tests/unit/admin/fakes.hpp"

namespace shunt::admin::testing {

// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class RunningAdmin {
 public:
  enum class Start { kAttached, kWithoutController };
  explicit RunningAdmin(AdminLimits limits = {}, Start start = Start::kAttached);
  ~RunningAdmin();

  // Runs a function on the server's thread and waits for it.
  template <class F>
  auto on_loop(F function) {
    std::packaged_task<std::invoke_result_t<F>()> task(std::move(function));
    auto result = task.get_future();
    post([&task] { task(); });
    return result.get();
  }
  void publish(std::string message);
  // Stops the server and waits until it says that it has.
  void stop();
  std::future<void> begin_stop();

  [[nodiscard]] Client unix_client() const { return Client(socket()); }
  [[nodiscard]] Client tcp_client() const { return Client(http_); }
  [[nodiscard]] std::string socket() const { return directory_ / "admin.sock"; }
  [[nodiscard]] const base::Endpoint& http() const { return http_; }

  FakeController controller;
  FakeFeed feed;  // on the server's thread only
  std::unique_ptr<AdminServer> server;

 private:
  void post(std::function<void()> function);

  TemporaryDirectory directory_;
  base::Endpoint http_;
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

// Waits for a condition, looking at it from the server's thread.
template <class Condition>
void wait_for(RunningAdmin& admin, Condition condition) {
  while (!admin.on_loop(condition)) std::this_thread::yield();
}

}  // namespace shunt::admin::testing
