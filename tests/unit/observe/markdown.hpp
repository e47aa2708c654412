// Tables of the project's documents, to be compared with the code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/observe/temporary_directory.hpp"

namespace shunt::observe {

inline std::vector<std::string> cells_of(std::string_view row) {
  std::vector<std::string> cells;
  row.remove_prefix(1);  // the leading bar
  while (!row.empty()) {
    const std::size_t bar = row.find('|');
    std::string_view cell = row.substr(0, bar);
    while (cell.starts_with(' ')) cell.remove_prefix(1);
    while (cell.ends_with(' ')) cell.remove_suffix(1);
    cells.emplace_back(cell);
    if (bar == std::string_view::npos) break;
    row.remove_prefix(bar + 1);
  }
  return cells;
}

// The rows of every table with this header line, in the order of the document.
inline std::vector<std::vector<std::string>> table_in_document(const std::string& document,
                                                               const std::string& header) {
  std::istringstream text(content_of(SHUNT_SOURCE_DIR "/" + document));
  std::vector<std::vector<std::string>> rows;
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line == header) {
      inside = true;
    } else if (!line.starts_with('|')) {
      inside = false;
    } else if (inside && !line.starts_with("|--")) {
      rows.push_back(cells_of(std::string_view(line).substr(0, line.rfind('|'))));
    }
  }
  return rows;
}

}  // namespace shunt::observe
