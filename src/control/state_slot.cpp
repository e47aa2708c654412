#include "src/control/state_slot.hpp"

#include <algorithm>
#include <cstring>

#include <xxhash.h>

namespace shunt::control {
namespace {

// Numbers are little-endian on every machine that shunt runs on; a state directory does not travel.
struct SlotHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t reserved;
  std::uint64_t sequence;
  std::uint64_t length;    // of the JSON
  std::uint64_t checksum;  // of header (this member 0) and JSON
};
static_assert(sizeof(SlotHeader) == kSlotHeaderBytes);

struct AckRecord {
  char magic[8];
  std::uint64_t sequence;
  std::uint64_t checksum;
};
static_assert(sizeof(AckRecord) == kAckBytes);

constexpr char kSlotMagic[8] = {'S', 'H', 'U', 'N', 'T', 'D', 'E', 'C'};
constexpr char kAckMagic[8] = {'S', 'H', 'U', 'N', 'T', 'A', 'C', 'K'};

// The seed is the header's own hash, so that one number covers both without copying them together.
std::uint64_t checksum_of(SlotHeader header, std::string_view json) noexcept {
  header.checksum = 0;
  const std::uint64_t seed = XXH3_64bits(&header, sizeof(header));
  return XXH3_64bits_withSeed(json.data(), json.size(), seed);
}

std::uint64_t checksum_of(AckRecord record) noexcept {
  record.checksum = 0;
  return XXH3_64bits(&record, sizeof(record));
}

}  // namespace

void encode_slot(std::string& out, std::uint64_t sequence, std::string_view json,
                 std::uint32_t version) {
  SlotHeader header{};
  std::memcpy(header.magic, kSlotMagic, sizeof(kSlotMagic));
  header.version = version;
  header.sequence = sequence;
  header.length = json.size();
  header.checksum = checksum_of(header, json);
  out.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  out.append(json);
}

SlotView decode_slot(std::string_view bytes) noexcept {
  SlotHeader header{};
  if (bytes.size() < sizeof(header)) return {};
  std::memcpy(&header, bytes.data(), sizeof(header));
  const std::string_view head = bytes.substr(0, sizeof(header));
  if (std::all_of(head.begin(), head.end(), [](char c) { return c == 0; })) {
    return {SlotVerdict::kEmpty, 0, {}};
  }
  bytes.remove_prefix(sizeof(header));
  if (std::memcmp(header.magic, kSlotMagic, sizeof(kSlotMagic)) != 0) return {};
  if (header.length > bytes.size()) return {};
  const std::string_view json = bytes.substr(0, header.length);
  if (header.checksum != checksum_of(header, json)) return {};
  if (header.version != kSlotVersion) {
    const bool newer = header.version > kSlotVersion;
    return {newer ? SlotVerdict::kNewer : SlotVerdict::kOlder, header.sequence, {}};
  }
  return {SlotVerdict::kGood, header.sequence, json};
}

std::string encode_ack(std::uint64_t sequence) {
  AckRecord record{};
  std::memcpy(record.magic, kAckMagic, sizeof(kAckMagic));
  record.sequence = sequence;
  record.checksum = checksum_of(record);
  return std::string(reinterpret_cast<const char*>(&record), sizeof(record));
}

std::optional<std::uint64_t> decode_ack(std::string_view bytes) noexcept {
  AckRecord record{};
  if (bytes.size() < sizeof(record)) return std::nullopt;
  std::memcpy(&record, bytes.data(), sizeof(record));
  const bool whole = std::memcmp(record.magic, kAckMagic, sizeof(kAckMagic)) == 0 &&
                     record.checksum == checksum_of(record);
  return whole ? std::optional(record.sequence) : std::nullopt;
}

}  // namespace shunt::control
