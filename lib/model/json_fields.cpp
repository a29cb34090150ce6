#include "model/json_fields.hpp"

#include <fmt/format.h>

namespace hookswitch::fields {

Reader::Reader(const json::Value& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (!object.IsObject()) problem_ = Error{Errc::bad_request, path_ + ": is not an object"};
}

void Reader::fail(std::string_view name, std::string_view what) {
  if (!problem_) problem_ = Error{Errc::bad_request, fmt::format("{}/{}: {}", path_, name, what)};
}

void Reader::adopt(Reader& nested) {
  if (!problem_ && nested.problem_) problem_ = std::move(nested.problem_);
}

const json::Value* Reader::member(std::string_view name) {
  if (problem_) return nullptr;
  const json::Value* value = json::find(object_, name);
  return value == nullptr || value->IsNull() ? nullptr : value;
}

void Reader::text(std::string_view name, std::string& out, std::size_t bytes_max) {
  const json::Value* value = member(name);
  if (value == nullptr) return;
  if (value->IsString()) {
    out = json::text(*value);
  } else if (value->IsInt64()) {
    out = fmt::format("{}", value->GetInt64());
  } else {
    return fail(name, "is not text");
  }
  if (out.size() > bytes_max) fail(name, "is too long");
}

void Reader::text(std::string_view name, Text& out, std::size_t bytes_max) {
  if (member(name) == nullptr) return;
  std::string value;
  text(name, value, bytes_max);
  out = Text{std::move(value)};
}

void Reader::texts(std::string_view name, std::vector<Text>& out, std::size_t count_max,
                   std::size_t bytes_max) {
  const json::Value* value = member(name);
  if (value == nullptr) return;
  const auto add = [&](const json::Value& item) {
    if (item.IsString()) {
      out.emplace_back(json::text(item));
    } else if (item.IsInt64()) {
      out.emplace_back(fmt::format("{}", item.GetInt64()));
    } else {
      return fail(name, "is not text");
    }
    if (out.back().size() > bytes_max) fail(name, "is too long");
    if (out.back().empty()) out.pop_back();
  };
  if (!value->IsArray()) return add(*value);
  if (value->Size() > count_max) return fail(name, "has too many items");
  for (const auto& item : value->GetArray()) add(item);
}

void Reader::integer(std::string_view name, std::optional<std::int64_t>& out) {
  const json::Value* value = member(name);
  if (value == nullptr) return;
  if (!value->IsInt64()) return fail(name, "is not a whole number");
  out = value->GetInt64();
}

void Reader::boolean(std::string_view name, bool& out) {
  const json::Value* value = member(name);
  if (value == nullptr) return;
  if (!value->IsBool()) return fail(name, "is not true or false");
  out = value->GetBool();
}

void Reader::time(std::string_view name, std::optional<Time>& out) {
  const json::Value* value = member(name);
  if (value == nullptr) return;
  if (value->IsString()) out = parse_rfc3339(json::text(*value));
  if (!out) fail(name, "is not an RFC 3339 time");
}

void Reader::text_map(std::string_view name, std::map<std::string, std::string>& out) {
  const json::Value* map = object(name);
  if (map == nullptr) return;
  if (map->MemberCount() > kHeadersPerCallMax) return fail(name, "has too many members");
  Reader nested{*map, fmt::format("{}/{}", path_, name)};
  for (const auto& item : map->GetObject()) {
    const std::string key{json::text(item.name)};
    if (key.empty() || key.size() > kIdBytesMax) return fail(name, "has an empty or too long name");
    std::string value;
    nested.text(key, value);
    out[key] = std::move(value);
  }
  adopt(nested);
}

void Reader::party(std::string_view name, Party& out) {
  const json::Value* value = object(name);
  if (value == nullptr) return;
  Reader nested{*value, fmt::format("{}/{}", path_, name)};
  nested.text("number", out.number, kIdBytesMax);
  nested.text("presented", out.presented, kIdBytesMax);
  nested.text("ext", out.ext, kIdBytesMax);
  nested.text("name", out.name);
  nested.text("aor", out.aor, kIdBytesMax);
  adopt(nested);
}

const json::Value* Reader::object(std::string_view name) {
  const json::Value* value = member(name);
  if (value != nullptr && !value->IsObject()) {
    fail(name, "is not an object");
    return nullptr;
  }
  return value;
}

const json::Value* Reader::array(std::string_view name, std::size_t count_max) {
  const json::Value* value = member(name);
  if (value == nullptr) return nullptr;
  if (!value->IsArray()) {
    fail(name, "is not an array");
    return nullptr;
  }
  if (value->Size() > count_max) {
    fail(name, "has too many items");
    return nullptr;
  }
  return value;
}

void write_text(json::Writer& out, std::string_view name, const std::string& text) {
  if (!text.empty()) out.member(name, text);
}

void write_time(json::Writer& out, std::string_view name, const std::optional<Time>& time) {
  if (time) out.member(name, to_rfc3339(*time));
}

void write_party(json::Writer& out, std::string_view name, const Party& party) {
  if (party.empty()) return;
  out.key(name).begin_object();
  write_text(out, "number", party.number);
  write_text(out, "presented", party.presented);
  write_text(out, "ext", party.ext);
  write_text(out, "name", party.name);
  write_text(out, "aor", party.aor);
  out.end_object();
}

void write_map(json::Writer& out, std::string_view name,
               const std::map<std::string, std::string>& map) {
  out.key(name).begin_object();
  for (const auto& [key, value] : map) out.member(key, value);
  out.end_object();
}

}  // namespace hookswitch::fields
