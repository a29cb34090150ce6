#include "sources/webhook/jwt.hpp"

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hookswitch::webhook {

std::optional<CompactJws> split_jws(std::string_view text) {
  text = trim(text);
  const auto first = text.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  auto header = from_base64url(text.substr(0, first));
  auto claims = from_base64url(text.substr(first + 1, second - first - 1));
  auto signature = from_base64url(text.substr(second + 1));
  if (!header || !claims || !signature || header->empty() || claims->empty()) return std::nullopt;
  return CompactJws{text.substr(0, second), std::move(*header), std::move(*claims),
                    std::move(*signature)};
}

bool is_hs256_by(const CompactJws& token, std::string_view secret) {
  // The proof first: what is not proven is not parsed.
  if (!equal_constant_time(hmac(HashKind::sha256, secret, token.signing_input), token.signature))
    return false;
  const auto header = json::parse(token.header);
  return header && json::find_string(*header, "alg") == "HS256" &&
         json::find(*header, "crit") == nullptr;
}

}  // namespace hookswitch::webhook
