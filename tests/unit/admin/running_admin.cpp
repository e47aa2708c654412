#include "tests/unit/admin/running_admin.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <filesystem>

namespace shunt::admin::testing {

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "shunt-admin-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

struct RunningAdmin::Loop {
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::thread thread;
};

RunningAdmin::RunningAdmin(AdminLimits limits, Start start) : loop_(std::make_unique<Loop>()) {
  control::AdminConfig config;
  config.socket = socket();
  config.http = base::Endpoint::parse("127.0.0.1:0").value();
  server = std::make_unique<AdminServer>(
      loop_->io, config, feed, [] { return std::string("shunt_up 1\n"); }, limits);
  const base::Status listening = server->listen();
  EXPECT_TRUE(listening) << (listening ? "" : listening.error().message);
  http_ = server->http_endpoint().value_or(base::Endpoint{});
  if (start == Start::kAttached) server->attach(&controller);
  loop_->thread = std::thread([this] { loop_->io.run(); });
}

RunningAdmin::~RunningAdmin() {
  on_loop([this] { server.reset(); });
  loop_->work.reset();
  loop_->thread.join();
}

void RunningAdmin::post(std::function<void()> function) {
  boost::asio::post(loop_->io, std::move(function));
}

void RunningAdmin::publish(std::string message) {
  on_loop([&] {
    control::Event event;
    event.type = "switch";
    event.message = std::move(message);
    feed.publish(std::move(event));
  });
}

std::future<void> RunningAdmin::begin_stop() {
  auto stopped = std::make_shared<std::promise<void>>();
  auto future = stopped->get_future();
  on_loop([&] { server->stop([stopped] { stopped->set_value(); }); });
  return future;
}

void RunningAdmin::stop() {
  begin_stop().get();
}

}  // namespace shunt::admin::testing
