// Feeds every file of the given directories to a fuzz target once: the saved inputs as an ordinary test.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int n = 1; n < argc; ++n) {
    std::error_code code;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[n], code)) {
      if (!entry.is_regular_file()) {
        continue;
      }
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      // Named before it runs: a sanitizer ends the process inside the target.
      std::fprintf(stderr, "%s\n", entry.path().c_str());
      try {
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      } catch (const std::exception& error) {
        std::fprintf(stderr, "threw: %s\n", error.what());
        return 1;
      }
      ++inputs;
    }
  }
  // A moved or emptied corpus must not pass for a healthy one.
  if (inputs == 0) {
    std::fprintf(stderr, "no saved input found\n");
    return 1;
  }
  std::printf("%zu inputs\n", inputs);
  return 0;
}
