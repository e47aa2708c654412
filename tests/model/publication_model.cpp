#include "tests/model/publication_model.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "shunt/base/check.hpp"

namespace shunt::model {
namespace {

constexpr int kWorkersMax = 2;
constexpr int kBufferMax = 3;
constexpr std::int8_t kNone = -1;

bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}
bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}
bool in_place(std::memory_order order) {
  return order == std::memory_order_seq_cst;
}

// What the protocol's word says, and whether a release store has said it.
struct Word {
  std::int8_t revision = 0;
  bool connecting = false;
  bool online = false;
  bool released = true;  // the first: threads begin after it
};

enum class Place : std::int8_t { kAsleep, kReadEarly, kMarked, kInTurn, kOfflineButUsing };

struct Worker {
  Place place = Place::kAsleep;
  std::int8_t follows = 0;      // the revision that its next mark will say
  std::int8_t root = kNone;     // the root pointer that it holds
  std::int8_t connect = kNone;  // the root on whose behalf a connect is under way
  std::int8_t pending = 0;      // stores in its buffer
  std::uint8_t used = 0;        // the roots that it has used and that are not freed, a bit each
  std::int8_t left = kNone;     // the oldest root whose connect it took back, until that is known
  std::array<Word, kBufferMax> buffer{};
};

enum class PublisherPlace : std::int8_t { kIdle, kReadEarly, kExchanged, kReclaiming };

struct Publisher {
  PublisherPlace place = PublisherPlace::kIdle;
  std::int8_t next_word = 0;              // the word that it reads next while reclaiming
  std::int8_t oldest_read = 0;            // of the words read so far
  std::array<Word, kWorkersMax> early{};  // words read before the exchange (too weak orders)
};

// Everything in bytes, so that a state is its own key.
struct State {
  std::int8_t root = 0;                   // memory: the published root
  std::int8_t reclaimed_below = 0;        // roots that are freed
  std::array<Word, kWorkersMax> words{};  // memory
  std::array<Worker, kWorkersMax> workers{};
  std::array<std::int8_t, kWorkersMax> judged{};  // what the publisher judged adopted, by worker
  Publisher publisher;
};
static_assert(std::has_unique_object_representations_v<State>, "no padding in a key");

std::string key_of(const State& state) {
  return {reinterpret_cast<const char*>(&state), sizeof(state)};
}
State state_of(const std::string& key) {
  State state;
  std::memcpy(&state, key.data(), sizeof(state));
  return state;
}

bool is_adopted(const Word& word, std::int8_t revision) {
  return (!word.online && !word.connecting) || word.revision >= revision;
}

class Explorer {
 public:
  Explorer(const Limits& limits, const Faults& faults, const proxy::PublicationOrders& orders)
      : limits_(limits), faults_(faults), orders_(orders) {}

  Outcome run() {
    add(State{}, "", "start");
    while (!open_.empty() && outcome_.violation.empty()) {
      from_ = std::move(open_.front());
      open_.pop_front();
      const State state = state_of(from_);
      note_progress(state);
      for (int i = 0; i < limits_.workers; ++i) step_worker(state, i);
      step_publisher(state);
    }
    outcome_.states = seen_.size();
    return std::move(outcome_);
  }

 private:
  struct Origin {
    std::string from;
    std::string step;
  };

  // ---- A worker's steps.

  void step_worker(const State& state, int i) {
    const Worker& worker = state.workers[i];
    if (worker.pending > 0) {
      next(state, i, "store buffer drains", [&](State& s) { drain_one(s, i); });
    }
    if (worker.connect != kNone) {
      next(state, i, "connect succeeds", [&](State& s) {
        if (worker.connect < state.judged[i]) violate("a connect to a left pool succeeded");
        s.workers[i].connect = kNone;
      });
    }
    switch (worker.place) {
      case Place::kAsleep:
        begin_turn(state, i, "wakes");
        break;
      case Place::kReadEarly:
        mark_online(state, i, "marks itself online after all");
        break;
      case Place::kMarked:
        next(state, i, "reads the root", [&](State& s) { read_root(s, i); });
        break;
      case Place::kInTurn:
        step_in_turn(state, i);
        break;
      case Place::kOfflineButUsing:
        next(state, i, "uses its root once more and sleeps", [&](State& s) {
          use_root(s, i);
          s.workers[i].root = kNone;
          s.workers[i].place = Place::kAsleep;
        });
        break;
    }
  }

  void step_in_turn(const State& state, int i) {
    const Worker& worker = state.workers[i];
    const bool behind = worker.connect != kNone && worker.connect < worker.root;
    if (behind && !faults_.repointing_left_out) {
      next(state, i, "re-points its connect", [&](State& s) { begin_connect(s, i); });
    }
    if (worker.connect == kNone) {
      next(state, i, "begins a connect", [&](State& s) { begin_connect(s, i); });
    }
    begin_turn(state, i, "begins its next turn");
    if (worker.pending < limits_.store_buffer && (!behind || faults_.noted_before_repointing)) {
      next(state, i, "says that it follows its root", [&](State& s) {
        s.workers[i].follows = s.workers[i].root;
        store(s, i, worker_word(s.workers[i], true, orders_.followed_note), orders_.followed_note);
      });
    }
    if (worker.pending < limits_.store_buffer) {
      next(state, i, "marks itself offline", [&](State& s) {
        settle(s.workers[i]);
        store(s, i, worker_word(s.workers[i], false, orders_.offline_mark), orders_.offline_mark);
        if (faults_.root_used_after_offline_mark) {
          s.workers[i].place = Place::kOfflineButUsing;
        } else {
          s.workers[i].root = kNone;
          s.workers[i].place = Place::kAsleep;
        }
      });
    }
  }

  void begin_turn(const State& state, int i, std::string_view what) {
    mark_online(state, i, std::string(what) + " and marks itself online");
    if (in_place(orders_.root_read)) return;
    next(state, i, std::string(what) + " and reads the root before its mark", [&](State& s) {
      settle(s.workers[i]);
      s.workers[i].root = state.root;
      s.workers[i].place = Place::kReadEarly;
    });
  }

  void mark_online(const State& state, int i, std::string_view what) {
    if (!in_place(orders_.online_mark) && state.workers[i].pending >= limits_.store_buffer) return;
    next(state, i, what, [&](State& s) {
      Worker& worker = s.workers[i];
      const bool early = worker.place == Place::kReadEarly;
      if (!early) {
        settle(worker);
        worker.root = kNone;
        worker.place = Place::kMarked;
      }
      store(s, i, worker_word(worker, true, orders_.online_mark), orders_.online_mark);
      if (early) take_root(s, i, worker.root);
    });
  }

  void read_root(State& state, int i) { take_root(state, i, state.root); }
  // Its revision is read at once.
  void take_root(State& state, int i, std::int8_t root) {
    Worker& worker = state.workers[i];
    worker.root = root;
    worker.place = Place::kInTurn;
    if (root != 0 && !(acquires(orders_.root_read) && releases(orders_.exchange))) {
      violate("a root was used whose contents may not be visible yet");
    }
    use_root(state, i);
    if (faults_.revision_advances_before_repointing) worker.follows = root;
  }

  // At the end of a turn the worker follows its root, if no connect is left for an older one.
  void settle(Worker& worker) const {
    if (worker.root == kNone) return;
    const bool behind = worker.connect != kNone && worker.connect < worker.root;
    if (!behind || faults_.repointing_left_out) worker.follows = worker.root;
  }

  [[nodiscard]] Word worker_word(const Worker& worker, bool online, std::memory_order order) const {
    return {worker.follows, worker.connect != kNone && !faults_.connecting_bit_left_out, online,
            releases(order)};
  }

  void begin_connect(State& state, int i) {
    Worker& worker = state.workers[i];
    use_root(state, i);
    if (worker.root < state.judged[i]) violate("a connect began on a root older than the adopted");
    if (remembers_ && worker.connect != kNone && worker.left == kNone) worker.left = worker.connect;
    worker.connect = worker.root;
  }

  void use_root(State& state, int i) {
    Worker& worker = state.workers[i];
    if (worker.root < state.reclaimed_below) violate("a reclaimed root was dereferenced");
    if (remembers_) worker.used |= static_cast<std::uint8_t>(1U << worker.root);
  }

  static void store(State& state, int i, const Word& word, std::memory_order order) {
    Worker& worker = state.workers[i];
    if (in_place(order)) {
      while (worker.pending > 0) drain_one(state, i);
      state.words[i] = word;
      return;
    }
    SHUNT_CHECK(worker.pending < kBufferMax);
    worker.buffer[worker.pending++] = word;
  }

  static void drain_one(State& state, int i) {
    Worker& worker = state.workers[i];
    state.words[i] = worker.buffer[0];
    std::shift_left(worker.buffer.begin(), worker.buffer.end(), 1);
    worker.buffer[--worker.pending] = {};  // equal states have equal keys
  }

  // ---- The publisher's steps.

  void step_publisher(const State& state) {
    switch (state.publisher.place) {
      case PublisherPlace::kIdle:
        publish(state);
        judge(state);
        next(state, kNone, "begins to reclaim", [&](State& s) {
          s.publisher.place = PublisherPlace::kReclaiming;
          s.publisher.oldest_read = state.root;
        });
        break;
      case PublisherPlace::kReadEarly:
        next(state, kNone, "exchanges the root", [](State& s) {
          ++s.root;
          s.publisher.place = PublisherPlace::kExchanged;
        });
        break;
      case PublisherPlace::kExchanged:
        act_on_early_reads(state);
        break;
      case PublisherPlace::kReclaiming:
        reclaim(state);
        break;
    }
  }

  void publish(const State& state) {
    if (state.root == limits_.publications) return;
    next(state, kNone, "exchanges the root", [](State& s) { ++s.root; });
    if (in_place(orders_.exchange) && in_place(orders_.adopted_read) &&
        in_place(orders_.reclaim_read)) {
      return;
    }
    next(state, kNone, "reads every word before its exchange", [&](State& s) {
      s.publisher.place = PublisherPlace::kReadEarly;
      s.publisher.early = state.words;
    });
  }

  void act_on_early_reads(const State& state) {
    if (!in_place(orders_.exchange) || !in_place(orders_.adopted_read)) {
      next(state, kNone, "judges by what it read early", [&](State& s) {
        s.publisher = {};
        for (int i = 0; i < limits_.workers; ++i) judge_by(s, i, state.publisher.early[i]);
      });
    }
    if (!in_place(orders_.exchange) || !in_place(orders_.reclaim_read)) {
      next(state, kNone, "reclaims by what it read early", [&](State& s) {
        s.publisher = {.oldest_read = state.root};
        for (int i = 0; i < limits_.workers; ++i) reclaim_by(s, i, state.publisher.early[i]);
        free_roots(s);
      });
    }
  }

  void judge(const State& state) {
    for (int i = 0; i < limits_.workers; ++i) {
      next(state, kNone, i == 0 ? "judges worker 0" : "judges worker 1",
           [&](State& s) { judge_by(s, i, s.words[i]); });
    }
  }

  void judge_by(State& state, int i, const Word& word) {
    if (!is_adopted(word, state.root)) return;
    Worker& worker = state.workers[i];
    state.judged[i] = std::max(state.judged[i], state.root);
    if (worker.connect != kNone && worker.connect < state.judged[i]) {
      violate("judged adopted with a connect to a left pool under way");
    }
    if (worker.left != kNone && worker.left < state.judged[i]) {
      if (!word.released || !acquires(orders_.adopted_read)) {
        violate("judged adopted, but a connect to a left pool was not taken back before");
      }
      worker.left = kNone;
    }
  }

  // One word a step, as reclaim() reads them; then everything older than the oldest is freed.
  void reclaim(const State& state) {
    const int i = state.publisher.next_word;
    if (i < limits_.workers) {
      next(state, kNone, "reads a word to reclaim by", [&](State& s) {
        reclaim_by(s, i, s.words[i]);
        ++s.publisher.next_word;
      });
      return;
    }
    next(state, kNone, "reclaims", [](State& s) { free_roots(s); });
  }

  void reclaim_by(State& state, int i, const Word& word) {
    std::int8_t& oldest_read = state.publisher.oldest_read;
    const std::int8_t bound = word.online ? std::min(state.root, word.revision) : state.root;
    oldest_read = std::min(oldest_read, bound);
    const unsigned older = (1U << bound) - 1;
    if ((state.workers[i].used & older) != 0 &&
        !(word.released && acquires(orders_.reclaim_read))) {
      violate("a root may be freed before its last use");
    }
  }

  static void free_roots(State& state) {
    state.reclaimed_below = std::max(state.reclaimed_below, state.publisher.oldest_read);
    const unsigned freed = (1U << state.reclaimed_below) - 1;
    for (Worker& worker : state.workers) worker.used &= static_cast<std::uint8_t>(~freed);
    state.publisher = {};
  }

  // ---- The graph.

  template <class Change>
  void next(const State& state, int worker, std::string_view what, Change&& change) {
    if (!outcome_.violation.empty()) return;
    State changed = state;
    change(changed);
    std::string step = worker == kNone ? "publisher " : "worker " + std::to_string(worker) + " ";
    step += what;
    if (!broken_.empty()) {
      outcome_.violation = std::exchange(broken_, {});
      outcome_.steps.push_back(std::move(step));
      for (std::string key = from_; !key.empty(); key = seen_.at(key).from) {
        outcome_.steps.push_back(seen_.at(key).step);
      }
      std::reverse(outcome_.steps.begin(), outcome_.steps.end());
      return;
    }
    add(changed, from_, step);
  }

  void add(const State& state, const std::string& from, std::string step) {
    const std::string key = key_of(state);
    if (seen_.try_emplace(key, Origin{from, std::move(step)}).second) open_.push_back(key);
  }

  void violate(std::string_view what) { broken_ = what; }

  void note_progress(const State& state) {
    int least = state.judged[0];
    for (int i = 1; i < limits_.workers; ++i) least = std::min<int>(least, state.judged[i]);
    outcome_.adopted_by_all = std::max(outcome_.adopted_by_all, least);
  }

  const Limits limits_;
  const Faults faults_;
  const proxy::PublicationOrders orders_;
  // What a worker did in the past is asked only where some word is not released or not acquired;
  // to keep it in mind in any case multiplies the states by ten.
  const bool remembers_ = !(releases(orders_.online_mark) && releases(orders_.followed_note) &&
                            releases(orders_.offline_mark) && acquires(orders_.adopted_read) &&
                            acquires(orders_.reclaim_read));
  std::unordered_map<std::string, Origin> seen_;
  std::deque<std::string> open_;
  std::string from_;    // the state whose steps are being taken
  std::string broken_;  // set by the step being taken
  Outcome outcome_;
};

}  // namespace

Outcome explore(const Limits& limits, const Faults& faults,
                const proxy::PublicationOrders& orders) {
  return Explorer(limits, faults, orders).run();
}

}  // namespace shunt::model
