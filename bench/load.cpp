#include "bench/load.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <random>

namespace shunt::bench {
namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

// An answer as far as it was read. Origins answer with a few hundred bytes.
struct Answer {
  std::array<char, 1024> bytes;
  std::size_t size = 0;

  [[nodiscard]] std::string_view text() const { return {bytes.data(), size}; }

  [[nodiscard]] std::string_view header(std::string_view name) const {
    const auto at = text().find(name);
    if (at == std::string_view::npos) return {};
    const auto begin = at + name.size();
    return text().substr(begin, text().find("\r\n", begin) - begin);
  }

  [[nodiscard]] bool complete() const {
    const auto head = text().find("\r\n\r\n");
    if (head == std::string_view::npos) return false;
    const std::string_view length = header("\r\nContent-Length: ");
    std::size_t body = 0;
    std::from_chars(length.data(), length.data() + length.size(), body);
    return size >= head + 4 + body;
  }
};

enum class State : std::uint8_t { kFree, kConnecting, kWaiting, kIdle };

struct Connection {
  UniqueFd fd;
  State state = State::kFree;
  bool keep_alive = false;
  std::uint32_t generation = 0;  // events of an earlier use of the slot are ignored
  Sample sample;
  Answer answer;
};

// Arrival times of a Poisson process.
class Schedule {
 public:
  Schedule(double per_s, Instant start, std::uint64_t seed)
      : random_(seed), gap_(per_s > 0 ? per_s / 1e9 : 1), next_(start), on_(per_s > 0) {
    advance();
  }
  [[nodiscard]] Instant next() const { return on_ ? next_ : ~Instant{0}; }
  void advance() { next_ += static_cast<Instant>(gap_(random_)); }

 private:
  std::mt19937_64 random_;
  std::exponential_distribution<double> gap_;
  Instant next_;
  bool on_;
};

class Generator {
 public:
  Generator(const LoadOptions& options, const std::function<void(const Sample&)>& on_end)
      : options_(options),
        on_end_(on_end),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        connections_(options.in_flight_max + options.keep_alive) {
    for (std::size_t i = connections_.size(); i-- > 0;) free_.push_back(i);
  }

  void run(const std::atomic<bool>& stop, Instant end) {
    // The default slack of 50 us would be added to every scheduled gap.
    ::prctl(PR_SET_TIMERSLACK, 1);
    Instant now = base::monotonic_now();
    Schedule opens(options_.connections_per_s, now, options_.seed);
    Schedule requests(options_.requests_per_s, now, options_.seed + 1);
    for (std::uint32_t i = 0; i < options_.keep_alive; ++i)
      open({.begun = now, .keep_alive = true});
    while (!stop.load(std::memory_order_relaxed) && (end == 0 || now < end)) {
      // A bounded burst, so that after a stall answers are still read between connects.
      for (int burst = 0; burst < 64 && opens.next() <= now; ++burst, opens.advance()) {
        open({.scheduled = opens.next()});
      }
      for (; requests.next() <= now; requests.advance()) waiting_.push_back(requests.next());
      send_waiting();
      const Instant due = std::min({opens.next(), requests.next(), now + 10 * base::kMillisecond});
      now = poll(now < due ? due - now : 0);
      expire(now);
    }
    const Instant last = now + options_.timeout;
    while (in_flight_ > 0 && now < last) now = poll(base::kMillisecond);
    expire(~Instant{0});
  }

 private:
  void open(Sample sample) {
    if (free_.empty() || in_flight_ >= options_.in_flight_max) {
      sample.begun = base::monotonic_now();
      finish(sample, Failure::kOverload);
      return;
    }
    Connection& connection = connections_[free_.back()];
    connection.sample = sample;
    connection.sample.begun = base::monotonic_now();
    connection.keep_alive = sample.keep_alive;
    connection.fd = begin_connect(options_.target);
    if (!connection.fd) {
      finish(connection.sample, Failure::kConnect);
      return;
    }
    const std::size_t slot = free_.back();
    free_.pop_back();
    connection.state = State::kConnecting;
    connection.answer.size = 0;
    ++in_flight_;
    order_.emplace_back(slot, ++connection.generation);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = key(slot)}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event);
  }

  [[nodiscard]] std::uint64_t key(std::size_t slot) const {
    return static_cast<std::uint64_t>(connections_[slot].generation) << 32 | slot;
  }

  void send_waiting() {
    while (!waiting_.empty() && !idle_.empty()) {
      const std::size_t slot = idle_.front();
      idle_.pop_front();
      Connection& connection = connections_[slot];
      connection.sample = {
          .scheduled = waiting_.front(), .begun = base::monotonic_now(), .keep_alive = true};
      connection.answer.size = 0;
      connection.state = State::kWaiting;
      waiting_.pop_front();
      ++in_flight_;
      order_.emplace_back(slot, ++connection.generation);
      // Stale events of the previous request carry the old generation; the descriptor is the same.
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = key(slot)}};
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
      send_request(slot);
    }
  }

  void send_request(std::size_t slot) {
    Connection& connection = connections_[slot];
    const auto sent = ::send(connection.fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(kRequest.size())) close(slot, Failure::kReset);
  }

  // Waits for events, at most wait; returns the time after handling them.
  Instant poll(Duration wait) {
    std::array<epoll_event, 256> events;
    const timespec timeout{.tv_sec = static_cast<time_t>(wait / base::kSecond),
                           .tv_nsec = static_cast<long>(wait % base::kSecond)};
    const int count = ::epoll_pwait2(epoll_.get(), events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const std::size_t slot = event.data.u64 & 0xffffffff;
      if (connections_[slot].generation == event.data.u64 >> 32) progress(slot, event.events);
    }
    return base::monotonic_now();
  }

  void progress(std::size_t slot, std::uint32_t events) {
    Connection& connection = connections_[slot];
    if (connection.state == State::kConnecting &&
        (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
      int error = 0;
      socklen_t length = sizeof error;
      ::getsockopt(connection.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) {
        close(slot, Failure::kConnect);
        return;
      }
      if (connection.keep_alive) {
        rest(slot);
        return;
      }
      connection.state = State::kWaiting;
      send_request(slot);
    }
    if (connection.state == State::kWaiting && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
      receive(slot);
    if (connection.state == State::kIdle && (events & (EPOLLERR | EPOLLHUP)) != 0)
      close(slot, Failure::kEnd);
  }

  void receive(std::size_t slot) {
    Connection& connection = connections_[slot];
    Answer& answer = connection.answer;
    for (;;) {
      const auto count = ::recv(connection.fd.get(), answer.bytes.data() + answer.size,
                                answer.bytes.size() - answer.size, 0);
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        close(slot, count < 0 ? Failure::kReset : Failure::kEnd);
        return;
      }
      answer.size += static_cast<std::size_t>(count);
      if (answer.complete()) break;
      if (answer.size == answer.bytes.size()) {
        close(slot, Failure::kAnswer);
        return;
      }
    }
    const auto color =
        std::find(options_.colors.begin(), options_.colors.end(), answer.header("\r\nX-Color: "));
    const bool good = answer.text().starts_with("HTTP/1.1 200") && color != options_.colors.end();
    connection.sample.color = static_cast<std::uint8_t>(color - options_.colors.begin());
    if (good && connection.keep_alive) {
      finish(connection.sample, Failure::kNone);
      rest(slot);
    } else {
      close(slot, good ? Failure::kNone : Failure::kAnswer);
    }
  }

  void rest(std::size_t slot) {
    connections_[slot].state = State::kIdle;
    --in_flight_;
    idle_.push_back(slot);
  }

  void close(std::size_t slot, Failure failure) {
    Connection& connection = connections_[slot];
    if (connection.state == State::kIdle) {
      idle_.erase(std::find(idle_.begin(), idle_.end(), slot));
    } else {
      --in_flight_;
    }
    connection.fd.reset();
    connection.state = State::kFree;
    ++connection.generation;
    free_.push_back(slot);
    finish(connection.sample, failure);
  }

  void finish(Sample& sample, Failure failure) {
    sample.failure = failure;
    sample.answered = base::monotonic_now();
    on_end_(sample);
  }

  // order_ holds what is in flight, oldest first, among finished ones.
  void expire(Instant now) {
    while (!order_.empty()) {
      const auto [slot, generation] = order_.front();
      Connection& connection = connections_[slot];
      const bool pending = connection.generation == generation && connection.state != State::kIdle;
      if (pending && now < connection.sample.begun + options_.timeout) return;
      order_.pop_front();
      if (pending) close(slot, Failure::kTimeout);
    }
  }

  const LoadOptions& options_;
  const std::function<void(const Sample&)>& on_end_;
  UniqueFd epoll_;
  std::vector<Connection> connections_;
  std::vector<std::size_t> free_;
  std::deque<std::size_t> idle_;
  std::deque<Instant> waiting_;  // scheduled requests that found no idle connection
  std::deque<std::pair<std::size_t, std::uint32_t>> order_;
  std::uint32_t in_flight_ = 0;
};

}  // namespace

const char* to_string(Failure failure) noexcept {
  constexpr std::array<const char*, kFailures> names{"none",   "connect", "reset",   "end",
                                                     "answer", "timeout", "overload"};
  return names[static_cast<std::size_t>(failure)];
}

void generate_load(const LoadOptions& options, const std::atomic<bool>& stop, Instant end,
                   const std::function<void(const Sample&)>& on_end) {
  Generator(options, on_end).run(stop, end);
}

}  // namespace shunt::bench
