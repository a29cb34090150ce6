#include "journal/chunk.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "journal/checksum.hpp"

namespace hookswitch {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

template <typename Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void put_size(std::string& out, std::size_t size) { put(out, static_cast<std::uint32_t>(size)); }

/// Takes numbers and texts from the front; `good` falls for ever at the first that is not there.
struct Reader {
  std::string_view rest;
  bool good = true;

  template <typename Number>
  Number number() {
    Number out{};
    const auto bytes = text(sizeof out);
    if (good) std::memcpy(&out, bytes.data(), sizeof out);
    return out;
  }
  std::string_view text(std::size_t size) {
    good = good && size <= rest.size();
    if (!good) return {};
    const auto out = rest.substr(0, size);
    rest.remove_prefix(size);
    return out;
  }
};

void write_sum(std::string& bytes, std::uint32_t start) {
  const std::uint32_t sum = crc32c(std::string_view{bytes}.substr(4), start);
  std::memcpy(bytes.data(), &sum, sizeof sum);
}

bool has_sum(std::string_view bytes, std::uint32_t start) {
  if (bytes.size() < 4) return false;
  std::uint32_t sum = 0;
  std::memcpy(&sum, bytes.data(), sizeof sum);
  return sum == crc32c(bytes.substr(4), start);
}

std::uint32_t sum_of(const ChunkKey& key) {
  std::string text;
  put(text, key.org);
  put(text, key.first);
  put(text, key.last);
  put(text, key.time_ms);
  return crc32c(text);
}

std::uint32_t sum_of(std::int64_t row) {
  std::string text;
  put(text, row);
  return crc32c(text);
}

struct EventBytes {
  std::int64_t time_ms;
  std::string_view audience, body;
};

EventBytes next_event(Reader& in) {
  EventBytes out{in.number<std::int64_t>(), {}, {}};
  const auto audience = in.number<std::uint32_t>();
  const auto body = in.number<std::uint32_t>();
  out.audience = in.text(audience);
  out.body = in.text(body);
  return out;
}

}  // namespace

void EventChunk::add(const StoredEvent& event) {
  const auto time_ms = to_unix_ms(event.time);
  key_.time_ms = empty() ? time_ms : std::max(key_.time_ms, time_ms);
  if (empty()) key_.first = event.offset;
  key_.last = event.offset;
  std::size_t audience = 0;
  for (const auto& user : event.audience) audience += 4 + user.size();
  const auto body = event.body->text();
  put(bytes_, time_ms);
  put_size(bytes_, audience);
  put_size(bytes_, body.size());
  for (const auto& user : event.audience) {
    put_size(bytes_, user.size());
    bytes_ += user.str();
  }
  bytes_ += body;
}

std::string_view EventChunk::seal() {
  write_sum(bytes_, sum_of(key_));
  return bytes_;
}

bool is_good(std::string_view chunk, const ChunkKey& key) {
  if (!has_sum(chunk, sum_of(key)) || key.last < key.first) return false;
  Reader in{chunk.substr(4)};
  std::uint64_t count = 0;
  for (; in.good && !in.rest.empty(); ++count) next_event(in);
  return in.good && count == key.last - key.first + 1;
}

bool read_events(std::string_view chunk, const ChunkKey& key, const Text& org, std::uint64_t offset,
                 std::size_t events_max, std::size_t bytes_max, std::vector<StoredEvent>& out) {
  if (!is_good(chunk, key)) return false;
  Reader in{chunk.substr(4)};
  std::size_t bytes = 0;
  for (auto at = key.first; at <= key.last; ++at) {
    const auto event = next_event(in);
    if (at <= offset) continue;
    if (events_max == 0 || bytes >= bytes_max) break;
    std::vector<Text> audience;
    for (Reader users{event.audience}; users.good && !users.rest.empty();)
      audience.emplace_back(users.text(users.number<std::uint32_t>()));
    out.push_back(
        {org, at, from_unix_ms(event.time_ms), std::move(audience), make_frame(event.body)});
    bytes += event.body.size();
    --events_max;
  }
  return true;
}

void StateChunk::add(std::string_view id, std::string_view state) {
  put_size(bytes_, id.size());
  put_size(bytes_, state.size());
  bytes_ += id;
  bytes_ += state;
}

std::string_view StateChunk::seal(std::int64_t row) {
  write_sum(bytes_, sum_of(row));
  return bytes_;
}

std::optional<std::vector<SavedCall>> read_states(std::string_view chunk, std::int64_t row) {
  if (!has_sum(chunk, sum_of(row))) return std::nullopt;
  std::vector<SavedCall> out;
  Reader in{chunk.substr(4)};
  while (in.good && !in.rest.empty()) {
    const auto id = in.number<std::uint32_t>();
    const auto state = in.number<std::uint32_t>();
    const auto id_text = in.text(id);
    out.push_back({id_text, in.text(state)});
  }
  if (!in.good) return std::nullopt;
  return out;
}

}  // namespace hookswitch
