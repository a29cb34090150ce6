#include "sources/webhook/blocks.hpp"

#include "base/text.hpp"
#include "sources/webhook/program.hpp"

namespace hookswitch::webhook {
namespace {

using json::Value;
using Arena = json::Document::AllocatorType;

Value text_value(std::string_view text, Arena& arena) {
  return Value{text.data(), static_cast<rapidjson::SizeType>(text.size()), arena};
}

void add_field(Value& block, std::string_view name, std::string_view text, Arena& arena) {
  Value key = text_value(to_lower(name), arena);
  Value value = text_value(text == "<unknown>" ? "" : text, arena);
  const auto known = block.FindMember(key);
  if (known == block.MemberEnd()) {
    block.AddMember(key, value, arena);
  } else if (known->value.IsArray()) {
    known->value.PushBack(value, arena);
  } else {
    Value both{rapidjson::kArrayType};
    both.PushBack(known->value, arena).PushBack(value, arena);
    known->value = std::move(both);
  }
}

}  // namespace

Result<Value> parse_blocks(std::string_view text, Arena& arena) {
  if (!is_utf8(text)) return Error{Errc::bad_encoding, "the text is not UTF-8"};
  Value out{rapidjson::kArrayType}, block{rapidjson::kObjectType};
  std::size_t lines = 0, fields = 0;
  const auto close = [&] {
    if (!block.ObjectEmpty()) out.PushBack(block, arena);
    block.SetObject();
    lines = 0;
  };
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) {
      close();
      continue;
    }
    const auto colon = line.find(':');
    const auto name = trim(line.substr(0, colon));
    if (colon == std::string_view::npos || name.empty()) continue;
    if (++lines > kBlockLinesMax || ++fields > kBlockFieldsMax)
      return Error{Errc::too_many_fields, "too many lines"};
    add_field(block, name, trim(line.substr(colon + 1)), arena);
  }
  close();
  return out;
}

}  // namespace hookswitch::webhook
