// The memory order of every atomic access of the publication protocol (publication.hpp), and the
// only place where one stands: the product takes its orders from here, and so does the model
// (tests/model), which executes what each order allows. Weakening one that matters makes the
// model's test fail; strengthening costs time and breaks nothing.
#pragma once

#include <atomic>

namespace shunt::proxy {

struct PublicationOrders {
  // Worker, begin_turn: word.store. seq_cst with the three below: a worker that reads the old root
  // must be seen as online by whoever replaced it (store buffering; see publication.hpp).
  std::memory_order online_mark = std::memory_order_seq_cst;
  // Worker, begin_turn: root.load. seq_cst for the same reason: it may not be done before the mark
  // is seen. It is the acquire, too, that makes the root's contents visible.
  std::memory_order root_read = std::memory_order_seq_cst;
  // Worker, note_followed: word.store. Release: the re-pointing comes before it, for whoever hears
  // of it. Nothing is read after it that the publisher's side depends on, so it may be late.
  std::memory_order followed_note = std::memory_order_release;
  // Worker, go_offline: word.store. Release: the last use of the root comes before it, so that the
  // root may be freed. It may be late: it only takes longer until the worker counts as asleep.
  std::memory_order offline_mark = std::memory_order_release;
  // Worker, replaced: root.load. Relaxed, and nothing is weaker: it is a hint, the pointer is not
  // followed, and begin_turn makes it good.
  std::memory_order replaced_hint = std::memory_order_relaxed;

  // Publisher, publish: root.exchange. seq_cst: it is before the reads of the words that come
  // after it. It is the release, too, that makes the root's contents visible.
  std::memory_order exchange = std::memory_order_seq_cst;
  // Publisher, adopted: word.load. seq_cst: it may not be done before the exchange. It is the
  // acquire of what the worker re-pointed.
  std::memory_order adopted_read = std::memory_order_seq_cst;
  // Publisher, reclaim: word.load. seq_cst for the same reason, and the acquire of the worker's
  // last use of a root that is freed.
  std::memory_order reclaim_read = std::memory_order_seq_cst;
};

inline constexpr PublicationOrders kPublicationOrders;

}  // namespace shunt::proxy
