#include "tests/unit/admin/client.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <boost/json/parse.hpp>
#include <cctype>
#include <cstring>

namespace shunt::admin::testing {
namespace {

// Far beyond any wait that a passing test has; a hanging server fails the test instead of hanging
// it.
constexpr timeval kPatience{30, 0};

base::UniqueFd connect_to(const base::Endpoint& endpoint) {
  base::UniqueFd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)), 0);
  EXPECT_EQ(::connect(fd.get(), endpoint.address(), endpoint.length()), 0) << std::strerror(errno);
  return fd;
}

}  // namespace

boost::json::value Response::json() const {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(body, error);
  EXPECT_FALSE(error) << body;
  return value;
}

std::string Response::kind() const {
  if (headers.count("content-type") == 0 ||
      headers.at("content-type") != "application/problem+json") {
    return "";
  }
  const boost::json::value problem = json();
  EXPECT_EQ(problem.at("status").to_number<int>(), status);
  EXPECT_EQ(problem.at("type").as_string(),
            "urn:shunt:problem:" + std::string(problem.at("kind").as_string()));
  EXPECT_FALSE(problem.at("detail").as_string().empty());
  return std::string(problem.at("kind").as_string());
}

std::string Response::reasons() const {
  std::string text;
  const boost::json::value problem = json();
  for (const auto& reason : problem.at("reasons").as_array()) {
    text += std::string(reason.at("gate").as_string()) + ": " +
            std::string(reason.at("message").as_string()) + "\n";
  }
  return text;
}

Client::Client(const std::string& path)
    : fd_(connect_to(base::Endpoint::parse("unix:" + path).value())), host_("localhost") {}

Client::Client(const base::Endpoint& endpoint)
    : fd_(connect_to(endpoint)), host_(endpoint.to_string()) {}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Client::shutdown_send() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void Client::wait_for_hangup() const {
  pollfd hangup{.fd = fd_.get(), .events = 0, .revents = 0};
  EXPECT_EQ(::poll(&hangup, 1, static_cast<int>(kPatience.tv_sec) * 1000), 1);
}

bool Client::fill() {
  char bytes[16384];
  const ssize_t got = ::recv(fd_.get(), bytes, sizeof(bytes), 0);
  if (got < 0) {
    EXPECT_TRUE(errno == ECONNRESET) << "nothing came: " << std::strerror(errno);
  }
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

std::string Client::receive_until(std::string_view text) {
  std::size_t found = buffer_.find(text);
  while (found == std::string::npos && fill()) found = buffer_.find(text);
  const std::size_t end = found == std::string::npos ? buffer_.size() : found + text.size();
  std::string taken = buffer_.substr(0, end);
  buffer_.erase(0, end);
  return taken;
}

Response Client::receive(bool head_only) {
  Response response;
  std::string head = receive_until("\r\n\r\n");
  if (head.rfind("HTTP/1.1 ", 0) != 0) return response;
  response.status = std::stoi(head.substr(9, 3));
  for (std::size_t line = head.find("\r\n") + 2; line < head.size();) {
    const std::size_t end = head.find("\r\n", line);
    const std::size_t colon = head.find(": ", line);
    if (colon == std::string::npos || colon > end) break;
    std::string name = head.substr(line, colon - line);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(response.headers.count(name), 0U) << name << " twice";
    response.headers[name] = head.substr(colon + 2, end - colon - 2);
    line = end + 2;
  }
  if (head_only || response.headers.count("content-length") == 0) return response;
  const std::size_t length = std::stoul(response.headers["content-length"]);
  while (buffer_.size() < length && fill()) {
  }
  EXPECT_GE(buffer_.size(), length) << "the body was cut";
  response.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return response;
}

bool Client::closed_by_server() {
  return buffer_.empty() && !fill();
}

Response Client::get(std::string_view target, std::string_view headers) {
  send("GET " + std::string(target) + " HTTP/1.1\r\nHost: " + host_ + "\r\n" +
       std::string(headers) + "\r\n");
  return receive();
}

Response Client::post(std::string_view target, std::string_view body, std::string_view headers) {
  send("POST " + std::string(target) + " HTTP/1.1\r\nHost: " + host_ +
       "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
       "\r\n" + std::string(headers) + "\r\n" + std::string(body));
  return receive();
}

}  // namespace shunt::admin::testing
