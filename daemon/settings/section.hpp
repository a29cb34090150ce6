#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "base/time.hpp"
#include "daemon/settings/problems.hpp"

namespace hookswitch {

/// One table of the configuration file while it is read. Every reader names its bounds; finish()
/// reports keys nobody asked for. Only for daemon/settings/*.cpp: it drags the TOML parser in.
class Section {
 public:
  /// `table` may be nullptr: an absent section reads as empty and gives the defaults. `path` is
  /// shown before each key.
  Section(const toml::table* table, std::string file, std::string folder, std::string path,
          Problems& problems);

  bool present() const { return table_ != nullptr; }
  bool has(std::string_view key) const { return table_ != nullptr && table_->contains(key); }

  void integer(std::string_view key, std::int64_t least, std::int64_t most,
               const std::function<void(std::int64_t)>& take);
  void boolean(std::string_view key, bool& out);
  void text(std::string_view key, std::string& out);
  /// As text, and a problem when absent or empty.
  void required(std::string_view key, std::string& out);
  /// A date and time with its offset from UTC.
  void time(std::string_view key, std::optional<Time>& out);
  void texts(std::string_view key, std::vector<std::string>& out);
  void text_table(std::string_view key, std::map<std::string, std::string>& out);
  /// A file that holds a secret, relative to the configuration file.
  void secret(std::string_view key, std::optional<Secret>& out);
  Section table(std::string_view key);
  /// The tables of an array of tables; a single table counts as one.
  std::vector<Section> tables(std::string_view key);

  /// A problem at `key`'s place (at the section's own when the key is absent).
  void fail(std::string_view key, std::string_view what);
  /// Keys nobody has asked for.
  void finish();
  std::string place(std::string_view key) const;
  /// `name` relative to the configuration file's folder.
  std::string resolve(const std::string& name) const;
  const toml::table* raw() const { return table_; }

 private:
  const toml::node* node(std::string_view key);

  const toml::table* table_;
  std::string file_, folder_, path_;
  Problems& problems_;
  std::set<std::string, std::less<>> asked_;
};

/// 1..64 letters, digits, '-', '_' or '.'.
bool is_name(std::string_view text);
/// A name that goes into paths, cursors and labels; required.
void read_name(Section& in, std::string_view key, std::string& out);

}  // namespace hookswitch
