// The real files behind StateStore: the locked directory and DIR/decisions.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shunt/base/result.hpp"
#include "shunt/base/unique_fd.hpp"
#include "shunt/control/state_store.hpp"

namespace shunt::control {

struct StateLock {
  base::UniqueFd fd;
  bool used = false;  // DIR/lock says that DIR/decisions was there once
};

// Creates the directory where it is missing and takes DIR/lock, which then holds our pid. Error of
// kConflict: another process has it.
[[nodiscard]] base::Result<StateLock> lock_state_directory(const std::string& dir);
// Notes in DIR/lock whether DIR/decisions was there: a first start that failed before is no use of
// the directory. What cannot be noted costs a warning later.
void note_used(StateLock& lock, bool used);

// Null when DIR/decisions does not exist.
[[nodiscard]] base::Result<std::unique_ptr<StateFile>> open_decisions(const std::string& dir);
// Writes `content` into a new file of full size, syncs it and only then gives it its name, so that
// a crash never leaves a half-made DIR/decisions. Zeros are written rather than reserved: a first
// write into reserved extents would cost a journal commit at the first decision.
[[nodiscard]] base::Result<std::unique_ptr<StateFile>> create_decisions(const std::string& dir,
                                                                        std::string_view content);
// Renames DIR/decisions to DIR/decisions.set-aside-SECONDS, or -SECONDS-N where that is taken, and
// returns that path; empty where there is nothing to set aside.
[[nodiscard]] base::Result<std::string> set_decisions_aside(const std::string& dir);

}  // namespace shunt::control
