#include "sources/feed/ami_reader.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"

namespace hookswitch::feed {
namespace {

/// What a PBX without UTF-8 writes is nearly always this.
std::string from_latin1(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | (byte >> 6));
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

std::string utf8(std::string_view text) {
  return is_utf8(text) ? std::string{text} : from_latin1(text);
}

}  // namespace

std::string_view AmiBlock::operator[](std::string_view name) const {
  for (const auto& [field, value] : fields)
    if (field == name) return value;
  return {};
}

std::optional<AmiBlock> AmiReader::next(std::string_view& input) {
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    const std::size_t room = kLineBytesMax - line_.size();
    line_too_long_ |= end > room;
    line_ += input.substr(0, std::min(end, room));
    if (end == input.size()) {
      input = {};
      break;
    }
    input.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    const bool ends_block = line_.empty() && !line_too_long_ && banner_;
    if (!ends_block) {
      end_line();
      continue;
    }
    if (auto block = end_block()) return block;
  }
  return std::nullopt;
}

void AmiReader::end_line() {
  const std::string line = std::exchange(line_, {});
  const bool too_long = std::exchange(line_too_long_, false);
  if (!banner_) {
    banner_ = utf8(std::string_view{line}.substr(0, kBannerBytesMax));
    return;
  }
  began_ = true;
  block_bytes_ += line.size();
  if (too_long || block_bytes_ > kBlockBytesMax || block_.fields.size() == kFieldsMax) {
    spoilt_ = true;
    block_.fields.clear();
    block_.fields.shrink_to_fit();
  }
  const auto colon = line.find(':');
  if (spoilt_ || colon == std::string::npos || colon == 0) return;
  block_.fields.emplace_back(to_lower(utf8(trim(std::string_view{line}.substr(0, colon)))),
                             utf8(trim(std::string_view{line}.substr(colon + 1))));
}

std::optional<AmiBlock> AmiReader::end_block() {
  AmiBlock block = std::exchange(block_, {});
  block_bytes_ = 0;
  const bool began = std::exchange(began_, false);
  if (std::exchange(spoilt_, false) || (began && block.fields.empty())) {
    ++skipped_;
    return std::nullopt;
  }
  if (!began) return std::nullopt;
  return block;
}

std::string to_json(const AmiBlock& block) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : block.fields) names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  json::Writer out;
  out.begin_object();
  const auto known = [](const std::string& value) {
    return value == "<unknown>" ? std::string_view{} : std::string_view{value};
  };
  for (const auto& [first, unused] : block.fields) {
    const auto at = std::lower_bound(names.begin(), names.end(), std::string_view{first});
    if (at == names.end() || *at != first) continue;  // told with the first of its name
    names.erase(at);
    std::size_t count = 0;
    for (const auto& [name, value] : block.fields) count += name == first ? 1 : 0;
    out.key(first);
    if (count > 1) out.begin_array();
    for (const auto& [name, value] : block.fields)
      if (name == first) out.string(known(value));
    if (count > 1) out.end_array();
  }
  out.end_object();
  return out.str();
}

}  // namespace hookswitch::feed
