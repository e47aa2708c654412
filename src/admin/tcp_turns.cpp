#include "src/admin/tcp_turns.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace shunt::admin {
namespace {

constexpr base::Duration kRestFactor = 9;

}  // namespace

void TcpTurns::ask(std::string what, Work work, Done done) {
  waiting_.push_back({std::move(what), std::move(work), std::move(done)});
  next();
}

void TcpTurns::next() {
  if (busy_ || waiting_.empty()) return;
  const base::Instant now = options_.now();
  if (!hurry_ && now < rest_until_) {
    timer_.expires_after(std::chrono::nanoseconds(rest_until_ - now));
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
      const auto self = weak.lock();
      if (!cancelled && self) self->next();
    });
    return;
  }
  busy_ = true;
  post(&TcpTurns::run);
}

// Asio looks for what has become ready between two steps that are posted one after the other.
void TcpTurns::post(void (TcpTurns::*step)()) {
  boost::asio::post(io_, [weak = weak_from_this(), step] {
    if (const auto self = weak.lock()) (self.get()->*step)();
  });
}

void TcpTurns::run() {
  if (waiting_.empty()) {  // shut
    busy_ = false;
    return;
  }
  began_ = options_.now();
  const Work work = std::move(waiting_.front().work);
  const std::string what = std::move(waiting_.front().what);
  sharing_.push_back(std::move(waiting_.front().done));
  waiting_.pop_front();
  // Now and not when it is finished: whoever comes while workers are waited for must not be given
  // what was found out before.
  std::erase_if(waiting_, [&](Waiting& other) {
    if (other.what != what) return false;
    sharing_.push_back(std::move(other.done));
    return true;
  });
  work([weak = weak_from_this()](Answer answer) {
    if (const auto self = weak.lock()) self->finished(std::move(answer));
  });
}

void TcpTurns::finished(Answer answer) {
  const base::Instant now = options_.now();
  rest_until_ = now + std::min((now - began_) * kRestFactor, options_.rest_max);
  answer_ = std::move(answer);
  post(&TcpTurns::give);
}

// One at a time: a large answer takes a millisecond to copy into a socket.
void TcpTurns::give() {
  if (!sharing_.empty()) {
    const Done done = std::move(sharing_.front());
    sharing_.pop_front();
    done(sharing_.empty() ? std::exchange(answer_, {}) : answer_);
  }
  if (!sharing_.empty()) return post(&TcpTurns::give);
  busy_ = false;
  next();
}

void TcpTurns::hurry() {
  hurry_ = true;
  timer_.cancel();
  next();
}

void TcpTurns::shut() {
  waiting_.clear();
  sharing_.clear();
  timer_.cancel();
}

}  // namespace shunt::admin
