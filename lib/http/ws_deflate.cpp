#include "http/ws_deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"

namespace hookswitch::http {

namespace {

/// The front of `rest` up to `end`, trimmed; `rest` goes on behind it.
std::string_view take_until(std::string_view& rest, char end) {
  const auto at = std::min(rest.find(end), rest.size());
  const auto out = trim(rest.substr(0, at));
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return out;
}

std::string_view without_quotes(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

bool is_window(std::string_view value) {
  return value == "8" || value == "9" ||
         (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5');
}

/// Whether a server that keeps no context and has a window of 32 KiB can keep this offer.
bool can_keep(std::string_view offer) {
  std::array<bool, 4> seen{};
  const auto first_time = [&](std::size_t which) { return !std::exchange(seen[which], true); };
  while (!offer.empty()) {
    std::string_view parameter = take_until(offer, ';');
    const bool has_value = parameter.find('=') != std::string_view::npos;
    const std::string_view name = take_until(parameter, '=');
    const std::string_view value = without_quotes(trim(parameter));
    if (name == "server_no_context_takeover" || name == "client_no_context_takeover") {
      if (has_value || !first_time(name[0] == 's' ? 0 : 1)) return false;
    } else if (name == "client_max_window_bits") {
      if ((has_value && !is_window(value)) || !first_time(2)) return false;
    } else if (name == "server_max_window_bits") {
      if (value != "15" || !first_time(3)) return false;
    } else {
      return false;
    }
  }
  return true;
}

/// One for each thread that reads: its window is 32 KiB.
class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Inflated run(std::string_view payload, std::size_t bytes_max, std::string& out) {
    if (!ready_ || inflateReset(&stream_) != Z_OK) return Inflated::bad;
    // The sender left out the end of its empty block.
    static constexpr std::string_view kTail{"\0\0\xff\xff", 4};
    for (const std::string_view part : {payload, kTail}) {
      const Inflated result = feed(part, bytes_max, out);
      if (result != Inflated::whole) return result;
    }
    // Behind the tail of a whole message a new block could begin, at the start of a byte.
    constexpr int kAtBlock = 128, kBitsLeft = 63;
    return (stream_.data_type & (kAtBlock | kBitsLeft)) == kAtBlock ? Inflated::whole
                                                                    : Inflated::bad;
  }

 private:
  Inflated feed(std::string_view part, std::size_t bytes_max, std::string& out) {
    // zlib reads it only; its interface is older than const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    stream_.avail_in = static_cast<uInt>(part.size());
    for (;;) {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int result = ::inflate(&stream_, Z_SYNC_FLUSH);
      const std::size_t made = buffer_.size() - stream_.avail_out;
      if (made > bytes_max - out.size()) return Inflated::too_big;
      out.append(buffer_.data(), made);
      // A final block ends the stream; a sender may use one in every message (RFC 7692 §7.2.3.5).
      if (result == Z_STREAM_END) {
        if (stream_.avail_in == 0) return Inflated::whole;
        if (inflateReset(&stream_) != Z_OK) return Inflated::bad;
        continue;
      }
      if (result != Z_OK && result != Z_BUF_ERROR) return Inflated::bad;
      if (stream_.avail_out != 0) return stream_.avail_in == 0 ? Inflated::whole : Inflated::bad;
    }
  }

  z_stream stream_{};
  bool ready_ = false;
  std::array<char, 16 * 1024> buffer_{};
};

}  // namespace

std::optional<std::string_view> deflate_answer(std::string_view offers) {
  while (!offers.empty()) {
    std::string_view offer = take_until(offers, ',');
    if (take_until(offer, ';') != "permessage-deflate" || !can_keep(offer)) continue;
    return "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  }
  return std::nullopt;
}

Inflated inflate_message(std::string_view payload, std::size_t bytes_max, std::string& out) {
  out.clear();
  static thread_local Inflater inflater;
  return inflater.run(payload, bytes_max, out);
}

}  // namespace hookswitch::http
