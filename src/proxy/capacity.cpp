#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "shunt/base/limits.hpp"
#include "shunt/proxy/data_plane.hpp"

namespace shunt::proxy {

base::Result<Capacity> claim_capacity(std::uint32_t wanted, const Footprint& footprint) {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return base::fail_errno(errno, "cannot read the limit of descriptors");
  }
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return base::fail_errno(errno, "cannot raise the limit of descriptors");
    }
  }
  Capacity capacity;
  capacity.descriptors = limit.rlim_cur;
  const std::uint64_t reserved =
      base::kReservedDescriptors +
      std::uint64_t{footprint.workers} *
          (base::kDescriptorsPerWorker +
           std::uint64_t{footprint.addresses} * base::kDescriptorsPerListener +
           (footprint.workers > 1 ? base::kHandedOverMax : 0));
  std::uint64_t left = capacity.descriptors > reserved ? capacity.descriptors - reserved : 0;
  // All or none, where they are few beside the connections'.
  const std::uint64_t pipes = std::uint64_t{footprint.workers} * base::kSplicePipes * 2;
  if (footprint.splices && pipes <= left / 16 && std::uint64_t{wanted} * 2 + pipes <= left) {
    capacity.splice_pipes = base::kSplicePipes;
    left -= pipes;
  }
  // A connection takes two: the client's and the node's.
  const std::uint64_t burst = std::uint64_t{footprint.workers} * base::kCompletionsQueued;
  // Kept free where it leaves most descriptors to connections; elsewhere connections are accepted
  // one by one, or a burst would take the descriptors of those that were admitted.
  capacity.accept_bursts =
      wanted == 0 ? burst <= left / 4 : std::uint64_t{wanted} * 2 + burst <= left;
  const std::uint64_t fits = std::min<std::uint64_t>(
      (left - (capacity.accept_bursts ? burst : 0)) / 2, base::kConnectionsMax);
  if (wanted > base::kConnectionsMax) {
    return base::fail(base::ErrorCode::kInvalid, "limits.connections: " + std::to_string(wanted) +
                                                     " is above " +
                                                     std::to_string(base::kConnectionsMax) +
                                                     ", the most that one process holds");
  }
  if (fits == 0 || wanted > fits) {
    const std::uint64_t needed = std::max<std::uint64_t>(wanted, 1) * 2 + reserved;
    return base::fail(
        base::ErrorCode::kUnavailable,
        "the limit of " + std::to_string(capacity.descriptors) + " descriptors allows " +
            std::to_string(fits) + " connections" +
            (wanted == 0 ? "" : ", limits.connections wants " + std::to_string(wanted)),
        "raise it to " + std::to_string(needed) + " (LimitNOFILE= or ulimit -Hn)");
  }
  capacity.connections = wanted != 0 ? wanted : static_cast<std::uint32_t>(fits);
  return capacity;
}

}  // namespace shunt::proxy
