#include "http_client/response_reader.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hookswitch::http_client {
namespace {

constexpr int kInterimMax = 4;  // 100 and 103; nobody needs more
constexpr std::size_t kLengthDigitsMax = 15, kChunkDigitsMax = 8;
/// What a chunk's lines take where nothing odd stands in them; more counts as header.
constexpr std::size_t kChunkLineBytes = 24;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// RFC 9110 §5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

bool is_field_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return c == '\t' || (u >= 0x20 && u != 0x7f);
  });
}

bool lists(std::string_view value, std::string_view word) {
  for (; !value.empty();) {
    const auto end = std::min(value.find(','), value.size());
    if (equals_ignore_case(trim(value.substr(0, end)), word)) return true;
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return false;
}

}  // namespace

std::string_view Response::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& each) { return each.first == name; });
  return found == headers.end() ? std::string_view{} : std::string_view{found->second};
}

ResponseReader::State ResponseReader::feed(std::string_view bytes) {
  while (!bytes.empty() && (state_ == State::head || state_ == State::body)) {
    if (part_ == Part::sized || part_ == Part::chunk || part_ == Part::to_end) {
      if (!take_body(bytes)) return state_;
      continue;
    }
    const auto end = bytes.find('\n');
    const auto size = end == std::string_view::npos ? bytes.size() : end + 1;
    head_bytes_ += size;
    if (head_bytes_ > limits_.head_bytes_max) return fail();
    line_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (end == std::string_view::npos) break;
    if (!line_.ends_with("\r\n")) return fail();
    const std::string line = std::exchange(line_, {});
    if (!take_line(std::string_view{line}.substr(0, line.size() - 2))) return state_;
  }
  if (!bytes.empty() && state_ == State::done) keeps_ = false;  // nobody asked for that
  return state_;
}

ResponseReader::State ResponseReader::end() {
  if (state_ == State::body && part_ == Part::to_end) state_ = State::done;
  if (state_ == State::head || state_ == State::body) state_ = State::bad;
  return state_;
}

bool ResponseReader::take_line(std::string_view line) {
  if (part_ == Part::start) return take_start(line);
  if (part_ == Part::header) return line.empty() ? end_head() : take_header(line);
  if (part_ == Part::chunk_size) return take_chunk_size(line);
  if (part_ == Part::chunk_end) {
    if (!line.empty()) return fail(), false;
    part_ = Part::chunk_size;
    return true;
  }
  if (line.empty()) {  // the end of the trailers
    state_ = State::done;
    return true;
  }
  if (++lines_ > limits_.lines_max) return fail(), false;
  return true;
}

bool ResponseReader::take_start(std::string_view line) {
  // HTTP/1.1 200 OK; some leave the blank after the number out.
  is_1_1_ = line.starts_with("HTTP/1.1 ");
  if (line.size() < 12 || (!is_1_1_ && !line.starts_with("HTTP/1.0 ")) ||
      !std::all_of(line.begin() + 9, line.begin() + 12, is_digit) || line[9] == '0' ||
      (line.size() > 12 && line[12] != ' ') || !is_field_text(line))
    return fail(), false;
  response_.status = static_cast<unsigned>(line[9] - '0') * 100 +
                     static_cast<unsigned>(line[10] - '0') * 10 +
                     static_cast<unsigned>(line[11] - '0');
  part_ = Part::header;
  return true;
}

bool ResponseReader::take_header(std::string_view line) {
  const auto colon = line.find(':');
  if (++lines_ > limits_.lines_max || colon == std::string_view::npos ||
      !is_token(line.substr(0, colon)) || !is_field_text(line))
    return fail(), false;
  std::string name = to_lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  if (name == "content-length") {
    if (has_length_ || value.empty() || value.size() > kLengthDigitsMax ||
        !std::all_of(value.begin(), value.end(), is_digit))
      return fail(), false;
    has_length_ = true;
    length_ = static_cast<std::uint64_t>(parse_int(value).value_or(0));
  } else if (name == "transfer-encoding") {
    if (is_chunked_ || !is_1_1_ || !equals_ignore_case(value, "chunked")) return fail(), false;
    is_chunked_ = true;
  } else if (name == "connection") {
    says_close_ |= lists(value, "close");
    says_keep_ |= lists(value, "keep-alive");
  }
  response_.headers.emplace_back(std::move(name), std::string{value});
  return true;
}

bool ResponseReader::end_head() {
  if (is_chunked_ && has_length_) return fail(), false;
  if (response_.status < 200) {
    if (response_.status == 101 || ++interim_ > kInterimMax || is_chunked_ || has_length_)
      return fail(), false;
    response_.headers.clear();
    part_ = Part::start;
    return true;
  }
  has_status_ = true;
  keeps_ = !says_close_ && (is_1_1_ || says_keep_);
  state_ = State::body;
  if (!expects_body_ || response_.status == 204 || response_.status == 304) {
    state_ = State::done;
  } else if (is_chunked_) {
    part_ = Part::chunk_size;
  } else if (!has_length_) {
    part_ = Part::to_end;
    keeps_ = false;
  } else if (length_ == 0) {
    state_ = State::done;
  } else {
    if (length_ > limits_.body_bytes_max) return fail(State::too_large), false;
    part_ = Part::sized;
  }
  return true;
}

bool ResponseReader::take_chunk_size(std::string_view line) {
  const auto digits = trim(line.substr(0, line.find(';')));
  if (++lines_ > limits_.lines_max + limits_.body_bytes_max / 16 || !is_field_text(line) ||
      digits.empty() || digits.size() > kChunkDigitsMax)
    return fail(), false;
  length_ = 0;
  for (const char c : to_lower(digits)) {
    if (!is_digit(c) && (c < 'a' || c > 'f')) return fail(), false;
    length_ = length_ * 16 + static_cast<std::uint64_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
  }
  head_bytes_ -= std::min(head_bytes_, kChunkLineBytes);
  if (length_ > limits_.body_bytes_max - response_.body.size())
    return fail(State::too_large), false;
  part_ = length_ == 0 ? Part::trailer : Part::chunk;
  if (length_ == 0) lines_ = 0;
  return true;
}

bool ResponseReader::take_body(std::string_view& bytes) {
  std::size_t size = bytes.size();
  if (part_ != Part::to_end)
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, length_));
  if (size > limits_.body_bytes_max - response_.body.size()) return fail(State::too_large), false;
  response_.body.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  if (part_ == Part::to_end) return true;
  length_ -= size;
  if (length_ > 0) return true;
  if (part_ == Part::sized)
    state_ = State::done;
  else
    part_ = Part::chunk_end;
  return true;
}

}  // namespace hookswitch::http_client
