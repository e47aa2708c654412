// Text for a terminal: foreign text made harmless, columns, colour, counts, the nearest word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shunt/base/clock.hpp"

namespace shunt::cli {

// Names and reasons come from files, other operators and peers: control characters (C0, DEL, C1)
// and bytes that are not UTF-8 become \xNN, so that they cannot drive the terminal or forge lines.
// Line feeds become \n, tabs \t.
[[nodiscard]] std::string escaped(std::string_view text);

// What a name or a reason that an operator typed must not be ("is not UTF-8: …", from the verb on);
// nothing where it is fine. The daemon refuses the same, but in the API's words.
[[nodiscard]] std::string wrong_with_text(std::string_view text, std::size_t bytes_max);

// Columns on a terminal, one a code point (wide characters are not told apart).
[[nodiscard]] std::size_t columns(std::string_view text);
[[nodiscard]] std::string padded_right(std::string_view text, std::size_t width);
[[nodiscard]] std::string padded_left(std::string_view text, std::size_t width);
// At most `width` columns, the last of them "…" where something was cut; 0: never cut. Colour
// sequences take no columns and are kept.
[[nodiscard]] std::string clipped(std::string_view line, std::uint32_t width);

enum class Color { kPlain, kBold, kDim, kRed, kGreen, kYellow };
// The text in that colour where `enabled`, else as it is.
[[nodiscard]] std::string painted(std::string_view text, Color color, bool enabled);

// "1 connection", "903 connections".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);
// Spans below a millisecond matter in receipts: "840ns", "12.4us", "1.3ms", else as
// base::format_duration_brief.
[[nodiscard]] std::string fine_duration(base::Duration duration);

// As one word of a shell command line.
[[nodiscard]] std::string shell_quoted(std::string_view word);
[[nodiscard]] std::string joined(const std::vector<std::string>& words, std::string_view separator);

// The candidate that `word` was probably meant to be (few edits away, or one that it begins), or
// empty.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

// A table with columns two spaces apart; the first row is the heading. right[i]: column i is
// aligned to the right. No spaces at line ends.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows,
                                const std::vector<bool>& right);

}  // namespace shunt::cli
