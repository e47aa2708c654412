// A plain HTTP client over a blocking socket, which sends whatever it is told to.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>

#include "shunt/base/endpoint.hpp"
#include "shunt/base/unique_fd.hpp"

namespace shunt::admin::testing {

struct Response {
  int status = 0;                              // 0: none arrived before the connection ended
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  [[nodiscard]] boost::json::value json() const;
  [[nodiscard]] std::string kind() const;     // of a problem document; "" where it is none
  [[nodiscard]] std::string reasons() const;  // "gate: message\n" each
};

class Client {
 public:
  // path: of a Unix socket.
  explicit Client(const std::string& path);
  explicit Client(const base::Endpoint& endpoint);

  void send(std::string_view bytes);  // ignores that the server may have closed
  void shutdown_send();
  // One whole response; of a HEAD request without the body that its header announces.
  [[nodiscard]] Response receive(bool head_only = false);
  [[nodiscard]] std::string receive_until(
      std::string_view text);             // what came, with `text` at the end
  [[nodiscard]] bool closed_by_server();  // waits for the end; false where bytes come instead
  void wait_for_hangup() const;           // without reading; of a Unix socket

  Response get(std::string_view target, std::string_view headers = {});
  Response post(std::string_view target, std::string_view body, std::string_view headers = {});
  [[nodiscard]] const std::string& host() const { return host_; }

 private:
  bool fill();  // reads more; false at the end

  base::UniqueFd fd_;
  std::string host_;
  std::string buffer_;
};

}  // namespace shunt::admin::testing
