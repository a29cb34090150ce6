#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/time.hpp"
#include "model/party.hpp"

/// Shared by the JSON of fact, call and event. Not for other rooms.
namespace hookswitch::fields {

/// Collects the first problem while members are read; after one, further reads do nothing.
class Reader {
 public:
  explicit Reader(const json::Value& object, std::string path = {});

  /// Text or, where sources send ids as numbers, an integer. Longer than `bytes_max` is a problem.
  /// null is "not told".
  void text(std::string_view name, std::string& out, std::size_t bytes_max = kTextBytesMax);
  void text(std::string_view name, Text& out, std::size_t bytes_max = kTextBytesMax);
  /// A list of texts, or one text.
  void texts(std::string_view name, std::vector<Text>& out, std::size_t count_max,
             std::size_t bytes_max = kIdBytesMax);
  void integer(std::string_view name, std::optional<std::int64_t>& out);
  void boolean(std::string_view name, bool& out);
  void time(std::string_view name, std::optional<Time>& out);
  void text_map(std::string_view name, std::map<std::string, std::string>& out);
  void party(std::string_view name, Party& out);
  /// The member if it is an object; nullptr if absent or null; a problem otherwise.
  const json::Value* object(std::string_view name);
  const json::Value* array(std::string_view name, std::size_t count_max);
  template <class Enum>
  void word(std::string_view name, std::optional<Enum>& out) {
    std::string value;
    text(name, value, 64);
    if (problem_ || value.empty()) return;
    out = from_word<Enum>(value);
    if (!out) fail(name, "is not a known word");
  }

  void fail(std::string_view name, std::string_view what);
  /// Takes over a problem of a nested reader.
  void adopt(Reader& nested);
  const std::optional<Error>& problem() const { return problem_; }

 private:
  const json::Value* member(std::string_view name);

  const json::Value& object_;
  std::string path_;
  std::optional<Error> problem_;
};

void write_party(json::Writer& out, std::string_view name, const Party& party);
void write_text(json::Writer& out, std::string_view name,
                const std::string& text);  ///< left out when empty
void write_time(json::Writer& out, std::string_view name,
                const std::optional<Time>& time);  ///< left out when not set
void write_map(json::Writer& out, std::string_view name,
               const std::map<std::string, std::string>& map);

}  // namespace hookswitch::fields
