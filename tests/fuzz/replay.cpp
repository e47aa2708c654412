// Runs a fuzz target over files and directories of seeds, without libFuzzer: what once went wrong
// stays tested with every compiler.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int replay(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  // Whole, and cut at every place: a file that is still being written is such a file.
  for (std::size_t size = content.size() + 1; size-- > 0;) {
    if (size != content.size() && content.size() > 8192) break;
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), size);
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files += replay(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.is_regular_file()) files += replay(entry.path());
    }
  }
  std::printf("%d files replayed\n", files);
  return files > 0 ? 0 : 1;
}
