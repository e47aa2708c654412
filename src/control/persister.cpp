#include "shunt/control/persister.hpp"

#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "shunt/base/check.hpp"
#include "shunt/control/scheduling.hpp"
#include "shunt/control/starting.hpp"

namespace shunt::control {
namespace {

// Control submits one command at a time, a background write and notes; a stuck disk must not pile
// up more than the commands that time out behind it.
constexpr std::size_t kJobsMax = 256;

int open_eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

}  // namespace

Persister::Persister(StateStore store, const boost::asio::any_io_executor& control)
    : store_(std::move(store)),
      syncs_(store_.syncs()),
      news_(control, open_eventfd()),
      held_(serialize(store_.loaded().document)),
      thread_(starting("the thread that writes decisions",
                       [this] { return std::thread([this] { run(); }); })) {
  await_answers();
}

Persister::~Persister() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

Persister::Ticket Persister::submit(std::string json, Done done) {
  Job job{++last_ticket_, std::move(json), std::move(done), base::monotonic_now()};
  {
    const std::lock_guard guard(mutex_);
    SHUNT_CHECK(jobs_.size() < kJobsMax);
    jobs_.push_back(std::move(job));
  }
  wanted_.notify_one();
  return last_ticket_;
}

bool Persister::cancel(Ticket ticket) {
  const std::lock_guard guard(mutex_);
  return std::erase_if(jobs_, [&](const Job& job) { return job.ticket == ticket; }) != 0;
}

LastWrite Persister::finish(std::string json, base::Duration bound) {
  Job job;
  job.json = std::move(json);
  job.submitted = base::monotonic_now();
  job.last = true;
  std::unique_lock lock(mutex_);
  jobs_.push_back(std::move(job));
  wanted_.notify_one();
  LastWrite result;
  result.in_time = last_done_.wait_for(lock, std::chrono::nanoseconds(bound),
                                       [this] { return last_.has_value(); });
  if (result.in_time) result.write = *last_;
  result.held = held_;
  return result;
}

void Persister::acknowledge(std::uint64_t sequence) {
  {
    const std::lock_guard guard(mutex_);
    // A note that still waits is outdated by this one.
    if (!jobs_.empty() && jobs_.back().acknowledged != 0) {
      jobs_.back().acknowledged = sequence;
      return;
    }
    jobs_.emplace_back().acknowledged = sequence;
  }
  wanted_.notify_one();
}

void Persister::run() {
  ::pthread_setname_np(::pthread_self(), "shunt-persist");
  prefer_short_slices();
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;  // stopping, and all is written
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    if (job.acknowledged != 0) {
      store_.acknowledge(job.acknowledged);
      continue;
    }
    PersistResult result;
    result.write = store_.write(job.json);
    result.durable = result.write.ok && syncs_;
    result.took = base::monotonic_now() - job.submitted;
    {
      const std::lock_guard guard(mutex_);
      if (result.write.ok) held_ = std::move(job.json);
      if (job.last) {
        last_ = std::move(result.write);
        last_done_.notify_one();
        continue;
      }
      answers_.push_back({std::move(job.done), std::move(result)});
    }
    (void)::eventfd_write(news_.native_handle(), 1);
  }
}

// Cancelled, with nothing of `this` touched, when the Persister goes.
void Persister::await_answers() {
  news_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this](const boost::system::error_code& error) {
                     if (error) return;
                     ::eventfd_t count = 0;
                     (void)::eventfd_read(news_.native_handle(), &count);
                     std::vector<Answer> answers;
                     {
                       const std::lock_guard guard(mutex_);
                       answers.swap(answers_);
                     }
                     await_answers();
                     for (Answer& answer : answers) {
                       if (answer.done) answer.done(std::move(answer.result));
                     }
                   });
}

}  // namespace shunt::control
