#include "tests/unit/cli/scripted_daemon.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>

#include <gtest/gtest.h>

#include "src/cli/environment.hpp"
#include "src/cli/verb.hpp"

namespace shunt::cli {
namespace {

// 2026-11-23T10:00:00Z, so that "3m ago" is the same every day.
constexpr std::int64_t kNowMs = 1'795'428'000'000;

std::optional<SeenRequest> parse_request(const std::string& bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  SeenRequest request;
  std::istringstream lines(bytes.substr(0, end));
  std::string line;
  std::getline(lines, line);
  std::istringstream(line) >> request.method >> request.target;
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const std::size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[name] = line.substr(colon + 2);
  }
  request.body = bytes.substr(end + 4);
  const auto length = request.headers.find("content-length");
  if (length != request.headers.end() && request.body.size() < std::stoul(length->second)) {
    return std::nullopt;
  }
  return request;
}

}  // namespace

ScriptedDaemon::ScriptedDaemon(Handler handler) : handler_(std::move(handler)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "shunt-cli-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  path_ = directory_ + "/admin.sock";
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(listener_.get(), 16), 0);
  stop_.reset(::eventfd(0, EFD_CLOEXEC));
  thread_ = std::thread([this] { serve(); });
}

ScriptedDaemon::~ScriptedDaemon() {
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  thread_.join();
  std::filesystem::remove_all(directory_);
}

void ScriptedDaemon::serve() {
  std::vector<base::UniqueFd> silent;
  const auto readable = [this](int fd) {
    std::array<pollfd, 2> waited{{{fd, POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (::poll(waited.data(), waited.size(), -1) < 0) {
    }
    return waited[1].revents == 0;
  };
  while (readable(listener_.get())) {
    base::UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (turned_away_ > 0) {
      if (readable(client.get())) --turned_away_;
      continue;
    }
    std::string bytes;
    std::optional<SeenRequest> request;
    while (!request && readable(client.get())) {
      std::array<char, 4096> buffer{};
      const ssize_t received = ::recv(client.get(), buffer.data(), buffer.size(), 0);
      if (received <= 0) break;
      bytes.append(buffer.data(), static_cast<std::size_t>(received));
      request = parse_request(bytes);
    }
    if (!request) continue;
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(*request);
    }
    const auto answer = handler_(*request);
    if (!answer) {
      silent.push_back(std::move(client));
      continue;
    }
    std::size_t sent = 0;
    while (sent < answer->size()) {
      const ssize_t portion =
          ::send(client.get(), answer->data() + sent, answer->size() - sent, MSG_NOSIGNAL);
      if (portion <= 0) break;
      sent += static_cast<std::size_t>(portion);
    }
  }
}

std::vector<SeenRequest> ScriptedDaemon::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

SeenRequest ScriptedDaemon::only_request() const {
  const auto requests = seen();
  EXPECT_EQ(requests.size(), 1U);
  return requests.empty() ? SeenRequest{} : requests.front();
}

std::string http(int status, const std::string& body, const std::string& type) {
  return "HTTP/1.1 " + std::to_string(status) + " Text\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

ScriptedDaemon::Handler in_turn(std::vector<std::string> answers) {
  auto next = std::make_shared<std::size_t>(0);
  return [answers = std::move(answers), next](const SeenRequest&) {
    const std::size_t index = std::min(*next, answers.size() - 1);
    ++*next;
    return std::optional(answers[index]);
  };
}

Ran run_words(const std::vector<std::string>& words, const RunOptions& options) {
  std::ostringstream out;
  std::ostringstream err;
  const Environment environment{
      .out = options.out == nullptr ? out : *options.out,
      .err = err,
      .in_is_terminal = options.terminal,
      .out_is_terminal = options.terminal,
      .err_is_terminal = options.terminal,
      .color = options.color,
      .err_color = options.color,
      .width = options.width,
      .uid = options.uid,
      .arguments = words,
      .variable =
          [&options](const char* name) {
            const auto found = options.variables.find(name);
            return found == options.variables.end() ? std::string() : found->second;
          },
      .wall_ms = [] { return kNowMs; },
      .system_socket = options.system_socket,
  };
  const Hooks hooks{.version = "9.9.9", .serve = {}, .check = {}};
  const int code = run_in(environment, hooks);
  return {.code = code, .out = out.str(), .err = err.str()};
}

Ran run_line(const std::string& arguments, const RunOptions& options) {
  std::vector<std::string> words;
  std::istringstream stream(arguments);
  std::string word;
  while (stream >> word) words.push_back(word);
  return run_words(words, options);
}

Ran run_at(const ScriptedDaemon& daemon, const std::string& arguments, RunOptions options) {
  options.variables["SHUNT_SOCKET"] = daemon.socket_path();
  return run_line(arguments, options);
}

}  // namespace shunt::cli
