#include "bench/switch/report.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <functional>

namespace shunt::bench {
namespace {

std::string text(const char* format, double value) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

std::string time_text(std::uint64_t nanoseconds) {
  const auto value = static_cast<double>(nanoseconds);
  if (nanoseconds < 10'000) return text("%.2f us", value / 1e3);
  if (nanoseconds < 1'000'000) return text("%.0f us", value / 1e3);
  return text("%.2f ms", value / 1e6);
}

std::string spread_text(const Spread& spread) {
  return spread.count == 0 ? "–" : time_text(spread.p50) + " / " + time_text(spread.p99);
}

std::string quantiles_text(const std::array<std::uint64_t, 3>& values) {
  return values[0] == 0
             ? "–"
             : time_text(values[0]) + " / " + time_text(values[1]) + " / " + time_text(values[2]);
}

std::string ratio_text(const Ratio& ratio) {
  if (ratio.estimate == 0) return "–";
  return text("%.2f", ratio.estimate) + " (" + text("%.2f", ratio.low) + " to " +
         text("%.2f", ratio.high) + ")";
}

struct Line {
  const char* label;
  std::function<std::string(const Figures&)> value;
};

const std::vector<Line>& lines() {
  static const std::vector<Line> all{
      {"switches", [](const Figures& f) { return std::to_string(f.switches); }},
      {"round trip, not durable, p50 / p99",
       [](const Figures& f) { return spread_text(f.round_trip); }},
      {"round trip, durable", [](const Figures& f) { return spread_text(f.round_trip_durable); }},
      {"of which in the daemon, not durable",
       [](const Figures& f) { return spread_text(f.inside); }},
      {"persist", [](const Figures& f) { return spread_text(f.persist); }},
      {"store", [](const Figures& f) { return spread_text(f.store); }},
      {"adoption by all workers", [](const Figures& f) { return spread_text(f.adoption); }},
      {"command to first answer from the new pool",
       [](const Figures& f) {
         return spread_text(f.first_new) +
                (f.never_new == 0 ? "" : " (" + std::to_string(f.never_new) + " times none)");
       }},
      {"late connections",
       [](const Figures& f) {
         return f.late == 0 ? "0"
                            : std::to_string(f.late) + ", up to " + time_text(f.latest) + " after";
       }},
      {"errors", [](const Figures& f) { return std::to_string(f.errors); }},
      {"new connections", [](const Figures& f) { return std::to_string(f.connections); }},
      {"requests on kept ones", [](const Figures& f) { return std::to_string(f.requests); }},
      {"new, steady, p50 / p99 / p99.9",
       [](const Figures& f) { return quantiles_text(f.fresh.steady); }},
      {"new, within 5 ms of a switch",
       [](const Figures& f) { return quantiles_text(f.fresh.near); }},
      {"new, ratio of p99 (95 %)", [](const Figures& f) { return ratio_text(f.fresh.ratio[1]); }},
      {"new, ratio of p99.9 (95 %)", [](const Figures& f) { return ratio_text(f.fresh.ratio[2]); }},
      {"kept, steady, p50 / p99 / p99.9",
       [](const Figures& f) { return quantiles_text(f.kept.steady); }},
      {"kept, within 5 ms of a switch",
       [](const Figures& f) { return quantiles_text(f.kept.near); }},
      {"kept, ratio of p99 (95 %)", [](const Figures& f) { return ratio_text(f.kept.ratio[1]); }},
      {"kept, ratio of p99.9 (95 %)", [](const Figures& f) { return ratio_text(f.kept.ratio[2]); }},
  };
  return all;
}

std::vector<std::string> parts_of(const Report& report) {
  std::vector<std::string> parts;
  for (const Row& row : report.rows) {
    if (std::find(parts.begin(), parts.end(), row.part) == parts.end()) parts.push_back(row.part);
  }
  return parts;
}

boost::json::object spread_json(const Spread& spread) {
  return {{"count", spread.count},
          {"p50_ns", spread.p50},
          {"p99_ns", spread.p99},
          {"max_ns", spread.max}};
}

boost::json::object disturbance_json(const Disturbance& disturbance) {
  boost::json::object object;
  constexpr std::array<const char*, 3> names{"p50", "p99", "p99.9"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Ratio& ratio = disturbance.ratio[i];
    object[names[i]] = {{"near_ns", disturbance.near[i]},
                        {"steady_ns", disturbance.steady[i]},
                        {"ratio", ratio.estimate},
                        {"ratio_low", ratio.low},
                        {"ratio_high", ratio.high}};
  }
  return object;
}

boost::json::object row_json(const Row& row) {
  const Figures& f = row.figures;
  boost::json::object failures;
  for (std::size_t i = 1; i < kFailures; ++i)
    failures[to_string(static_cast<Failure>(i))] = f.failures[i];
  return {{"part", row.part},
          {"balancer", row.name},
          {"version", row.version},
          {"switches", f.switches},
          {"round_trip", spread_json(f.round_trip)},
          {"round_trip_durable", spread_json(f.round_trip_durable)},
          {"inside", spread_json(f.inside)},
          {"persist", spread_json(f.persist)},
          {"store", spread_json(f.store)},
          {"adoption", spread_json(f.adoption)},
          {"first_new", spread_json(f.first_new)},
          {"never_new", f.never_new},
          {"late", f.late},
          {"latest_ns", f.latest},
          {"connections", f.connections},
          {"requests", f.requests},
          {"errors", f.errors},
          {"failures", failures},
          {"new", disturbance_json(f.fresh)},
          {"kept", disturbance_json(f.kept)}};
}

const Figures* find(const Report& report, const std::string& part, const std::string& name) {
  for (const Row& row : report.rows) {
    if (row.part == part && row.name == name) return &row.figures;
  }
  return nullptr;
}

std::string verdict(bool met, const std::string& goal) {
  return (met ? "met     " : "MISSED  ") + goal + "\n";
}

}  // namespace

std::string markdown(const Report& report) {
  std::string out =
      report.date + ", " + report.machine + "  \n" + report.load +
      "  \nthe least that a command costs (p50 / p99): an echo by a thread on the balancer's CPU " +
      spread_text(report.echo.round_trip) + "; one write and fdatasync there " +
      spread_text(report.sync) + ", together " + spread_text(report.echo.round_trip_durable) +
      ";  \np99 of the traffic within 5 ms of these by steady: new connections " +
      ratio_text(report.echo.fresh.ratio[1]) + ", kept " + ratio_text(report.echo.kept.ratio[1]) +
      "\n";
  for (const std::string& part : parts_of(report)) {
    std::string head = "\n| " + part + " |";
    std::string rule = "|---|";
    for (const Row& row : report.rows) {
      if (row.part != part) continue;
      head += " " + row.name + " (" + row.version + ") |";
      rule += "---|";
    }
    out += head + "\n" + rule + "\n";
    for (const Line& line : lines()) {
      std::string cells;
      bool any = false;
      for (const Row& row : report.rows) {
        if (row.part != part) continue;
        const std::string cell = line.value(row.figures);
        any = any || cell != "–";
        cells += " " + cell + " |";
      }
      if (any) out += std::string("| ") + line.label + " |" + cells + "\n";
    }
  }
  return out;
}

std::string json(const Report& report) {
  boost::json::array rows;
  for (const Row& row : report.rows) rows.push_back(row_json(row));
  return boost::json::serialize(boost::json::object{
             {"date", report.date},
             {"machine", report.machine},
             {"load", report.load},
             {"echo",
              {{"round_trip", spread_json(report.echo.round_trip)},
               {"round_trip_durable", spread_json(report.echo.round_trip_durable)},
               {"new", disturbance_json(report.echo.fresh)},
               {"kept", disturbance_json(report.echo.kept)}}},
             {"fdatasync", spread_json(report.sync)},
             {"rows", rows}}) +
         "\n";
}

std::string verdicts(const Report& report, bool& all_met) {
  std::string out;
  all_met = true;
  for (const Row& row : report.rows) {
    if (row.name != "shunt") continue;
    const Figures& f = row.figures;
    const bool clean = f.late == 0 && f.errors == 0;
    all_met = all_met && clean;
    out += verdict(clean, row.part + ": late connections " + std::to_string(f.late) + ", errors " +
                              std::to_string(f.errors) + " over " + std::to_string(f.switches) +
                              " switches");
  }
  const std::string often = parts_of(report).empty() ? "" : parts_of(report).front();
  const Figures* ours = find(report, often, "shunt");
  const Figures* theirs = find(report, often, "HAProxy");
  if (ours == nullptr) return out;
  out += verdict(ours->store.p50 < 1000, "store p50 below 1 us: " + time_text(ours->store.p50));
  if (theirs != nullptr) {
    const Spread& map = theirs->round_trip;
    out += verdict(ours->round_trip.p50 <= map.p50 && ours->round_trip.p99 <= map.p99,
                   "round trip, not durable, at most HAProxy's map command: " +
                       spread_text(ours->round_trip) + " beside " + spread_text(map));
    const Spread bound{
        .count = 1, .p50 = map.p50 + report.sync.p50, .p99 = map.p99 + report.sync.p99};
    out += verdict(
        ours->round_trip_durable.p50 <= bound.p50 && ours->round_trip_durable.p99 <= bound.p99,
        "round trip, durable, at most that plus one fdatasync: " +
            spread_text(ours->round_trip_durable) + " beside " + spread_text(bound));
  }
  for (const auto& [what, disturbance] :
       {std::pair{"new connections", &ours->fresh}, {"kept ones", &ours->kept}}) {
    const Ratio& ratio = disturbance->ratio[1];
    out += verdict(ratio.low <= 1.1,
                   std::string("p99 near a switch, of ") + what +
                       ", ratio's interval includes or lies below 1.1: " + ratio_text(ratio));
  }
  return out;
}

}  // namespace shunt::bench
