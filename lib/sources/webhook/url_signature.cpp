#include "sources/webhook/url_signature.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sources/webhook/decode.hpp"
#include "sources/webhook/form.hpp"

namespace hookswitch::webhook {
namespace {

using Fields = std::vector<FormField>;

/// Fields by name, then value. nullopt: no form, or a broken one.
std::optional<Fields> sorted_fields(std::string_view text) {
  auto fields = form_fields(text);
  if (!fields) return std::nullopt;
  std::sort(fields->begin(), fields->end());
  return std::move(*fields);
}

/// The fields of the body; none of an empty one. A body of another type has no fields, and would
/// go unsigned.
std::optional<Fields> body_fields(const HookRequest& request) {
  if (request.body.empty()) return Fields{};
  const std::string type = media_type(request);
  if (!type.empty() && type != kFormType) return std::nullopt;
  return sorted_fields(request.body);
}

/// `https://user@host:1/path` to the part before the port, the port, and what follows.
struct PortOfUrl {
  std::string_view before, port, after;
};

PortOfUrl find_port(std::string_view url) {
  const auto scheme = url.find("://");
  const std::size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", start), url.size());
  const auto authority = url.substr(start, end - start);
  const auto colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos &&
      authority.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  const std::size_t cut = start + (has_port ? colon : authority.size());
  return {url.substr(0, cut), has_port ? url.substr(cut + 1, end - cut - 1) : std::string_view{},
          url.substr(end)};
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  const auto fields = form_fields(query);
  if (!fields) return std::nullopt;
  for (const auto& field : *fields)
    if (field.name == name) return field.value;
  return std::nullopt;
}

}  // namespace

std::string called_url(std::string_view public_url, const HookRequest& request) {
  std::string out{public_url};
  if (out.empty()) return out;
  if (!request.rest.empty()) out.append("/").append(request.rest);
  if (!request.query.empty()) out.append("?").append(request.query);
  return out;
}

std::vector<std::string> twilio_texts(std::string_view public_url, const HookRequest& request) {
  const std::string url = called_url(public_url, request);
  if (url.empty()) return {};
  std::string tail;
  if (const auto hash = query_value(request.query, "bodySHA256")) {
    if (!equal_constant_time(*hash, to_hex(digest(HashKind::sha256, request.body)))) return {};
  } else {
    const auto fields = body_fields(request);
    if (!fields) return {};
    const FormField* last = nullptr;
    for (const auto& field : *fields) {
      if (last == nullptr || *last != field) tail.append(field.name).append(field.value);
      last = &field;
    }
  }
  const auto [before, port, after] = find_port(url);
  const std::string_view usual = to_lower(url.substr(0, 6)) == "https:" ? "443" : "80";
  std::string with_port{before}, without{before};
  with_port.append(":").append(port.empty() ? usual : port).append(after).append(tail);
  without.append(after).append(tail);
  return {std::move(with_port), std::move(without)};
}

std::optional<std::string> plivo_v3_text(std::string_view public_url, const HookRequest& request,
                                         std::string_view nonce) {
  if (public_url.empty() || nonce.empty()) return std::nullopt;
  const auto query = sorted_fields(request.query);
  const auto fields = request.method == "GET" ? Fields{} : body_fields(request);
  // A body that comes with GET is signed by nobody.
  if (!query || !fields || (request.method == "GET" && !request.body.empty())) return std::nullopt;
  std::string out{public_url};
  if (!request.rest.empty()) out.append("/").append(request.rest);
  if (!query->empty() || !fields->empty()) out += '?';
  for (std::size_t i = 0; i < query->size(); ++i)
    out.append(i == 0 ? "" : "&").append((*query)[i].name).append("=").append((*query)[i].value);
  if (!query->empty() && !fields->empty()) out += '.';
  for (const auto& field : *fields) out.append(field.name).append(field.value);
  return out.append(".").append(nonce);
}

}  // namespace hookswitch::webhook
