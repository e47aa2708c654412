#include "bench/count/load.hpp"

#include <unistd.h>

#include <cstdio>
#include <vector>

#include "shunt/base/check.hpp"

namespace shunt::bench {
namespace {

constexpr std::uint64_t kMessage = 64;
constexpr std::uint64_t kAnswer = 1024;
constexpr std::uint64_t kMiB = 1024 * 1024;

struct Pair {
  int client = -1;
  int node = -1;  // -1: the worker has not begun to connect
};

class PairedLoad : public Load {
 public:
  PairedLoad(std::uint64_t units, std::size_t pairs) : units_(units) { pairs_.reserve(pairs); }
  void connecting(int fd) override {
    SHUNT_CHECK(paired_ < pairs_.size());
    pairs_[paired_++].node = fd;
  }

 protected:
  Pair& arrive(FakeKernel& kernel) {
    pairs_.push_back({.client = kernel.arrive()});
    return pairs_.back();
  }
  void forget_pairs() {
    pairs_.clear();
    paired_ = 0;
  }
  // Connections that stay: one more is made a step. False once there are as many.
  bool open(FakeKernel& kernel, std::size_t wanted) {
    if (connected_ < pairs_.size()) {
      kernel.connected(pairs_[connected_++].node);
    } else if (pairs_.size() < wanted) {
      arrive(kernel);
    } else {
      return false;
    }
    return true;
  }
  // Before each unit, with the number that are over.
  void end_after_all(const FakeKernel& kernel, std::uint64_t done) const {
    if (done == units_) end(kernel);
  }

  [[nodiscard]] std::uint64_t units() const { return units_; }
  std::vector<Pair> pairs_;

 private:
  [[noreturn]] static void end(const FakeKernel& kernel) {
    for (std::size_t i = 0; i < kAskedNames.size(); ++i) {
      std::printf("%s\"%s\": %lu", i == 0 ? "{" : ", ", kAskedNames[i], kernel.asked()[i]);
    }
    std::puts("}");
    std::fflush(stdout);
    ::_exit(0);
  }

  const std::uint64_t units_;
  std::size_t paired_ = 0;
  std::size_t connected_ = 0;
};

// A request and its answer are two messages; the next request comes when the answer is there. Of
// several connections, `batch` have a message at the same moment, one after the other in turn.
class Messages final : public PairedLoad {
 public:
  Messages(std::uint64_t units, std::size_t connections, std::size_t batch)
      : PairedLoad(units, connections), answers_(connections), batch_(batch) {
    SHUNT_CHECK(units % batch == 0 && connections % batch == 0);
  }
  void step(FakeKernel& kernel) override {
    if (open(kernel, answers_.size())) return;
    end_after_all(kernel, done_);
    for (std::size_t i = 0; i < batch_; ++i) {
      const Pair& pair = pairs_[next_];
      kernel.push(answers_[next_] != 0 ? pair.node : pair.client, kMessage);
      answers_[next_] ^= 1;
      next_ = (next_ + 1) % pairs_.size();
    }
    done_ += batch_;
  }

 private:
  std::vector<std::uint8_t> answers_;  // by pair: its next message is an answer
  const std::size_t batch_;
  std::size_t next_ = 0;
  std::uint64_t done_ = 0;
};

// A node sends without a pause, in one direction.
class Bulk final : public PairedLoad {
 public:
  explicit Bulk(std::uint64_t units) : PairedLoad(units, 1) {}
  void step(FakeKernel& kernel) override {
    if (open(kernel, 1)) return;
    end_after_all(kernel, done_);
    kernel.push(pairs_[0].node, units() * kMiB);
    done_ = units();
  }

 private:
  std::uint64_t done_ = 0;
};

// Whole connections, `at_once` of them together: accepted with the request there already,
// connected, answered, ended by the client and then by the node.
class Connections final : public PairedLoad {
 public:
  Connections(std::uint64_t units, std::size_t at_once)
      : PairedLoad(units, at_once), at_once_(at_once) {
    SHUNT_CHECK(units % at_once == 0);
  }
  void step(FakeKernel& kernel) override {
    switch (stage_++) {
      case 0:
        for (const Pair& pair : pairs_) {
          SHUNT_CHECK(!kernel.is_open(pair.client) && !kernel.is_open(pair.node));
        }
        forget_pairs();
        end_after_all(kernel, done_);
        for (std::size_t i = 0; i < at_once_; ++i) kernel.push(arrive(kernel).client, kMessage);
        done_ += at_once_;
        return;
      case 1:
        for (const Pair& pair : pairs_) kernel.connected(pair.node);
        return;
      case 2:
        for (const Pair& pair : pairs_) kernel.push(pair.node, kAnswer);
        return;
      case 3:
        for (const Pair& pair : pairs_) kernel.finish(pair.client);
        return;
      default:
        for (const Pair& pair : pairs_) kernel.finish(pair.node);
        stage_ = 0;
    }
  }

 private:
  const std::size_t at_once_;
  int stage_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

std::unique_ptr<Load> make_load(std::string_view name, std::uint64_t units) {
  if (name == "message") return std::make_unique<Messages>(units, 1, 1);
  if (name == "message_64") return std::make_unique<Messages>(units, 64, 8);
  if (name == "connection") return std::make_unique<Connections>(units, 1);
  if (name == "connection_16") return std::make_unique<Connections>(units, 16);
  if (name == "bulk") return std::make_unique<Bulk>(units);
  return nullptr;
}

}  // namespace shunt::bench
