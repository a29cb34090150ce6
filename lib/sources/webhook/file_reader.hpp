#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sources/webhook/places.hpp"
#include "sources/webhook/program.hpp"

/// How a dialect file is read: each reader takes a value and its pointer, notes what is wrong there
/// and goes on, so that all problems of a file are told at once. Used by one thread, once a file.
namespace hookswitch::webhook {

using Names = std::initializer_list<std::string_view>;

/// The pointer of the member `name` of what is at `at`.
std::string under(const std::string& at, std::string_view name);

/// What all readers of one file share: its problems, and the words and pointers that they are made
/// of.
class FileReader {
 public:
  FileReader(std::string_view file_name, const Places& places)
      : file_name_(file_name), places_(places) {}
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  void problem(const std::string& at, std::string what);

  /// Counts one part of the program that holds `bytes` of text; false, and once a problem, if the
  /// file makes more than kProgramPartsMax. A long text counts as many parts.
  bool count_part(const std::string& at, std::size_t bytes = 0);

  /// False, and a problem, if `value` is no object. Members not `known` are problems.
  bool is_object_of(const json::Value& value, const std::string& at, Names known) {
    return is_object_of(value, at, std::vector<std::string_view>{known});
  }
  bool is_object_of(const json::Value& value, const std::string& at,
                    const std::vector<std::string_view>& known);
  /// nullopt if there is none; also, with a problem, if it is no text.
  std::optional<std::string> text(const json::Value& object, const std::string& at,
                                  std::string_view name);
  std::string word_of(const json::Value& object, const std::string& at, std::string_view name,
                      Names words, std::string fallback);
  /// The boolean `name`; false if there is none.
  bool flag(const json::Value& object, const std::string& at, std::string_view name);
  Pointer pointer(const json::Value& value, const std::string& at);
  /// nullptr, with a problem, for what RE2 does not take or has another number of groups.
  Regex regex(const json::Value& value, const std::string& at, int groups_least, int groups_most);
  /// Notes the name of a secret, once.
  void note_secret(const std::string& name);

  template <class Each>
  void each_of(const json::Value& object, const std::string& at, const char* name, Each each) {
    const json::Value* value = json::find(object, name);
    if (value == nullptr) return;
    const std::string place = fmt::format("{}/{}", at, name);
    if (!value->IsArray()) return problem(place, "must be a list");
    for (rapidjson::SizeType i = 0; i < value->Size(); ++i)
      each((*value)[i], fmt::format("{}/{}", place, i));
  }

  /// While it lives, /item and /index mean something.
  class Items {
   public:
    explicit Items(FileReader& in, bool are_there = true) : in_(in), by_(are_there ? 1 : 0) {
      in_.item_depth_ += by_;
    }
    ~Items() { in_.item_depth_ -= by_; }
    Items(const Items&) = delete;
    Items& operator=(const Items&) = delete;

   private:
    FileReader& in_;
    int by_;
  };

  std::vector<DialectProblem> problems;
  std::vector<std::string> secrets;      ///< noted so far, in the order of the file
  const json::Value* tables = nullptr;   ///< of the file, for $map
  std::vector<std::string> open_tables;  ///< that are being read, each for the one before
  bool reads_body = false;               ///< set by pointers into the body

 private:
  std::string_view file_name_;
  const Places& places_;
  int item_depth_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace hookswitch::webhook
