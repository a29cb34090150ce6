#include "sources/webhook/file_reader.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hookswitch::webhook {

using json::Value;

std::string under(const std::string& at, std::string_view name) {
  return fmt::format("{}/{}", at, escape_token(name));
}

void FileReader::problem(const std::string& at, std::string what) {
  if (problems.size() == kProblemsMax) return;
  DialectProblem found{
      fmt::format("{}:{}: {}", file_name_, places_.line(at), at.empty() ? "/" : at),
      std::move(what)};
  // A table that two rules use is read twice.
  if (std::find(problems.begin(), problems.end(), found) == problems.end())
    problems.push_back(std::move(found));
}

bool FileReader::count_part(const std::string& at, std::size_t bytes) {
  if (parts_ > kProgramPartsMax) return false;
  parts_ += 1 + bytes / kPartBytes;
  if (parts_ <= kProgramPartsMax) return true;
  problem(at, fmt::format("makes more than {} parts; a table counts wherever it is used",
                          kProgramPartsMax));
  return false;
}

bool FileReader::is_object_of(const Value& value, const std::string& at,
                              const std::vector<std::string_view>& known) {
  if (!value.IsObject()) {
    problem(at, "must be an object");
    return false;
  }
  for (const auto& member : value.GetObject())
    if (std::find(known.begin(), known.end(), json::text(member.name)) == known.end())
      problem(under(at, json::text(member.name)), "unknown key");
  return true;
}

std::optional<std::string> FileReader::text(const Value& object, const std::string& at,
                                            std::string_view name) {
  const Value* value = json::find(object, name);
  if (value == nullptr) return std::nullopt;
  if (value->IsString()) return std::string{json::text(*value)};
  problem(under(at, name), "must be text");
  return std::nullopt;
}

std::string FileReader::word_of(const Value& object, const std::string& at, std::string_view name,
                                Names words, std::string fallback) {
  const auto found = text(object, at, name);
  if (!found) return fallback;
  if (std::find(words.begin(), words.end(), *found) == words.end())
    problem(under(at, name), fmt::format("must be one of: {}", fmt::join(words, " ")));
  return *found;
}

bool FileReader::flag(const Value& object, const std::string& at, std::string_view name) {
  const Value* value = json::find(object, name);
  if (value == nullptr) return false;
  if (!value->IsBool()) problem(under(at, name), "must be true or false");
  return value->IsTrue();
}

Pointer FileReader::pointer(const Value& value, const std::string& at) {
  Pointer out;
  if (!value.IsString() || !json::text(value).starts_with('/')) {
    problem(at, "must be a JSON pointer that begins with '/'");
    return out;
  }
  std::string_view left = json::text(value).substr(1);
  std::vector<std::string> tokens;
  for (bool more = true; more;) {
    const auto slash = left.find('/');
    more = slash != std::string_view::npos;
    std::string token;
    const auto raw = left.substr(0, slash);
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '~') {
        token += raw[i];
      } else if (++i < raw.size() && (raw[i] == '0' || raw[i] == '1')) {
        token += raw[i] == '0' ? '~' : '/';
      } else {
        problem(at, "'~' in a JSON pointer is written ~0 ('/' is ~1)");
        return out;
      }
    }
    tokens.push_back(std::move(token));
    if (more) left.remove_prefix(slash + 1);
  }
  const auto root = std::find_if(kRoots.begin(), kRoots.end(),
                                 [&](const auto& each) { return each.first == tokens.front(); });
  if (root == kRoots.end()) {
    problem(at,
            "points into nothing; it must begin with /method /path /query /header /body /raw_form "
            "/index or /item "
            "(text that begins with '/' is written {\"$lit\": …})");
    return out;
  }
  out.root = root->second;
  out.tokens.assign(tokens.begin() + 1, tokens.end());
  if (out.root == Root::header && !out.tokens.empty())
    out.tokens.front() = to_lower(out.tokens.front());
  if ((out.root == Root::item || out.root == Root::index) && item_depth_ == 0)
    problem(at, "/item and /index are only there under 'each' and in $find");
  if (out.root == Root::body || out.root == Root::raw_form) reads_body = true;
  return out;
}

Regex FileReader::regex(const Value& value, const std::string& at, int groups_least,
                        int groups_most) {
  if (!value.IsString()) {
    problem(at, "must be a regular expression as text");
    return nullptr;
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  const auto source = json::text(value);
  if (!count_part(at, source.size())) return nullptr;
  auto out = std::make_shared<const RE2>(re2::StringPiece{source.data(), source.size()}, options);
  if (!out->ok()) {
    problem(at, fmt::format("not a regular expression: {}", out->error()));
    return nullptr;
  }
  const int groups = out->NumberOfCapturingGroups();
  if (groups < groups_least || groups > groups_most) {
    problem(at,
            fmt::format("has {} groups, must have {} to {}", groups, groups_least, groups_most));
    return nullptr;
  }
  return out;
}

void FileReader::note_secret(const std::string& name) {
  if (!name.empty() && std::find(secrets.begin(), secrets.end(), name) == secrets.end())
    secrets.push_back(name);
}

}  // namespace hookswitch::webhook
