// The bytes of one slot and of the acknowledgement record (layout: state_store.hpp). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::control {

inline constexpr std::size_t kSlotHeaderBytes = 40;
inline constexpr std::size_t kAckBytes = 24;
inline constexpr std::uint32_t kSlotVersion = 2;  // 1 had slots of 1 MiB

enum class SlotVerdict : std::uint8_t {
  kEmpty,  // never written
  kGood,
  kBad,    // torn or damaged
  kNewer,  // whole, of a later format
  kOlder,  // of an earlier one, whose second slot is elsewhere
};

struct SlotView {
  SlotVerdict verdict = SlotVerdict::kBad;
  std::uint64_t sequence = 0;  // kGood
  std::string_view json;       // kGood; into what was read
};

// Header and JSON into `out`, which keeps its capacity from write to write.
void encode_slot(std::string& out, std::uint64_t sequence, std::string_view json,
                 std::uint32_t version = kSlotVersion);
// bytes: the slot from its start; may be short where the file is.
[[nodiscard]] SlotView decode_slot(std::string_view bytes) noexcept;

[[nodiscard]] std::string encode_ack(std::uint64_t sequence);
// Nothing where the record is damaged: there is one from the file's first moment on.
[[nodiscard]] std::optional<std::uint64_t> decode_ack(std::string_view bytes) noexcept;

}  // namespace shunt::control
