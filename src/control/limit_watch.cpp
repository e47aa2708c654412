#include "src/control/limit_watch.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "shunt/base/units.hpp"
#include "shunt/proxy/close_cause.hpp"

namespace shunt::control {
namespace {

using proxy::CloseCause;
using proxy::WorkerCounters;

struct LimitText {
  std::string_view cause;
  std::string_view what;  // happened so often
  std::uint64_t (*count)(const WorkerCounters&);
};

template <CloseCause Cause>
std::uint64_t closed(const WorkerCounters& counters) {
  return counters.closed[static_cast<std::size_t>(Cause)].get();
}

template <CloseCause Cause>
constexpr LimitText of_cause() {
  return {proxy::text_of(Cause).label, proxy::text_of(Cause).help, closed<Cause>};
}

constexpr LimitText kTexts[] = {
    of_cause<CloseCause::kConnectionLimit>(),
    of_cause<CloseCause::kNoBuffers>(),
    of_cause<CloseCause::kNoDescriptors>(),
    of_cause<CloseCause::kNoMemory>(),
    of_cause<CloseCause::kNoPorts>(),
    {"accept_errors", "an accept failed, for want of descriptors or memory",
     [](const WorkerCounters& counters) { return counters.accept_errors.get(); }},
    {"buffer_starved", "a receive was put off because no buffer was free",
     [](const WorkerCounters& counters) { return counters.buffer_starved.get(); }},
    {"records_dropped", "a record for the log or for health was taken too late and lost",
     [](const WorkerCounters& counters) { return counters.records_dropped.get(); }},
};

}  // namespace

void LimitWatch::tick(base::Instant now) {
  static_assert(std::size(kTexts) == kLimits);
  for (std::size_t index = 0; index < kLimits; ++index) {
    Limit& limit = limits_[index];
    if (limit.told_at != 0 && now - limit.told_at < interval_) continue;
    const LimitText& text = kTexts[index];
    std::uint64_t count = 0;
    for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
      count += text.count(data_plane_.counters(worker));
    }
    const std::uint64_t more = count - std::exchange(limit.told, count);
    if (more == 0) continue;
    limit.told_at = now;
    Event event;
    event.level = EventLevel::kWarn;
    event.type = "limit";
    event.message = std::string(text.what) + ": " + std::to_string(more) +
                    (more == 1 ? " time" : " times") + "; more are told in " +
                    base::format_duration_brief(interval_);
    event.fields = {{"cause", std::string(text.cause)}, {"count", std::to_string(more)}};
    events_.publish(std::move(event));
  }
}

}  // namespace shunt::control
