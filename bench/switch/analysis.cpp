#include "bench/switch/analysis.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace shunt::bench {
namespace {

using base::Duration;
using base::Instant;

constexpr std::size_t kBefore = ~std::size_t{0};  // before the first change

// The last change whose time is at most when.
std::size_t last_change(const std::vector<Change>& changes, Instant Change::* time, Instant when) {
  const auto after =
      std::upper_bound(changes.begin(), changes.end(), when,
                       [&](Instant one, const Change& change) { return one < change.*time; });
  return static_cast<std::size_t>(after - changes.begin()) - 1;
}

void count_late(const Slice& slice, const Sample& sample, Figures& figures) {
  const std::size_t k = last_change(slice.changes, &Change::acknowledged, sample.begun);
  const int expected = k == kBefore ? slice.initial : slice.changes[k].color;
  const std::size_t next = k + 1;
  if (next < slice.changes.size() && sample.answered >= slice.changes[next].sent) return;
  if (sample.color == expected) return;
  ++figures.late;
  if (k != kBefore)
    figures.latest = std::max(figures.latest, sample.begun - slice.changes[k].acknowledged);
}

void collect_first_new(const Slice& slice, std::vector<std::uint64_t>& first_new,
                       Figures& figures) {
  std::vector<Duration> first(slice.changes.size(), 0);
  for (const Sample& sample : slice.samples) {
    if (sample.keep_alive || sample.failure != Failure::kNone) continue;
    const std::size_t k = last_change(slice.changes, &Change::sent, sample.answered);
    if (k == kBefore || sample.color != slice.changes[k].color) continue;
    const Duration took = sample.answered - slice.changes[k].sent;
    if (first[k] == 0 || took < first[k]) first[k] = took;
  }
  for (const Duration took : first) {
    if (took > 0) {
      first_new.push_back(took);
    } else {
      ++figures.never_new;
    }
  }
}

// One stretch from shortly before a change to the next is a block of the bootstrap.
void observe(const Slice& slice, const Sample& sample, std::uint32_t first_block,
             std::vector<Observation>& observations) {
  const std::size_t k = last_change(slice.changes, &Change::sent, sample.scheduled + kNear);
  if (k == kBefore || sample.scheduled < slice.begin) return;
  observations.push_back({.latency = sample.answered - sample.scheduled,
                          .block = first_block + static_cast<std::uint32_t>(k),
                          .near = sample.scheduled <= slice.changes[k].acknowledged + kNear});
}

Disturbance disturbance_of(const std::vector<Observation>& observations, std::uint32_t blocks) {
  Disturbance result;
  std::vector<std::uint64_t> near;
  std::vector<std::uint64_t> steady;
  for (const Observation& one : observations) (one.near ? near : steady).push_back(one.latency);
  std::sort(near.begin(), near.end());
  std::sort(steady.begin(), steady.end());
  for (std::size_t i = 0; i < kQuantiles.size(); ++i) {
    result.near[i] = quantile(near, kQuantiles[i]);
    result.steady[i] = quantile(steady, kQuantiles[i]);
    result.ratio[i] = bootstrap_ratio(observations, blocks, kQuantiles[i]);
  }
  return result;
}

struct Durations {
  std::vector<std::uint64_t> plain, durable, inside, persist, store, adoption;

  void add(const Change& change) {
    (change.durable ? durable : plain).push_back(change.acknowledged - change.sent);
    const auto body = change.answer.find("\r\n\r\n");
    if (body == std::string::npos) return;  // only shunt answers with a receipt
    const auto outcome = boost::json::parse(change.answer.substr(body + 4));
    const auto& receipt = outcome.at("receipt").as_object();
    store.push_back(receipt.at("store_ns").to_number<std::uint64_t>());
    adoption.push_back(receipt.at("adoption_ns").to_number<std::uint64_t>());
    if (!change.durable) inside.push_back(receipt.at("total_ns").to_number<std::uint64_t>());
    if (change.durable) persist.push_back(receipt.at("persist_ns").to_number<std::uint64_t>());
  }
};

}  // namespace

Spread spread_of(std::vector<std::uint64_t> values) {
  std::sort(values.begin(), values.end());
  return {.count = values.size(),
          .p50 = quantile(values, 0.5),
          .p99 = quantile(values, 0.99),
          .max = values.empty() ? 0 : values.back()};
}

Figures analyse(const std::vector<Slice>& slices, bool with_disturbance) {
  Figures figures;
  Durations durations;
  std::vector<std::uint64_t> first_new;
  std::vector<Observation> fresh;
  std::vector<Observation> kept;
  std::uint32_t blocks = 0;
  for (const Slice& slice : slices) {
    for (const Change& change : slice.changes) durations.add(change);
    collect_first_new(slice, first_new, figures);
    for (const Sample& sample : slice.samples) {
      ++(sample.keep_alive ? figures.requests : figures.connections);
      if (sample.failure != Failure::kNone) {
        ++figures.failures[static_cast<std::size_t>(sample.failure)];
        ++figures.errors;
        continue;
      }
      if (!sample.keep_alive) count_late(slice, sample, figures);
      observe(slice, sample, blocks, sample.keep_alive ? kept : fresh);
    }
    blocks += static_cast<std::uint32_t>(slice.changes.size());
    figures.requests += slice.wrk_requests;
    figures.errors += slice.wrk_errors;
  }
  figures.switches = blocks;
  figures.round_trip = spread_of(durations.plain);
  figures.round_trip_durable = spread_of(durations.durable);
  figures.inside = spread_of(durations.inside);
  figures.persist = spread_of(durations.persist);
  figures.store = spread_of(durations.store);
  figures.adoption = spread_of(durations.adoption);
  figures.first_new = spread_of(first_new);
  if (with_disturbance && blocks > 0) {
    figures.fresh = disturbance_of(fresh, blocks);
    figures.kept = disturbance_of(kept, blocks);
  }
  return figures;
}

}  // namespace shunt::bench
