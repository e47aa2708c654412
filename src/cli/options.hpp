// Flags that several verbs share, and how they are declared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shunt/base/clock.hpp"
#include "src/cli/parser.hpp"
#include "src/cli/wait_for.hpp"

namespace shunt::cli {

// Where the daemon is, and how to answer.
struct CommonOptions {
  std::string app = "-";  // "-" in a path: the only app
  std::string socket;
  bool json = false;
  std::optional<base::Duration> timeout;

  void declare(Parser& parser);
};

// The goal of that name among `goals`.
[[nodiscard]] std::optional<Goal> goal_of(const std::string& text, const std::vector<Goal>& goals);
// Why the text names none of them; nothing where it does.
[[nodiscard]] std::string wrong_with_goal(const std::string& text, const std::vector<Goal>& goals);

// Which of the flags for changing verbs one offers.
struct ChangeFlags {
  std::vector<Goal> goals;  // what --wait may name
  bool not_durable = false;
  bool force = false;
  std::string force_help;
};

struct ChangeOptions {
  std::optional<Goal> wait;
  bool dry_run = false;
  bool not_durable = false;
  bool force = false;
  std::string reason;
  std::string key;
  std::optional<std::uint64_t> if_epoch;

  void declare(Parser& parser, const ChangeFlags& flags);
};

}  // namespace shunt::cli
