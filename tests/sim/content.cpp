#include "tests/sim/content.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "tests/sim/random.hpp"

namespace shunt::sim {
namespace {

constexpr std::size_t kTableBytes = 1U << 16;
constexpr std::uint32_t kHeaderMark = 0x53494D21;

const std::vector<std::byte>& table() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> made(kTableBytes);
    Random random(42);
    for (std::byte& byte : made) byte = static_cast<std::byte>(random.below(256));
    return made;
  }();
  return bytes;
}

std::array<std::byte, kHeaderBytes> header_of(LinkId id) {
  std::array<std::byte, kHeaderBytes> header;
  const std::uint32_t words[2] = {kHeaderMark, id};
  std::memcpy(header.data(), words, sizeof(words));
  return header;
}

// Calls use(position in `bytes`, the stream's bytes there) for the pieces that cover
// [offset, offset + length).
template <class Use>
void for_each_piece(LinkId id, std::uint64_t offset, std::size_t length, Use&& use) {
  std::size_t done = 0;
  if (offset < kHeaderBytes && length > 0) {
    const auto header = header_of(id);
    done = std::min<std::size_t>(length, kHeaderBytes - offset);
    use(0, std::span(header).subspan(offset, done));
  }
  while (done < length) {
    const std::size_t start = (offset + done + std::size_t{id} * 7919) % kTableBytes;
    const std::size_t piece = std::min(length - done, kTableBytes - start);
    use(done, std::span(table()).subspan(start, piece));
    done += piece;
  }
}

}  // namespace

void fill_content(LinkId id, std::uint64_t offset, std::span<std::byte> out) {
  for_each_piece(id, offset, out.size(), [&](std::size_t at, std::span<const std::byte> piece) {
    std::copy(piece.begin(), piece.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  });
}

std::size_t mismatch_content(LinkId id, std::uint64_t offset, std::span<const std::byte> bytes) {
  std::size_t found = bytes.size();
  for_each_piece(id, offset, bytes.size(), [&](std::size_t at, std::span<const std::byte> piece) {
    if (found != bytes.size()) return;
    const auto there = bytes.subspan(at, piece.size());
    const auto [a, b] = std::mismatch(piece.begin(), piece.end(), there.begin());
    if (a != piece.end()) found = at + static_cast<std::size_t>(a - piece.begin());
  });
  return found;
}

bool read_header(std::span<const std::byte, kHeaderBytes> header, LinkId& id) {
  std::uint32_t words[2];
  std::memcpy(words, header.data(), sizeof(words));
  id = words[1];
  return words[0] == kHeaderMark;
}

}  // namespace shunt::sim
