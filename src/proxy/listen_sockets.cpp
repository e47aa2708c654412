#include "src/proxy/listen_sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "shunt/base/limits.hpp"
#include "src/proxy/listen_options.hpp"

namespace shunt::proxy {
namespace {

using base::Endpoint;
using base::ErrorCode;
using base::Result;
using base::UniqueFd;

tl::unexpected<base::Error> listen_failed(int error, const Endpoint& address) {
  const std::string what = "cannot listen on " + address.to_string();
  switch (error) {
    case EADDRINUSE:
      return base::fail(
          ErrorCode::kConflict, what + ": the address is in use",
          "see who listens there: ss -ltnp 'sport = :" + std::to_string(address.port()) + "'");
    case EACCES:
    case EPERM:
      return base::fail(ErrorCode::kPermission,
                        what + ": ports below net.ipv4.ip_unprivileged_port_start are privileged",
                        "give the process CAP_NET_BIND_SERVICE (the shipped unit does), or: setcap "
                        "cap_net_bind_service+ep shunt");
    case EADDRNOTAVAIL:
      return base::fail(ErrorCode::kInvalid, what + ": this machine does not have the address",
                        "see its addresses: ip address");
    case EAFNOSUPPORT:
      return base::fail(ErrorCode::kUnavailable,
                        what + ": the kernel does not offer this address family");
    case EMFILE:
    case ENFILE:
      return base::fail(ErrorCode::kUnavailable, what + ": no descriptor is free",
                        "raise the limit of open files (ulimit -n, LimitNOFILE=)");
    default:
      return base::fail_errno(error, what);
  }
}

void set_flag(int fd, int level, int name) {
  const int on = 1;
  ::setsockopt(fd, level, name, &on, sizeof(on));
}

Result<UniqueFd> bound_socket(const Endpoint& address, bool share_port) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return listen_failed(errno, address);
  set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR);  // connections of a former run may linger
  if (share_port) set_flag(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (address.family() == AF_INET6) set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(fd.get(), address.address(), address.length()) != 0) {
    return listen_failed(errno, address);
  }
  return fd;
}

// A process that was killed leaves its listeners behind for some milliseconds: the kernel takes its
// rings apart, and with them the accepts that hold the sockets, after the process is gone
// (io_ring_exit_work). So an address in use is asked for again for a while.
class AddressPatience {
 public:
  Result<UniqueFd> bound_alone(const Endpoint& address) {
    while (true) {
      auto fd = bound_socket(address, false);
      if (fd || fd.error().code != ErrorCode::kConflict || waits_left_ == 0) return fd;
      --waits_left_;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

 private:
  std::uint32_t waits_left_ = 50;  // for all addresses together: a second
};

Result<Endpoint> local_address(int fd) {
  sockaddr_storage address;
  socklen_t length = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return base::fail_errno(errno, "getsockname");
  }
  return Endpoint(reinterpret_cast<const sockaddr*>(&address), length);
}

bool is_any_v6(const Endpoint& address) {
  return address.host() == "::";
}

class Opener {
 public:
  Opener(const traffic::Model& model, std::uint32_t workers,
         std::vector<InheritedListener> inherited)
      : model_(model), inherited_(std::move(inherited)) {
    sockets_.by_worker.resize(workers);
    sockets_.listening.resize(model.services.size());
  }

  Result<ListenSockets> open() {
    for (const traffic::Service& service : model_.services) {
      for (const Endpoint& address : service.listen) {
        if (base::Status status = open(service, address); !status) {
          return tl::unexpected(std::move(status.error()));
        }
      }
    }
    for (const InheritedListener& left : inherited_) {
      return base::fail(ErrorCode::kInvalid,
                        "the socket handed over for " + left.address.to_string() +
                            " is no service's listen address",
                        "make the socket unit and the configuration agree");
    }
    return std::move(sockets_);
  }

 private:
  base::Status open(const traffic::Service& service, const Endpoint& address) {
    if (address.is_unix()) {
      return base::fail(ErrorCode::kInvalid, "cannot listen on " + address.to_string() +
                                                 ": services listen on TCP addresses");
    }
    const auto handed = std::find_if(inherited_.begin(), inherited_.end(),
                                     [&](const auto& one) { return one.address == address; });
    if (handed != inherited_.end()) {
      const UniqueFd fd = std::move(handed->fd);
      inherited_.erase(handed);
      return share(service, address, fd.get());
    }
    return open_group(service, address);
  }

  // Every worker accepts from the one socket; another effective uid could not join a group.
  base::Status share(const traffic::Service& service, const Endpoint& address, int fd) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (base::Status status = set_options(service, address, fd, true); !status) return status;
    for (auto& worker : sockets_.by_worker) {
      UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
      if (!own) return base::fail_errno(errno, "cannot share a socket that was handed over");
      worker.push_back({std::move(own), service.id});
    }
    return note(service, fd);
  }

  base::Status open_group(const traffic::Service& service, const Endpoint& wanted) {
    // Without SO_REUSEPORT first: a group lets in any socket of the same user, and two shunts on
    // one address would each get a part of the connections. Port 0 needs no probe, it is free.
    if (wanted.port() != 0) {
      if (auto probe = patience_.bound_alone(wanted); !probe) {
        // Both families by habit: a kernel without IPv6 serves the other one.
        if (is_any_v6(wanted) && service.listen.size() > 1 &&
            probe.error().code == ErrorCode::kUnavailable && no_ipv6()) {
          return {};
        }
        return tl::unexpected(std::move(probe.error()));
      }
    }
    Endpoint address = wanted;
    for (auto& worker : sockets_.by_worker) {
      auto fd = bound_socket(address, true);
      if (!fd) return tl::unexpected(std::move(fd.error()));
      if (base::Status status = set_options(service, address, fd->get(), false); !status) {
        return status;
      }
      if (::listen(fd->get(), base::kListenBacklog) != 0) return listen_failed(errno, address);
      if (base::Status status = set_options_of_listening(fd->get(), address, service); !status) {
        return status;
      }
      if (address.port() == 0) {
        auto real = local_address(fd->get());
        if (!real) return tl::unexpected(std::move(real.error()));
        address = *real;  // the others join at the port that the first one got
      }
      worker.push_back({std::move(*fd), service.id});
    }
    return note(service, sockets_.by_worker.front().back().fd.get());
  }

  static bool no_ipv6() {
    return !UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) && errno == EAFNOSUPPORT;
  }

  base::Status set_options(const traffic::Service& service, const Endpoint& address, int fd,
                           bool handed_over) {
    return set_listen_options(fd, address, service, model_.apps[service.app].keepalive,
                              handed_over);
  }

  base::Status note(const traffic::Service& service, int fd) {
    auto address = local_address(fd);
    if (!address) return tl::unexpected(std::move(address.error()));
    sockets_.listening[service.id].push_back(*address);
    return {};
  }

  const traffic::Model& model_;
  std::vector<InheritedListener> inherited_;
  ListenSockets sockets_;
  AddressPatience patience_;
};

}  // namespace

Result<ListenSockets> open_listen_sockets(const traffic::Model& model, std::uint32_t workers,
                                          std::vector<InheritedListener> inherited) {
  return Opener(model, workers, std::move(inherited)).open();
}

}  // namespace shunt::proxy
