// The bytes that peers send: a stream is a function of its link's number, so that any byte can be
// checked anywhere without being stored. The first bytes of a stream say whose it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace shunt::sim {

using LinkId = std::uint32_t;

inline constexpr std::uint64_t kHeaderBytes = 8;

// Fills `out` with the bytes of link `id`'s stream from `offset` on.
void fill_content(LinkId id, std::uint64_t offset, std::span<std::byte> out);
// The first position at which `bytes` differs from the stream at `offset`, or bytes.size().
[[nodiscard]] std::size_t mismatch_content(LinkId id, std::uint64_t offset,
                                           std::span<const std::byte> bytes);
// Whose stream begins with this header; false when nobody's could.
[[nodiscard]] bool read_header(std::span<const std::byte, kHeaderBytes> header, LinkId& id);

}  // namespace shunt::sim
