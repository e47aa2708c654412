// The switchboard waits until every worker follows what was published.
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "shunt/base/pause.hpp"
#include "src/control/switchboard.hpp"

namespace shunt::control {

// Workers on other CPUs follow within a turn of their loops, which is shorter than going to sleep
// here. One that needs this CPU follows the sooner the less of it is taken.
void Switchboard::spin_for_adoption() {
  constexpr base::Duration kSpin = 50 * base::kMicrosecond;
  const Running& run = *running_;
  if (run.revision == 0) return;
  const proxy::Publication& publication = data_plane_.publication();
  const int here = ::sched_getcpu();
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    while (!publication.adopted(worker, run.revision)) {
      if (data_plane_.cpu(worker) == here) return;
      if (base::monotonic_now() >= run.published + kSpin) return;
      base::spin_pause();
    }
  }
}

// What a worker was once judged to have adopted it does not lose: its word may say less for a
// moment, between its next mark and the note that it follows.
bool Switchboard::followed_by_all() {
  Running& run = *running_;
  run.followed.resize(data_plane_.workers());
  bool all = true;
  for (std::uint32_t worker = 0; worker < data_plane_.workers(); ++worker) {
    if (run.followed[worker]) continue;
    run.followed[worker] = data_plane_.publication().adopted(worker, run.revision);
    all = all && run.followed[worker];
  }
  return all;
}

void Switchboard::poll_adoption() {
  Running& run = *running_;
  if (run.revision == 0) return finish();
  const base::Instant now = base::monotonic_now();
  if (followed_by_all() || now >= run.deadline) return finish();
  if (!run.recorded && now >= run.published + timing_.unwritten_max) {
    record(run, run.plan.outcome);
    ledger_.flush();
  }
  // Workers tell when they follow; asking is for what they cannot tell: a worker that fell asleep,
  // or has ended.
  constexpr base::Duration kPollMin = base::kMillisecond;
  constexpr base::Duration kPollMax = 5 * base::kMillisecond;
  run.poll = run.poll == 0 ? kPollMin : std::min(run.poll + run.poll / 2, kPollMax);
  call_at(now + run.poll, &Switchboard::poll_adoption);
}

// A worker follows a newer revision than before.
void Switchboard::await_news() {
  news_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    lifetime_.guard([this](const boost::system::error_code& error) {
                      if (error) return;
                      ::eventfd_t count = 0;
                      (void)::eventfd_read(news_->native_handle(), &count);
                      await_news();
                      if (running_ && running_->stage == Stage::kAdopting) poll_adoption();
                    }));
}

}  // namespace shunt::control
