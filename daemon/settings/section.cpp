#include "daemon/settings/section.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <algorithm>

namespace hookswitch {

Section::Section(const toml::table* table, std::string file, std::string folder, std::string path,
                 Problems& problems)
    : table_(table),
      file_(std::move(file)),
      folder_(std::move(folder)),
      path_(std::move(path)),
      problems_(problems) {}

const toml::node* Section::node(std::string_view key) {
  asked_.emplace(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

std::string Section::place(std::string_view key) const {
  toml::source_position at{1, 1};
  if (table_ != nullptr) {
    at = table_->source().begin;
    if (const auto it = table_->find(key); it != table_->end()) at = it->first.source().begin;
  }
  return fmt::format("{}:{}:{}", file_, at.line, at.column);
}

void Section::fail(std::string_view key, std::string_view what) {
  problems_.push_back(fmt::format("{}: {}{}{}: {}", place(key), path_,
                                  path_.empty() || key.empty() ? "" : ".", key, what));
}

std::string Section::resolve(const std::string& name) const {
  return name.starts_with('/') ? name : folder_ + "/" + name;
}

void Section::integer(std::string_view key, std::int64_t least, std::int64_t most,
                      const std::function<void(std::int64_t)>& take) {
  const toml::node* found = node(key);
  if (found == nullptr) return;
  const auto value = found->value_exact<std::int64_t>();
  if (!value) return fail(key, "must be a whole number");
  if (*value < least || *value > most)
    return fail(key, fmt::format("must be {}..{}, is {}", least, most, *value));
  take(*value);
}

void Section::boolean(std::string_view key, bool& out) {
  const toml::node* found = node(key);
  if (found == nullptr) return;
  const auto value = found->value_exact<bool>();
  if (!value) return fail(key, "must be true or false");
  out = *value;
}

void Section::text(std::string_view key, std::string& out) {
  const toml::node* found = node(key);
  if (found == nullptr) return;
  const auto value = found->value_exact<std::string>();
  if (!value) return fail(key, "must be text");
  if (value->find_first_of(std::string_view{"\r\n\0", 3}) != std::string::npos)
    return fail(key, "must be one line");
  out = *value;
}

void Section::required(std::string_view key, std::string& out) {
  const bool there = node(key) != nullptr;
  text(key, out);
  if (!there) fail(key, "is missing");
  if (there && out.empty() && table_->get(key)->is_string()) fail(key, "must not be empty");
}

void Section::time(std::string_view key, std::optional<Time>& out) {
  const toml::node* found = node(key);
  if (found == nullptr) return;
  const auto value = found->value_exact<toml::date_time>();
  if (!value || !value->offset)
    return fail(key,
                "must be a date and time with its offset, without quotes: 2027-01-31T23:59:59Z");
  const std::chrono::year_month_day day{std::chrono::year{value->date.year},
                                        std::chrono::month{value->date.month},
                                        std::chrono::day{value->date.day}};
  out = std::chrono::sys_days{day} + std::chrono::hours{value->time.hour} +
        std::chrono::minutes{value->time.minute - value->offset->minutes} +
        std::chrono::seconds{value->time.second};
}

void Section::texts(std::string_view key, std::vector<std::string>& out) {
  const toml::node* found = node(key);
  if (found == nullptr) return;
  const toml::array* list = found->as_array();
  if (list == nullptr) return fail(key, "must be a list of texts");
  for (const auto& item : *list) {
    const auto value = item.value_exact<std::string>();
    if (!value || value->empty()) return fail(key, "must be a list of texts");
    out.push_back(*value);
  }
}

void Section::text_table(std::string_view key, std::map<std::string, std::string>& out) {
  const toml::node* found = node(key);
  if (found == nullptr) return;
  const toml::table* map = found->as_table();
  if (map == nullptr) return fail(key, "must be a table of texts");
  for (const auto& [name, item] : *map) {
    const auto value = item.value_exact<std::string>();
    if (!value || value->find_first_of("\r\n") != std::string::npos)
      return fail(key, "must be a table of one-line texts");
    out[std::string{name.str()}] = *value;
  }
}

void Section::secret(std::string_view key, std::optional<Secret>& out) {
  std::string name;
  text(key, name);
  if (name.empty()) return;
  auto read = read_secret_file(resolve(name));
  if (!read) return fail(key, read.error().detail);
  out = std::move(*read);
}

Section Section::table(std::string_view key) {
  const toml::node* found = node(key);
  if (found != nullptr && !found->is_table()) {
    fail(key, "must be a table");
    found = nullptr;
  }
  return {found == nullptr ? nullptr : found->as_table(), file_, folder_,
          path_.empty() ? std::string{key} : fmt::format("{}.{}", path_, key), problems_};
}

std::vector<Section> Section::tables(std::string_view key) {
  std::vector<Section> out;
  const toml::node* found = node(key);
  if (found == nullptr) return out;
  if (const toml::table* one = found->as_table()) {
    out.emplace_back(one, file_, folder_, std::string{key}, problems_);
    return out;
  }
  const toml::array* list = found->as_array();
  if (list == nullptr) {
    fail(key, "must be written as [[" + std::string{key} + "]]");
    return out;
  }
  for (const auto& item : *list) {
    if (const toml::table* one = item.as_table())
      out.emplace_back(one, file_, folder_, std::string{key}, problems_);
    else
      fail(key, "must be written as [[" + std::string{key} + "]]");
  }
  return out;
}

void Section::finish() {
  if (table_ == nullptr) return;
  for (const auto& [name, item] : *table_)
    if (!asked_.contains(name.str())) fail(name.str(), "unknown key");
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

void read_name(Section& in, std::string_view key, std::string& out) {
  in.required(key, out);
  if (!out.empty() && !is_name(out)) in.fail(key, "must be 1..64 letters, digits, '-', '_' or '.'");
}

}  // namespace hookswitch
