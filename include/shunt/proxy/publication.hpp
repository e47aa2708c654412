// The publication protocol: one root pointer, replaced by one atomic exchange; workers read it once
// a turn and say which revision they follow. The exchange is the switch.
//
// A worker's word: revision << 2 | connecting << 1 | online.
//   online      it may hold a root pointer that it read since its last mark
//   connecting  it has relays whose connect is under way on behalf of some root
//   revision    it has read this revision, and all of its connecting relays follow it
//
// Worker, on waking, once a turn, and between completions when the root was replaced:
//                                     word.store(online | revision, seq_cst); root.load(seq_cst).
// Worker, when its connecting relays follow that root:
//                                     word.store(online | that root's revision, release).
// Worker, before it enters the kernel: word.store(offline | connecting | revision, release), after
//                                     the last use of the root.
// Publisher:                          root.exchange(next, seq_cst), then reads every word seq_cst.
//
// A waking worker's online mark may still be in its store buffer while it reads the old root; the
// two seq_cst operations on each side forbid that the publisher misses the mark *and* the worker
// misses the new root (store buffering). The orders stand in publication_orders.hpp; tests/model
// reads them there, proves the protocol with them by exhaustion, and fails with any of them that is
// weaker. There are no standalone fences: ThreadSanitizer does not model them.
//
// A word that is offline without `connecting` has adopted whatever is published: the worker will
// read the newest root when it wakes and nothing of it can reach an old pool. Every other worker is
// woken and has adopted once its revision is the published one or later.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "shunt/base/clock.hpp"
#include "shunt/base/own_lines.hpp"
#include "shunt/proxy/publication_orders.hpp"
#include "shunt/traffic/table.hpp"

namespace shunt::proxy {

class Publication {
 public:
  // `first` must be a complete root: there is never a moment without one.
  Publication(std::uint32_t workers, std::unique_ptr<const traffic::RoutingRoot> first);
  ~Publication();  // all workers have ended
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  // ---- Worker's side. Only the thread of worker `index` calls these.

  // Marks the worker online at `revision` (the one that it follows entirely) and reads the root.
  // The pointer is good until the next call of begin_turn or go_offline by this worker.
  const traffic::RoutingRoot* begin_turn(std::uint32_t index, traffic::Revision revision,
                                         bool connecting) noexcept {
    words_[index].value.store(encode(revision, connecting, true), kPublicationOrders.online_mark);
    return root_.load(kPublicationOrders.root_read);
  }
  // All connecting relays of the worker follow the root of `revision` that it holds: says so at
  // once rather than with its next mark.
  void note_followed(std::uint32_t index, traffic::Revision revision, bool connecting) noexcept {
    words_[index].value.store(encode(revision, connecting, true), kPublicationOrders.followed_note);
  }
  // Another root than this one is published: a hint, which begin_turn makes good.
  [[nodiscard]] bool replaced(const traffic::RoutingRoot* root) const noexcept {
    return root_.load(kPublicationOrders.replaced_hint) != root;
  }
  // Before the kernel is entered, where most of a worker's time goes; it holds no root pointer any
  // more.
  void go_offline(std::uint32_t index, traffic::Revision revision, bool connecting) noexcept {
    words_[index].value.store(encode(revision, connecting, false), kPublicationOrders.offline_mark);
  }

  // ---- Publisher's side. One thread: the control thread.

  // Replaces the root. Returns how long the exchange alone took. The old root is kept until
  // reclaim() finds that no worker can read it.
  base::Duration publish(std::unique_ptr<const traffic::RoutingRoot> next) noexcept;
  // The published root; stays valid until the control thread publishes again and reclaims.
  [[nodiscard]] const traffic::RoutingRoot& current() const noexcept { return *current_; }
  // True when worker `index` follows `revision` as described above.
  [[nodiscard]] bool adopted(std::uint32_t index, traffic::Revision revision) const noexcept;
  [[nodiscard]] bool adopted_by_all(traffic::Revision revision) const noexcept;
  // Frees the roots that no worker can read any more. Returns how many are still kept.
  std::size_t reclaim();

  [[nodiscard]] std::uint32_t workers() const noexcept {
    return static_cast<std::uint32_t>(words_.size());
  }

 private:
  struct alignas(base::kLinePair) Word {
    std::atomic<std::uint64_t> value{0};  // offline, nothing connecting, revision 0
  };
  static constexpr std::uint64_t encode(traffic::Revision revision, bool connecting,
                                        bool online) noexcept {
    return revision << 2 | (connecting ? 2U : 0U) | (online ? 1U : 0U);
  }

  // Read by every worker on every turn, written by a publication alone.
  alignas(base::kLinePair) std::atomic<const traffic::RoutingRoot*> root_;
  base::OwnLinesVector<Word> words_;
  // The publisher's.
  alignas(base::kLinePair) std::unique_ptr<const traffic::RoutingRoot> current_;
  std::vector<std::unique_ptr<const traffic::RoutingRoot>> retired_;  // oldest first
};

}  // namespace shunt::proxy
