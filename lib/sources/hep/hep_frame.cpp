#include "sources/hep/hep_frame.hpp"

#include "base/hash.hpp"

namespace hookswitch::hep {
namespace {

constexpr std::string_view kMagic = "HEP3";
constexpr std::size_t kHeaderBytes = 6;
constexpr std::size_t kChunkHeaderBytes = 6;

enum Chunk : std::uint32_t {
  kSeconds = 0x09,
  kMicroseconds = 0x0a,
  kProtocol = 0x0b,
  kNode = 0x0c,
  kAuthKey = 0x0e,
  kPayload = 0x0f,
  kCompressed = 0x10,
  kCorrelation = 0x11,
};

std::uint32_t number(std::string_view bytes) {
  std::uint32_t out = 0;
  for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

Error bad(const char* why) { return Error{Errc::bad_message, why}; }

}  // namespace

Result<Frame> read_frame(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) return bad("no HEPv3");
  const std::size_t length = number(bytes.substr(4, 2));
  if (length < kHeaderBytes || length > bytes.size()) return bad("length");
  std::string_view rest = bytes.substr(kHeaderBytes, length - kHeaderBytes);
  Frame out;
  std::optional<std::uint32_t> seconds, microseconds;
  bool compressed = false;
  for (std::size_t chunks = 0; !rest.empty(); ++chunks) {
    if (chunks == kChunksMax || rest.size() < kChunkHeaderBytes) return bad("chunk");
    const std::uint32_t vendor = number(rest.substr(0, 2)), type = number(rest.substr(2, 2));
    const std::size_t size = number(rest.substr(4, 2));
    if (size < kChunkHeaderBytes || size > rest.size()) return bad("chunk");
    const std::string_view value = rest.substr(kChunkHeaderBytes, size - kChunkHeaderBytes);
    rest.remove_prefix(size);
    if (vendor != 0) continue;
    const auto text = [&](std::string_view& to) {
      if (to.empty()) to = value;
    };
    const auto word = [&](std::optional<std::uint32_t>& to) {
      if (value.size() != 4) return false;
      if (!to) to = number(value);
      return true;
    };
    bool good = true;
    if (type == kSeconds) good = word(seconds);
    if (type == kMicroseconds) good = word(microseconds);
    if (type == kNode) good = word(out.node);
    if (type == kProtocol) {
      good = value.size() == 1;
      if (good && out.protocol == 0) out.protocol = static_cast<std::uint8_t>(value[0]);
    }
    if (type == kAuthKey) text(out.auth_key);
    if (type == kPayload) text(out.payload);
    if (type == kCorrelation) text(out.correlation);
    if (type == kCompressed) compressed = true;
    if (!good) return bad("chunk");
  }
  if (out.payload.empty()) return bad(compressed ? "compressed" : "no payload");
  if (seconds)
    out.captured = from_unix_ms(static_cast<std::int64_t>(*seconds) * 1000 +
                                microseconds.value_or(0) % 1'000'000 / 1000);
  return out;
}

bool has_key(const Frame& frame, const Secret& key) {
  return key.empty() || equal_constant_time(frame.auth_key, key.reveal());
}

}  // namespace hookswitch::hep
