#include "tests/unit/observe/exposition.hpp"

#include <regex>
#include <set>
#include <sstream>

namespace shunt::observe {
namespace {

const std::regex kComment(R"re(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+))re");
const std::regex kSample(
    R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="(\\[\\n"]|[^\\"\n])*",?)*\})? )re"
    R"re(([-+]?[0-9.]+(e[-+]?[0-9]+)?|[-+]Inf|NaN))re");
const std::regex kBound(R"re(,?le="([^"]*)")re");

bool ends_with(const std::string& text, const std::string& end) {
  return text.ends_with(end);
}

// The family that a sample belongs to: a histogram's samples have suffixes.
std::string family_of(const Exposition& exposition, const std::string& sample) {
  for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
    if (!ends_with(sample, suffix)) continue;
    const std::string family = sample.substr(0, sample.size() - suffix.size());
    const auto found = exposition.families.find(family);
    if (found != exposition.families.end() && found->second.type == "histogram") return family;
  }
  return sample;
}

void check_histogram(const std::string& name, const ExposedFamily& family,
                     std::vector<std::string>& faults) {
  // Buckets by the series that they belong to, then by bound; a count for each series.
  std::map<std::string, std::map<double, double>> buckets;
  for (const auto& [series, value] : family.samples) {
    if (!series.starts_with(name + "_bucket")) continue;
    std::smatch bound;
    if (!std::regex_search(series, bound, kBound)) {
      faults.push_back(series + ": a bucket without le");
      continue;
    }
    std::string rest = std::regex_replace(series, kBound, "").substr(name.size() + 7);
    if (rest == "{}") rest.clear();
    buckets[rest][std::stod(bound[1] == "+Inf" ? "inf" : bound[1].str())] = value;
  }
  for (const auto& [labels, by_bound] : buckets) {
    double before = 0;
    for (const auto& [bound, count] : by_bound) {
      if (count < before) faults.push_back(name + labels + ": buckets are not cumulative");
      before = count;
    }
    if (by_bound.rbegin()->first < 1e300) faults.push_back(name + labels + ": no +Inf bucket");
    const auto count = family.samples.find(name + "_count" + labels);
    if (count == family.samples.end() || count->second != before) {
      faults.push_back(name + labels + ": _count is not the +Inf bucket");
    }
    if (!family.samples.contains(name + "_sum" + labels)) {
      faults.push_back(name + labels + ": no _sum");
    }
  }
}

}  // namespace

Exposition parse_exposition(const std::string& text) {
  Exposition exposition;
  if (!text.empty() && text.back() != '\n') exposition.faults.push_back("no newline at the end");
  std::istringstream lines(text);
  std::set<std::string> finished;
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kComment)) {
      if (match[2] != current) {
        finished.insert(current);
        current = match[2];
        if (finished.contains(current)) exposition.faults.push_back("spread out: " + line);
      }
      ExposedFamily& family = exposition.families[current];
      if (!family.samples.empty()) exposition.faults.push_back("after its samples: " + line);
      (match[1] == "HELP" ? family.help : family.type) = match[3];
    } else if (std::regex_match(line, match, kSample)) {
      const std::string name = family_of(exposition, match[1]);
      if (name != current) exposition.faults.push_back("without HELP and TYPE before it: " + line);
      const std::string series = match[1].str() + match[2].str();
      const double value = std::stod(match[5]);
      if (!exposition.families[name].samples.emplace(series, value).second) {
        exposition.faults.push_back("comes twice: " + line);
      }
    } else {
      exposition.faults.push_back("not in the format: " + line);
    }
  }
  for (const auto& [name, family] : exposition.families) {
    if (family.type == "histogram") check_histogram(name, family, exposition.faults);
  }
  return exposition;
}

}  // namespace shunt::observe
