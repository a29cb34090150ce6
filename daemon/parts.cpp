#include "daemon/parts.hpp"

#include <algorithm>

namespace hookswitch {

std::string_view part_of(std::string_view path) {
  const auto one_of = [path](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), path) != names.end();
  };
  if (path.starts_with("/v1/hooks/")) return "hooks";
  if (path.starts_with("/apps/") || path.starts_with("/adapter") ||
      one_of({"/v1/events", "/hookswitch.js", "/hookswitch.d.ts", "/login.html", "/login.js"}))
    return "events";
  if (path == "/" || path.starts_with("/console")) return "console";
  if (one_of({"/metrics", "/livez", "/readyz", "/version"})) return "metrics";
  return "api";
}

bool serves(const std::vector<std::string>* parts, std::string_view path) {
  return parts == nullptr || parts->empty() ||
         std::find(parts->begin(), parts->end(), part_of(path)) != parts->end();
}

}  // namespace hookswitch
