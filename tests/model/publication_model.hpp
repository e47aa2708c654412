// An exhaustive model of the publication protocol (shunt/proxy/publication.hpp) on a machine with
// store buffers, as x86-TSO has them: a plain store waits in its thread's first-in-first-out
// buffer, invisible to other threads, until it drains at any later moment; a seq_cst store and an
// exchange drain the buffer and take effect at once; loads read memory (a thread's own pending
// stores first, but nobody here reads what it stores itself).
//
// ThreadSanitizer and stress tests see the orders that happen; this sees every order there is.
// States are finite: revisions are bounded, store buffers too, and a worker's turns need no bound
// because states that were seen before are not walked again.
//
// One worker's turn: mark online, read the root, re-point connects that are under way for an older
// root (some of them now, the others next turn), say so once all are, begin connects picked from
// the root, and either go on with the next turn (or with a root that came meanwhile, which is the
// same here) or mark itself offline and sleep. A connect may succeed at any moment, asleep too. The
// publisher replaces the root, judges workers and reclaims, in any order and as often as it likes,
// also before an earlier root was adopted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::model {

// One mistake each; the protocol is right with all of them false.
struct Faults {
  bool online_mark_is_release = false;  // not seq_cst: it may wait in the store buffer
  bool publisher_reads_before_exchange = false;
  bool connecting_bit_left_out = false;
  bool revision_advances_before_repointing = false;
  bool root_used_after_offline_mark = false;
  bool repointing_left_out = false;
  bool noted_before_repointing = false;
};

struct Limits {
  int workers = 1;       // 1 or 2
  int publications = 2;  // of revisions 1 to this; the first root is 0; at most 3
  int store_buffer = 2;  // pending stores of a worker; at most 3
};

struct Outcome {
  std::size_t states = 0;
  // Empty: no reachable state breaks an invariant. Else what is broken, and the shortest way there.
  std::string violation;
  std::vector<std::string> steps;
  // Revisions that were judged adopted by every worker in some state: shows that the exploration
  // got somewhere.
  int adopted_by_all = -1;
};

// Walks every interleaving, breadth first.
[[nodiscard]] Outcome explore(const Limits& limits, const Faults& faults);

}  // namespace shunt::model
