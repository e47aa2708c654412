// An exhaustive model of the publication protocol (shunt/proxy/publication.hpp), which takes the
// memory order of each access from where the product does (publication_orders.hpp) and executes
// what that order allows:
//   seq_cst     takes effect at once and in its place, after what is in the thread's store buffer.
//   store       of a weaker order: waits in its thread's first-in-first-out buffer, invisible to
//               other threads, until it drains at any later moment, as on x86.
//   load        of a weaker order: may be done before the thread's own stores that precede it, as
//               on Arm: the worker's root read before its mark, the publisher's reads of words
//               before its exchange. So may they where the exchange itself is weaker.
//   no release, no acquire: what comes before the store is not ordered before what follows the load
//               that sees it. That is broken where it would be needed: for the contents of a root,
//               for the last use of one that is freed, for a connect that was taken back.
// Loads read memory (a thread's own pending stores first, but nobody here reads what it stores
// itself).
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

#include "shunt/proxy/publication_orders.hpp"

namespace shunt::model {

// One mistake of the program each; the protocol is right with all of them false. Mistakes of the
// orders are planted by other orders.
struct Faults {
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
[[nodiscard]] Outcome explore(const Limits& limits, const Faults& faults,
                              const proxy::PublicationOrders& orders = proxy::kPublicationOrders);

}  // namespace shunt::model
