#include "base/json.hpp"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
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

template <class Number>
std::optional<Number> read(std::string_view text) {
  Number out{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

/// Of a JSON number that no double can hold: is it too small, not too large?
bool is_below_one(std::string_view number) {
  const auto mark = number.find_first_of("eE");
  const auto digits = number.substr(0, mark);
  const auto point = std::min(digits.find('.'), digits.size());
  const auto first = std::min(digits.find_first_of("123456789"), digits.size());
  std::string_view power = mark == std::string_view::npos ? "0" : number.substr(mark + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  const auto exponent = parse_int(power);
  if (!exponent) return power.starts_with('-');
  return *exponent < static_cast<long long>(first) - static_cast<long long>(point);
}

/// Stands between reader and tree: depth, count, duplicate keys and what escapes decode to are
/// looked at before a value is built. Nothing recurses, so depth cannot cost stack.
class Guard {
 public:
  Guard(const Limits& limits, bool has_escapes, Document& out)
      : limits_(limits), has_escapes_(has_escapes), out_(out) {}

  bool Null() { return count() && out_.Null(); }
  bool Bool(bool value) { return count() && out_.Bool(value); }
  // Numbers come as text, all of them (kParseNumbersAsStringsFlag).
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    if (!count()) return false;
    const std::string_view number{text, size};
    if (const auto whole = read<std::int64_t>(number)) return out_.Int64(*whole);
    if (const auto whole = read<std::uint64_t>(number)) return out_.Uint64(*whole);
    if (const auto real = read<double>(number)) return out_.Double(*real);
    if (is_below_one(number)) return out_.Double(0);
    return fail(Errc::bad_json, "a number is too large");
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
// Numbers as text: RapidJSON's own reading of 0.0e40 is undefined behaviour.
constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

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
