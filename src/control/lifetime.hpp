// Lifetime: lets a handler that is still queued find out that its object is gone. A cancelled timer
// runs its handler all the same, later.
#pragma once

#include <memory>
#include <utility>

namespace shunt::control {

class Lifetime {
 public:
  Lifetime() = default;
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;

  // `handler`, or nothing once the owner of this Lifetime is destroyed. Control thread only.
  template <class Handler>
  [[nodiscard]] auto guard(Handler handler) const {
    return [watch = std::weak_ptr<char>(token_),
            handler = std::move(handler)](auto&&... arguments) mutable {
      if (!watch.expired()) handler(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 private:
  std::shared_ptr<char> token_ = std::make_shared<char>();
};

}  // namespace shunt::control
