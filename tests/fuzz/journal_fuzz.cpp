// What a journal reads back from the disk: chunks of events and calls behind a good checksum, and a
// log.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "journal/checksum.hpp"
#include "journal/chunk.hpp"
#include "journal/wal.hpp"

using namespace hookswitch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  // Damage that meets the sum by chance must do no harm either.
  std::string number(8, '\0');
  number[0] = 1;
  const auto sum = crc32c(text, crc32c(number));
  const std::string chunk = std::string{reinterpret_cast<const char*>(&sum), 4} + std::string{text};
  if (const auto states = read_states(chunk, 1)) {
    std::size_t bytes = 0;
    for (const auto& [id, state] : *states) bytes += id.size() + state.size() + 8;
    if (bytes != size) std::abort();
  }
  std::vector<StoredEvent> events;
  for (std::uint64_t last = 1; last < 4; ++last) {
    const ChunkKey key{1, 1, last, 0};
    std::string numbers;
    for (const auto each : {std::uint64_t{1}, std::uint64_t{1}, last, std::uint64_t{0}})
      numbers.append(reinterpret_cast<const char*>(&each), 8);
    const auto event_sum = crc32c(text, crc32c(numbers));
    const std::string bytes =
        std::string{reinterpret_cast<const char*>(&event_sum), 4} + std::string{text};
    if (read_events(bytes, key, "acme", 0, 10, 1 << 20, events) != is_good(bytes, key))
      std::abort();
  }
  static const std::string path = "/tmp/hookswitch-journal-fuzz-" + std::to_string(::getpid());
  if (size >= 32) {
    std::ofstream{path + "-wal", std::ios::binary} << text;
    const auto report = examine_wal(path);
    ::unlink((path + "-wal").c_str());
    if (report.good_bytes > size) std::abort();
  }
  return 0;
}
