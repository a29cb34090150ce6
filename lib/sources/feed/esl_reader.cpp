#include "sources/feed/esl_reader.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace hookswitch::feed {

std::optional<EslFrame> EslReader::next(std::string_view& input) {
  // A frame without body is whole with its header.
  while (!failed_ && (!input.empty() || (in_body_ && remaining_ == 0))) {
    if (!in_body_ && !take_header(input)) continue;
    const auto size = std::min(input.size(), remaining_);
    if (!skipping_) frame_.body += input.substr(0, size);
    input.remove_prefix(size);
    remaining_ -= size;
    if (remaining_ > 0) break;
    in_body_ = false;
    EslFrame frame = std::exchange(frame_, {});
    if (!std::exchange(skipping_, false)) return frame;
    ++skipped_;
  }
  input = {};
  return std::nullopt;
}

/// True: the header is whole, and what follows is its body.
bool EslReader::take_header(std::string_view& input) {
  const auto end = std::min(input.find('\n'), input.size() - 1) + 1;
  header_ += input.substr(0, std::min(end, kHeaderBytesMax + 1));
  input.remove_prefix(end);
  if (header_.size() > kHeaderBytesMax) {
    failed_ = true;
    return false;
  }
  if (header_ == "\n" || header_ == "\r\n") header_.clear();  // between frames
  if (!header_.ends_with("\n\n") && !header_.ends_with("\n\r\n")) return false;
  failed_ = !read_header();
  header_.clear();
  in_body_ = !failed_;
  return in_body_;
}

bool EslReader::read_header() {
  bool has_length = false;
  for (std::string_view rest = header_; !rest.empty();) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    if (equals_ignore_case(name, "content-type")) frame_.type = to_lower(value);
    if (equals_ignore_case(name, "reply-text")) frame_.reply = value;
    if (!equals_ignore_case(name, "content-length")) continue;
    const auto length = parse_int(value);
    if (has_length || !length || *length < 0 ||
        *length > static_cast<long long>(kAnswerBytesMax) * 8)
      return false;
    has_length = true;
    remaining_ = static_cast<std::size_t>(*length);
  }
  const auto most = frame_.type == "api/response" ? kAnswerBytesMax : kEventBytesMax;
  skipping_ = remaining_ > most;
  return true;
}

}  // namespace hookswitch::feed
