// TcpTurns bounds what readers over TCP cost the control thread. Loopback TCP is open to every
// local user, and a scrape of thousands of nodes takes 100 ms: a few readers in a tight loop would
// leave no time for commands. So what takes time to put together is done for one of them at a time
// and behind whatever else is ready, and then rests nine times as long as it took: readers get a
// tenth of the thread. Whoever asked for the same before it began shares the answer,
// which is never older than its request. What waits for workers besides has turns of its own (Turn
// in routes.hpp), a tenth of the thread again. Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "shunt/base/clock.hpp"
#include "src/admin/answer.hpp"

namespace shunt::admin {

class TcpTurns final : public std::enable_shared_from_this<TcpTurns> {
 public:
  using Done = std::function<void(Answer)>;
  // Makes an answer and calls its argument with it once, possibly after it has returned.
  using Work = std::function<void(Done)>;
  struct Options {
    // Where an answer waits for workers, not all of its time was the control thread's.
    base::Duration rest_max = base::kSecond;
    std::function<base::Instant()> now = base::monotonic_now;
  };

  TcpTurns(boost::asio::io_context& io, Options options)
      : io_(io), options_(std::move(options)), timer_(io) {}

  // what: the same for those whose answer is the same. done: called once, never before this
  // returns; not at all after shut().
  void ask(std::string what, Work work, Done done);
  // The server stops: nobody rests any more.
  void hurry();
  // Forgets whoever waits.
  void shut();

 private:
  struct Waiting {
    std::string what;
    Work work;
    Done done;
  };
  void next();
  void run();
  void finished(Answer answer);
  void give();
  void post(void (TcpTurns::*step)());

  boost::asio::io_context& io_;
  const Options options_;
  boost::asio::steady_timer timer_;
  std::deque<Waiting> waiting_;
  std::deque<Done> sharing_;  // to whom what is made, and then answer_, is to be given
  Answer answer_;
  base::Instant began_ = 0;
  base::Instant rest_until_ = 0;
  bool busy_ = false;  // from the turn's post until its last answer is given
  bool hurry_ = false;
};

}  // namespace shunt::admin
