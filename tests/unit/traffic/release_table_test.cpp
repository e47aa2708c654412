// The tables of docs/release.md are made from the machine; SHUNT_UPDATE_DOCS=1 writes them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "shunt/traffic/release.hpp"

namespace shunt::traffic {
namespace {

constexpr PoolId kBlue = 0;
constexpr PoolId kGreen = 1;
constexpr const char* kNames[] = {"blue", "green", "red"};

ReleaseState after(const ReleaseState& state, ReleaseVerb verb, PoolId pool = kNoPool,
                   std::int64_t confirm_by = 0) {
  const ReleaseStep step = traffic::step(
      state, {.verb = verb, .pool = pool, .split = {.share = 50'000}, .confirm_by = confirm_by});
  EXPECT_EQ(step.verdict, ReleaseVerdict::kChange) << to_string(verb);
  return step.next;
}

// Blue is live, green and red are built.
ReleaseState start() {
  return initial_release({true, true, true}, kBlue);
}

// An app whose pool `pool` is in that state.
struct Case {
  ReleaseState state;
  PoolId pool;
};
Case case_of(PoolState wanted) {
  switch (wanted) {
    case PoolState::kRetired:
      return {after(after(start(), ReleaseVerb::kRetire, kGreen), ReleaseVerb::kEmptied, kGreen),
              kGreen};
    case PoolState::kStandby:
      return {start(), kGreen};
    case PoolState::kCanary:
      return {after(start(), ReleaseVerb::kSplit, kGreen), kGreen};
    case PoolState::kTrial:
      return {after(start(), ReleaseVerb::kSwitch, kGreen, 1), kGreen};
    case PoolState::kActive:
      return {start(), kBlue};
    case PoolState::kKept:
      return {after(start(), ReleaseVerb::kSwitch, kGreen), kBlue};
    case PoolState::kRejected:
      return {after(after(start(), ReleaseVerb::kSwitch, kGreen, 1), ReleaseVerb::kExpired),
              kGreen};
    case PoolState::kRetiring:
      return {after(start(), ReleaseVerb::kRetire, kGreen), kGreen};
  }
  return {};
}

struct Column {
  std::string title;
  ReleaseVerb verb;
  std::int64_t confirm_by = 0;
};

std::string answer(const ReleaseStep& step) {
  if (step.verdict == ReleaseVerdict::kAlready) return "–";
  return "refused: " + std::string(to_string(step.verdict));
}

std::string row(const std::string& head, const std::vector<std::string>& cells) {
  std::string line = "| " + head + " |";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

std::string table(const std::string& corner, const std::vector<std::string>& titles,
                  const std::string& rows) {
  return row(corner, titles) + row("---", std::vector<std::string>(titles.size(), "---")) + rows;
}

std::string by_pool() {
  const std::vector<Column> columns = {
      {"prepare", ReleaseVerb::kPrepare},     {"split", ReleaseVerb::kSplit},
      {"switch", ReleaseVerb::kSwitch},       {"switch --confirm-within", ReleaseVerb::kSwitch, 1},
      {"confirm", ReleaseVerb::kConfirm},     {"rollback --to", ReleaseVerb::kRollback},
      {"retire", ReleaseVerb::kRetire},       {"retire --undo", ReleaseVerb::kUnretire},
      {"*verified*", ReleaseVerb::kVerified}, {"*empty*", ReleaseVerb::kEmptied}};
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(column.title);
  std::string rows;
  for (const PoolState wanted : kPoolStates) {
    const Case one = case_of(wanted);
    EXPECT_EQ(state_of(one.state, one.pool), wanted);
    std::vector<std::string> cells;
    for (const Column& column : columns) {
      // Another share than the one that it has.
      const ReleaseStep step = traffic::step(one.state, {.verb = column.verb,
                                                         .pool = one.pool,
                                                         .split = {.share = 100'000},
                                                         .confirm_by = column.confirm_by});
      cells.push_back(step.verdict == ReleaseVerdict::kChange
                          ? "→ " + std::string(to_string(state_of(step.next, one.pool)))
                          : answer(step));
    }
    rows += row("**" + std::string(to_string(wanted)) + "**", cells);
  }
  return table("a pool that is", titles, rows);
}

std::string by_app() {
  const ReleaseState green = after(start(), ReleaseVerb::kSwitch, kGreen);
  const std::vector<std::pair<std::string, ReleaseState>> situations = {
      {"blue is live since the start", start()},
      {"switched to green", green},
      {"rolled back to blue", after(green, ReleaseVerb::kRollback)},
      {"green takes a share", after(start(), ReleaseVerb::kSplit, kGreen)},
      {"green is in trial", after(start(), ReleaseVerb::kSwitch, kGreen, 1)}};
  const std::vector<Column> columns = {{"split off", ReleaseVerb::kSplitOff},
                                       {"confirm", ReleaseVerb::kConfirm},
                                       {"rollback", ReleaseVerb::kRollback},
                                       {"abort", ReleaseVerb::kAbort},
                                       {"*not confirmed in time*", ReleaseVerb::kExpired},
                                       {"*rejected by the guard*", ReleaseVerb::kRejected}};
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(column.title);
  std::string rows;
  for (const auto& [name, state] : situations) {
    std::vector<std::string> cells;
    for (const Column& column : columns) {
      const ReleaseStep step = traffic::step(state, {.verb = column.verb});
      std::string cell;
      for (PoolId pool = 0; pool < state.pools.size(); ++pool) {
        if (state_of(step.next, pool) == state_of(state, pool)) continue;
        cell += (cell.empty() ? "" : ", ") + std::string(kNames[pool]) + " → " +
                std::string(to_string(state_of(step.next, pool)));
      }
      cells.push_back(step.verdict == ReleaseVerdict::kChange ? cell : answer(step));
    }
    rows += row(name, cells);
  }
  return table("an app where", titles, rows);
}

constexpr const char* kPath = SHUNT_SOURCE_DIR "/docs/release.md";

std::string read_document() {
  std::ifstream file(kPath);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What stands between the two marks.
void expect_in_document(const std::string& name, const std::string& made) {
  const std::string begin = "<!-- made: " + name + " -->\n";
  const std::string end = "<!-- end -->";
  std::string text = read_document();
  const std::size_t from = text.find(begin);
  ASSERT_NE(from, std::string::npos) << kPath << " has no mark of " << name;
  const std::size_t to = text.find(end, from);
  ASSERT_NE(to, std::string::npos);
  const std::size_t first = from + begin.size();
  if (std::getenv("SHUNT_UPDATE_DOCS") != nullptr) {
    std::ofstream(kPath) << text.replace(first, to - first, made);
    return;
  }
  EXPECT_EQ(text.substr(first, to - first), made)
      << "docs/release.md is not what the machine does; SHUNT_UPDATE_DOCS=1 writes it anew";
}

TEST(ReleaseTable, OfThePoolStatesIsInTheDocument) {
  expect_in_document("by pool", by_pool());
}

TEST(ReleaseTable, OfTheWaysBackIsInTheDocument) {
  expect_in_document("by app", by_app());
}

}  // namespace
}  // namespace shunt::traffic
