#include "auth/token.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kTokenBytesMax = 8192;
constexpr std::int64_t kYear9999 = 253'402'300'799;

Error invalid(const char* why) { return Error{Errc::auth_invalid, why}; }

/// JSON object in one base64url part.
Result<json::Document> part(std::string_view text) {
  const auto bytes = from_base64url(text);
  if (!bytes) return invalid("a part is not canonical base64url");
  auto document = json::parse(*bytes, {.bytes_max = kTokenBytesMax});
  if (!document || !document->IsObject()) return invalid("a part is not a JSON object");
  return document;
}

std::optional<Time> seconds_claim(const json::Value& claims, std::string_view name, bool& wrong) {
  const json::Value* value = json::find(claims, name);
  if (value == nullptr) return std::nullopt;
  if (!value->IsNumber() || value->GetDouble() < 0 ||
      value->GetDouble() > static_cast<double>(kYear9999)) {
    wrong = true;
    return std::nullopt;
  }
  return from_unix_ms(static_cast<std::int64_t>(value->GetDouble() * 1000));
}

}  // namespace

Result<Grant> TokenVerifier::verify(std::string_view token, Time now) const {
  if (token.empty()) return Error{Errc::auth_missing, "no token"};
  if (token.size() > kTokenBytesMax) return invalid("too long");
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return invalid("not three parts");
  const auto signature = from_base64url(token.substr(second + 1));
  if (!signature) return invalid("signature is not canonical base64url");
  // The signature is checked before anything in the token is looked at.
  const bool good = std::any_of(secrets_.begin(), secrets_.end(), [&](const Secret& secret) {
    return equal_constant_time(hmac(HashKind::sha256, secret.reveal(), token.substr(0, second)),
                               *signature);
  });
  if (!good) return invalid("signature");
  auto header = part(token.substr(0, first));
  if (!header) return header.error();
  if (json::find_string(*header, "alg") != "HS256" || json::find(*header, "crit") != nullptr)
    return invalid("alg or crit");
  auto claims = part(token.substr(first + 1, second - first - 1));
  if (!claims) return claims.error();

  Grant grant;
  const auto sub = json::find_string(*claims, "sub"), org = json::find_string(*claims, "org");
  const auto scope = json::find_string(*claims, "scope");
  if (!org || org->empty() || !scope) return invalid("org or scope is missing");
  const auto scopes = parse_scopes(*scope);
  if (!scopes) return invalid("unknown scope");
  grant.org = *org;
  grant.user = sub.value_or("");
  grant.scopes = *scopes;
  if (grant.user.empty() && grant.allows(Scope::events_own) && !grant.allows(Scope::events_org))
    return invalid("sub is missing");
  bool wrong = false;
  grant.expires = seconds_claim(*claims, "exp", wrong);
  const auto not_before = seconds_claim(*claims, "nbf", wrong);
  if (wrong || !grant.expires) return invalid("exp is missing or wrong");
  if (not_before && now < *not_before) return invalid("not yet valid");
  if (grant.expired(now)) return Error{Errc::auth_expired, "expired"};
  return grant;
}

std::string TokenVerifier::sign(const Grant& grant, Time now) const {
  HS_ASSERT(!secrets_.empty() && grant.expires);
  json::Writer claims;
  claims.begin_object().member("sub", grant.user).member("org", grant.org);
  claims.member("scope", scopes_text(grant.scopes));
  claims.member("iat", to_unix_ms(now) / 1000)
      .member("exp", to_unix_ms(*grant.expires) / 1000)
      .end_object();
  std::string token =
      to_base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + to_base64url(claims.view());
  return token + "." + to_base64url(hmac(HashKind::sha256, secrets_.front().reveal(), token));
}

}  // namespace hookswitch
