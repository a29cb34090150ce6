#include "sources/webhook/form.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/text.hpp"
#include "sources/webhook/program.hpp"

namespace hookswitch::webhook {
namespace {

using json::Value;
using Arena = json::Document::AllocatorType;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// A `%` that begins no escape stands for itself (WHATWG URL §1.3).
std::string unescape(std::string_view text) {
  if (auto plain = percent_decode(text, true)) return std::move(*plain);
  std::string mended;
  for (std::size_t i = 0; i < text.size(); ++i) {
    mended += text[i];
    if (text[i] == '%' && (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])))
      mended += "25";
  }
  return percent_decode(mended, true).value_or("");
}

/// Old senders know no UTF-8; each of their bytes is the code point of that number.
std::string to_utf8(std::string text) {
  if (is_utf8(text)) return text;
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) out += static_cast<char>(0xc0 | byte >> 6);
    out += byte >= 0x80 ? static_cast<char>(0x80 | (byte & 0x3f)) : c;
  }
  return out;
}

Result<std::vector<FormField>> split(std::string_view text, bool decode) {
  std::vector<FormField> out;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    if (out.size() == kFormFieldsMax) return Error{Errc::too_many_fields, "too many form fields"};
    const auto equals = pair.find('=');
    const auto name = pair.substr(0, equals);
    const auto value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    FormField field{to_utf8(decode ? unescape(name) : std::string{name}),
                    to_utf8(decode ? unescape(value) : std::string{value})};
    if (!field.name.empty()) out.push_back(std::move(field));
  }
  return out;
}

/// `a[b][]` to {"a","b",""}. Brackets that do not pair are part of the name, as in PHP.
std::vector<std::string> split_name(const std::string& name) {
  const auto open = name.find('[');
  if (open == std::string::npos || open == 0) return {name};
  std::vector<std::string> out{name.substr(0, open)};
  for (std::size_t at = open; at < name.size();) {
    const auto close = name[at] == '[' ? name.find(']', at) : std::string::npos;
    if (close == std::string::npos) return out.size() == 1 ? std::vector<std::string>{name} : out;
    out.push_back(name.substr(at + 1, close - at - 1));
    at = close + 1;
  }
  return out;
}

/// The fields of one form as a tree; children keep the order of their first mention.
struct Node {
  std::string text;
  std::vector<std::string> names;
  std::vector<Node> children;
  std::unordered_map<std::string, std::size_t> index;
  long long next = 0;

  Node& child(const std::string& token) {
    const std::string key = token.empty() ? std::to_string(next) : token;
    if (const auto number = parse_int(key); number && *number >= next && *number < 1'000'000)
      next = *number + 1;
    const auto [it, fresh] = index.try_emplace(key, children.size());
    if (fresh) {
      names.push_back(key);
      children.emplace_back();
    }
    return children[it->second];
  }

  bool is_list() const {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] != std::to_string(i)) return false;
    return true;
  }
};

Value to_string_value(const std::string& text, Arena& arena) {
  return Value{text.data(), static_cast<rapidjson::SizeType>(text.size()), arena};
}

Value to_value(const Node& node, bool root, Arena& arena) {
  if (node.children.empty() && !root) return to_string_value(node.text, arena);
  if (!root && node.is_list()) {
    Value out{rapidjson::kArrayType};
    for (const auto& child : node.children) out.PushBack(to_value(child, false, arena), arena);
    return out;
  }
  Value out{rapidjson::kObjectType};
  for (std::size_t i = 0; i < node.names.size(); ++i)
    out.AddMember(to_string_value(node.names[i], arena), to_value(node.children[i], false, arena),
                  arena);
  return out;
}

Result<Value> parse_flat(std::string_view text, bool decode, Arena& arena) {
  auto fields = split(text, decode);
  if (!fields) return fields.error();
  Node root;
  for (auto& field : *fields) root.child(field.name).text = std::move(field.value);
  return to_value(root, true, arena);
}

}  // namespace

Result<std::vector<FormField>> form_fields(std::string_view text) { return split(text, true); }

Result<Value> parse_form(std::string_view text, Arena& arena) {
  auto fields = split(text, true);
  if (!fields) return fields.error();
  Node root;
  for (auto& field : *fields) {
    const auto tokens = split_name(field.name);
    if (tokens.size() > kFormNestingMax + 1)
      return Error{Errc::too_deep, "form brackets are nested too deeply"};
    Node* node = &root;
    for (const auto& token : tokens) node = &node->child(token);
    *node = Node{};
    node->text = std::move(field.value);
  }
  return to_value(root, true, arena);
}

Result<Value> parse_raw_form(std::string_view text, Arena& arena) {
  return parse_flat(text, false, arena);
}
Result<Value> parse_flat_form(std::string_view text, Arena& arena) {
  return parse_flat(text, true, arena);
}

}  // namespace hookswitch::webhook
