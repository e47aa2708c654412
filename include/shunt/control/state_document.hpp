// StateDocument: everything that outlives the process, by name (slots and positions belong to one
// reading of the file). Stored as JSON inside a checksummed slot (state_store.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/result.hpp"
#include "shunt/control/command.hpp"
#include "shunt/traffic/release.hpp"

namespace shunt::control {

// traffic::ReleaseState by names. Documents of builds before pools had states and generations lack
// what is marked so; read_release() (src/control/release_document.hpp) then tells it from the rest.
struct AppDocument {
  traffic::Epoch epoch = 1;
  std::string active;                                // pool
  std::vector<std::string> kept;                     // pools; the last left is at the back
  std::map<std::string, traffic::PoolRecord> pools;  // (lacking)
  std::string previous;                              // pool (lacking)
  traffic::Generation generations = 0;               // (lacking)
  traffic::ShareTerms split;
  std::int64_t confirm_by = 0;  // wall time in ms
  traffic::DecisionKind last = traffic::DecisionKind::kInitial;
  std::map<std::string, traffic::AdminState> admin;  // by node; those that are not ready
  std::optional<Receipt> receipt;                    // of the last decision
  // The decision of this very document was not acknowledged when the document was written; whether
  // it has been since, the store's acknowledgement record says.
  bool pending = false;
  bool recovered = false;  // found pending by a restart; until the app's next decision
  // The same for a command that moves no traffic, in words: "b1 is drain", "green#2 is prepared";
  // empty: none. Found pending by a restart until the next such command.
  std::string pending_nodes;
  std::string recovered_nodes;
  // Whose connections were being ended when this was written (drain deadlines, closings), in words,
  // so that a start can say what went with the process. Not a part of any decision.
  std::string ending;
};

// A command that was given with an operation id, and what it was answered (always kDone: a refusal
// changed nothing, so asking again is safe). On disk with all that a receipt shows.
struct OperationRecord {
  std::string key;
  std::int64_t wall_ms = 0;       // when it was answered, or begun
  std::uint64_t fingerprint = 0;  // of what was asked: a key is good for one command
  Outcome outcome;
  // The record's JSON, kept because a thousand of them go out with every decision; encode() sets
  // it.
  std::string encoded;
};

void encode(OperationRecord& record);

struct StateDocument {
  std::map<std::string, AppDocument> apps;
  // Oldest first; at most base::kOperationsKept, base::kOperationBytesKept together.
  std::vector<OperationRecord> operations;
};

// Records that are not encoded yet are encoded on the way.
[[nodiscard]] std::string serialize(const StateDocument& document);
// Never throws; an error names the member that is wrong.
[[nodiscard]] base::Result<StateDocument> parse_state_document(std::string_view json);

}  // namespace shunt::control
