// What the machine has to say to a configuration that is right in itself. Pure but for the
// functions that ask the kernel, which are handed in so that tests can stand in for it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/endpoint.hpp"
#include "shunt/control/config.hpp"
#include "shunt/proxy/busy_poll_hold.hpp"
#include "shunt/traffic/model.hpp"

namespace shunt::app {

// True where a socket can be bound to the address now (also by net.ipv4.ip_nonlocal_bind).
[[nodiscard]] bool can_bind(const base::Endpoint& address);

// The source addresses that are not this machine's: connects from them would fail, one by one. In
// the form of errors of the file. It is no error: an address that moves between machines may come
// later.
[[nodiscard]] std::vector<control::ConfigError> missing_sources(
    const control::Config& config, const std::function<bool(const base::Endpoint&)>& bindable);

// The listen addresses that are not this machine's, in the same form: a start here would fail, a
// check may be made elsewhere.
[[nodiscard]] std::vector<control::ConfigError> missing_listeners(
    const control::Config& config, const std::function<bool(const base::Endpoint&)>& bindable);

// Ports that the kernel chooses from for a connect, towards one node and from one source address.
// range: the text of net.ipv4.ip_local_port_range, "32768\t60999"; 0 where it is no such thing.
[[nodiscard]] std::uint32_t ports_in(std::string_view range);
[[nodiscard]] std::string local_port_range();  // the text; empty where it cannot be read

// The pool that local ports bound most: each of its addresses takes one connection a port and
// source address. Pools with a Unix socket are not bounded so.
struct PortBound {
  std::string app;
  std::string pool;
  std::uint64_t ways = 0;  // pairs of a node's address and a source address
  std::uint64_t connections = 0;
};
[[nodiscard]] std::optional<PortBound> tightest_port_bound(const traffic::Model& model,
                                                           std::uint32_t ports);

// For the start-up line, each with "; " before it; empty where there is nothing to say.
// capacity: connections that descriptors allow.
[[nodiscard]] std::string words_on_ports(const traffic::Model& model, std::string_view port_range,
                                         std::uint32_t capacity);
// The cpu.max that bounds the CPU time of this process, of its control group or one above (cgroup
// v2, cgroups(7)); empty: none does. proc_self_cgroup: the text of /proc/self/cgroup. read: the
// content of a file, empty where there is none.
[[nodiscard]] std::string cpu_quota(std::string_view proc_self_cgroup,
                                    const std::function<std::string(const std::string&)>& read);
// What of the machine's there is now.
[[nodiscard]] std::string cpu_quota();

// What holds busy_poll: auto off for as long as the process runs.
struct BusyPollVerdict {
  proxy::BusyPollHold hold = proxy::BusyPollHold::kNone;
  std::string words;  // for the start-up line
};
// cpus: that the process may use. quota: as cpu_quota() says.
[[nodiscard]] BusyPollVerdict judge_busy_poll(const proxy::BusyPollSetting& setting,
                                              std::uint32_t workers, std::uint32_t cpus,
                                              const std::string& quota);

// features: DataPlane::features(). What is missing below Linux 6.1 and what that costs.
[[nodiscard]] std::string words_on_kernel(std::string_view features);

}  // namespace shunt::app
