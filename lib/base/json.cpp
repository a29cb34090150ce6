#include "base/json.hpp"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <memory>
#include <unordered_set>
#include <vector>

#include "base/text.hpp"

namespace hookswitch::json {
namespace {

/// The keys of the objects that are open: is one there twice? Most objects have few, so those are
/// compared one by one; larger ones get a set, so that no document costs more than its length.
class OpenKeys {
 public:
  void open() { levels_.push_back({keys_.size(), text_.size(), nullptr}); }
  void close() {
    keys_.resize(levels_.back().first_key);
    text_.resize(levels_.back().text_begin);
    levels_.pop_back();
  }
  std::size_t depth() const { return levels_.size(); }

  /// False if the innermost object has it already.
  bool add(std::string_view key) {
    Level& level = levels_.back();
    if (level.many) return level.many->emplace(key).second;
    for (std::size_t i = level.first_key; i < keys_.size(); ++i)
      if (at(keys_[i]) == key) return false;
    keys_.push_back({text_.size(), key.size()});
    text_ += key;
    if (keys_.size() - level.first_key > kFew) {
      level.many = std::make_unique<std::unordered_set<std::string>>();
      for (std::size_t i = level.first_key; i < keys_.size(); ++i)
        level.many->emplace(at(keys_[i]));
    }
    return true;
  }

 private:
  static constexpr std::size_t kFew = 32;
  struct Span {
    std::size_t begin, size;
  };
  struct Level {
    std::size_t first_key, text_begin;
    std::unique_ptr<std::unordered_set<std::string>> many;
  };
  std::string_view at(Span span) const {
    return std::string_view{text_}.substr(span.begin, span.size);
  }

  std::string text_;
  std::vector<Span> keys_;
  std::vector<Level> levels_;
};

/// Stands between reader and tree: depth, count, duplicate keys and what escapes decode to are
/// looked at before a value is built. Nothing recurses, so depth cannot cost stack.
class Guard {
 public:
  Guard(const Limits& limits, bool has_escapes, Document& out)
      : limits_(limits), has_escapes_(has_escapes), out_(out) {}

  bool Null() { return count() && out_.Null(); }
  bool Bool(bool value) { return count() && out_.Bool(value); }
  bool Int(int value) { return count() && out_.Int(value); }
  bool Uint(unsigned value) { return count() && out_.Uint(value); }
  bool Int64(std::int64_t value) { return count() && out_.Int64(value); }
  bool Uint64(std::uint64_t value) { return count() && out_.Uint64(value); }
  bool Double(double value) { return count() && out_.Double(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool copy) {
    return count() && out_.RawNumber(text, size, copy);
  }
  bool String(const char* text, rapidjson::SizeType size, bool copy) {
    return count() && is_text(text, size, "a string is not valid UTF-8") &&
           out_.String(text, size, copy);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) {
    if (!count() || !is_text(text, size, "a key is not valid UTF-8")) return false;
    if (!keys_.add({text, size})) return fail(Errc::bad_json, "a key occurs twice");
    return out_.Key(text, size, copy);
  }
  bool StartObject() { return open() && out_.StartObject(); }
  bool StartArray() { return open() && out_.StartArray(); }
  bool EndObject(rapidjson::SizeType count) {
    keys_.close();
    return out_.EndObject(count);
  }
  bool EndArray(rapidjson::SizeType count) {
    keys_.close();
    return out_.EndArray(count);
  }

  std::optional<Error> error;

 private:
  bool fail(Errc code, const char* detail) {
    error = Error{code, detail};
    return false;
  }
  /// RapidJSON lets the escape of a lone low surrogate (\uDD1E) through; what it decodes to is not
  /// UTF-8. Text without escapes is what came in, which is.
  bool is_text(const char* text, rapidjson::SizeType size, const char* detail) {
    return !has_escapes_ || is_utf8({text, size}) || fail(Errc::bad_encoding, detail);
  }
  bool count() {
    return ++values_ <= limits_.values_max || fail(Errc::too_many_fields, "too many values");
  }
  bool open() {
    keys_.open();
    return count() &&
           (keys_.depth() <= limits_.depth_max || fail(Errc::too_deep, "nested too deeply"));
  }

  const Limits& limits_;
  bool has_escapes_;
  Document& out_;
  std::size_t values_ = 0;
  OpenKeys keys_;
};

// Without kParseValidateEncodingFlag: the whole text is known to be UTF-8 by then.
constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag;

}  // namespace

Result<Document> parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes_max) return Error{Errc::body_too_large, "more bytes than allowed"};
  if (!is_utf8(text)) return Error{Errc::bad_encoding, "not valid UTF-8"};
  // RapidJSON takes NUL for the end of its input and would not look at what follows.
  if (text.find('\0') != std::string_view::npos) return Error{Errc::bad_json, "holds a NUL byte"};
  Document document;
  Guard guard{limits, text.find("\\u") != std::string_view::npos, document};
  rapidjson::ParseResult result;
  const auto read = [&](Document&) {
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream{text.data(), text.size()};
    result = reader.Parse<kFlags>(stream, guard);
    return !result.IsError();
  };
  document.Populate(read);
  if (guard.error) return *guard.error;
  if (result.IsError())
    return Error{
        Errc::bad_json,
        fmt::format("{} at byte {}", rapidjson::GetParseError_En(result.Code()), result.Offset())};
  return document;
}

const Value* find(const Value& object, std::string_view name) {
  if (!object.IsObject()) return nullptr;
  const Value key{rapidjson::StringRef(name.empty() ? "" : name.data(),
                                       static_cast<rapidjson::SizeType>(name.size()))};
  const auto it = object.FindMember(key);
  return it == object.MemberEnd() ? nullptr : &it->value;
}

std::optional<std::string_view> find_string(const Value& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return text(*value);
}

std::optional<std::int64_t> find_int(const Value& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->IsInt64()) return std::nullopt;
  return value->GetInt64();
}

std::optional<bool> find_bool(const Value& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->IsBool()) return std::nullopt;
  return value->GetBool();
}

std::string to_string(const Value& value) {
  Writer out;
  out.value(value);
  return out.str();
}

}  // namespace hookswitch::json
