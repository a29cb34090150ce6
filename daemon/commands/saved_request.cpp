#include "daemon/commands/saved_request.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHeaders = ".headers";
constexpr std::size_t kRequestBytesMax = kHeaderBytesMax + 16 * 1024 * 1024;

Error wrong(const std::string& path, std::string_view what) {
  return {Errc::bad_request, path + ": " + std::string{what}};
}

std::string rest_of(std::string_view path) {
  static constexpr std::string_view kHooks = "/hooks/";
  const auto hooks = path.find(kHooks);
  if (hooks == std::string_view::npos) return {};
  const auto source = path.substr(hooks + kHooks.size());
  const auto slash = source.find('/');
  return slash == std::string_view::npos ? std::string{} : std::string{source.substr(slash + 1)};
}

/// The file with the body beside NAME.headers; empty: there is none. Error: there are several.
Result<std::string> body_beside(const fs::path& headers) {
  std::vector<std::string> found;
  std::error_code error;
  auto folder = headers.parent_path();
  if (folder.empty()) folder = ".";
  for (const auto& one : fs::directory_iterator{folder, error})
    if (one.path().stem() == headers.stem() && one.path().extension() != kHeaders &&
        one.is_regular_file(error))
      found.push_back(one.path().string());
  if (found.size() > 1) return wrong(headers.string(), "has several bodies beside it");
  return found.empty() ? std::string{} : found.front();
}

Result<HookRequest> read_pair(const std::string& headers, const std::string& body) {
  const auto head = read_file(headers, kHeaderBytesMax);
  if (!head) return head.error();
  auto out = parse_saved_head(*head);
  if (!out) return wrong(headers, out.error().detail);
  if (body.empty()) return out;
  auto bytes = read_file(body, kRequestBytesMax);
  if (!bytes) return bytes.error();
  out->body = std::move(*bytes);
  return out;
}

}  // namespace

Result<HookRequest> parse_saved_head(std::string_view head) {
  HookRequest out;
  out.received = now();
  bool is_first = true;
  while (!head.empty()) {
    const auto end = std::min(head.find('\n'), head.size());
    auto line = head.substr(0, end);
    head.remove_prefix(std::min(end + 1, head.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    if (is_first) {
      is_first = false;
      const auto blank = line.find(' ');
      auto target = blank == std::string_view::npos ? std::string_view{} : line.substr(blank + 1);
      target = target.substr(0, target.find(' '));
      out.method = line.substr(0, std::min(blank, line.size()));
      // An event of a connection that stays open counts as posted.
      if (out.method == "TCP" || out.method == "WS") {
        out.method = "POST";
        if (!target.starts_with('/')) target = "/";
      }
      const auto authority = target.find("://");
      if (authority != std::string_view::npos)
        target.remove_prefix(std::min(target.find('/', authority + 3), target.size()));
      if (!target.starts_with('/') ||
          out.method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos)
        return Error{Errc::bad_request, "does not begin with a request line, like POST /path"};
      const auto question = target.find('?');
      if (question != std::string_view::npos) out.query = target.substr(question + 1);
      out.rest = rest_of(target.substr(0, question));
      continue;
    }
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos)
      return Error{Errc::bad_request, "has a line among its headers that is none"};
    out.headers.emplace_back(to_lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  if (is_first) return Error{Errc::bad_request, "has no request line"};
  return out;
}

Result<HookRequest> read_saved_request(const std::string& path) {
  const fs::path file{path};
  if (file.extension() == kHeaders) {
    const auto body = body_beside(file);
    return body ? read_pair(path, *body) : Result<HookRequest>{body.error()};
  }
  fs::path headers = file;
  headers.replace_extension(kHeaders);
  std::error_code error;
  if (fs::exists(headers, error)) return read_pair(headers.string(), path);
  const auto text = read_file(path, kRequestBytesMax);
  if (!text) return text.error();
  const auto lf = text->find("\n\n"), crlf = text->find("\r\n\r\n");
  const auto end = std::min(lf, crlf);
  auto out = parse_saved_head(std::string_view{*text}.substr(0, end));
  if (!out) return wrong(path, out.error().detail);
  if (end != std::string::npos) out->body = text->substr(end + (end == crlf ? 4 : 2));
  return out;
}

}  // namespace hookswitch
