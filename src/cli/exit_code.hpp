// The exit codes of every verb; docs/cli.md and `shunt VERB --help` list them in these words.
#pragma once

namespace shunt::cli {

enum ExitCode : int {
  kDone = 0,
  // Not found, not persisted, no answer to a reading verb or none that is understood, standard
  // output not written; diff: there is drift.
  kFailed = 1,
  kUsage = 2,          // the command line, or the request, makes no sense
  kRefused = 3,        // gates or rules; nothing changed
  kTimedOut = 4,       // the waiting ended, the change stands
  kEpochMoved = 5,     // --if-epoch did not match; nothing changed
  kUnreachable = 6,    // no daemon there; nothing was sent
  kUnknown = 7,        // sent, no answer: it may or may not have happened
  kAborted = 8,        // undone by someone while waiting
  kInterrupted = 130,  // SIGINT, as the shell has it (128 + 2)
};

}  // namespace shunt::cli
