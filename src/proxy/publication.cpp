#include "shunt/proxy/publication.hpp"

#include <algorithm>

#include "shunt/base/check.hpp"

namespace shunt::proxy {

Publication::Publication(std::uint32_t workers, std::unique_ptr<const traffic::RoutingRoot> first)
    : root_(first.get()), words_(workers), current_(std::move(first)) {
  SHUNT_CHECK(current_ != nullptr);
  SHUNT_CHECK(root_.is_lock_free());
}

Publication::~Publication() = default;

base::Duration Publication::publish(std::unique_ptr<const traffic::RoutingRoot> next) noexcept {
  SHUNT_CHECK(next != nullptr && next->revision > current_->revision);
  const base::Instant before = base::monotonic_now();
  const traffic::RoutingRoot* old = root_.exchange(next.get(), kPublicationOrders.exchange);
  const base::Duration took = base::monotonic_now() - before;
  SHUNT_CHECK(old == current_.get());
  retired_.push_back(std::move(current_));
  current_ = std::move(next);
  return took;
}

bool Publication::adopted(std::uint32_t index, traffic::Revision revision) const noexcept {
  const std::uint64_t word = words_[index].value.load(kPublicationOrders.adopted_read);
  const bool idle = (word & 3U) == 0;
  return idle || (word >> 2) >= revision;
}

bool Publication::adopted_by_all(traffic::Revision revision) const noexcept {
  for (std::uint32_t index = 0; index < workers(); ++index) {
    if (!adopted(index, revision)) return false;
  }
  return true;
}

std::size_t Publication::reclaim() {
  // A root that was replaced by revision R can be read only by a worker that is online and has not
  // followed R yet. An offline one holds no pointer, whatever it has connecting.
  traffic::Revision oldest_read = current_->revision;
  for (const Word& word : words_) {
    const std::uint64_t value = word.value.load(kPublicationOrders.reclaim_read);
    if ((value & 1U) != 0) oldest_read = std::min(oldest_read, value >> 2);
  }
  std::erase_if(retired_, [&](const auto& root) { return root->revision < oldest_read; });
  return retired_.size();
}

}  // namespace shunt::proxy
