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

/// A compact JWS (RFC 7515 §7.1), in its parts.
struct Parts {
  std::string_view header, claims, text;  ///< `text` is what is signed
  std::string signature;
};

Result<Parts> split(std::string_view token) {
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return invalid("not three parts");
  auto signature = from_base64url(token.substr(second + 1));
  if (!signature) return invalid("signature is not canonical base64url");
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(0, second), std::move(*signature)};
}

/// The secret that signed it; nullptr: none.
const Secret* signed_with_secret(const TokenRules& rules, const Parts& parts) {
  const auto it =
      std::find_if(rules.secrets.begin(), rules.secrets.end(), [&](const Secret& secret) {
        return equal_constant_time(hmac(HashKind::sha256, secret.reveal(), parts.text),
                                   parts.signature);
      });
  return it == rules.secrets.end() ? nullptr : &*it;
}

/// The key that signed it; nullptr: none. The keys of that `kid` are tried first, then those that
/// have none; of no `kid` all are.
const PublicKey* signed_with_key(const TokenRules& rules, KeyAlgorithm algorithm,
                                 const Parts& parts, std::string_view kid) {
  std::size_t tried = 0;
  const auto find = [&](auto belongs) -> const PublicKey* {
    for (const auto& [name, key] : rules.keys)
      if (key.algorithm() == algorithm && belongs(name) && tried++ < kKeysTriedMax &&
          key.verify(parts.text, parts.signature))
        return &key;
    return nullptr;
  };
  if (kid.empty()) return find([](const std::string&) { return true; });
  const PublicKey* named = find([&](const std::string& name) { return name == kid; });
  return named != nullptr ? named : find([](const std::string& name) { return name.empty(); });
}

/// `aud` is one text or a list of them (RFC 7519 §4.1.3).
bool is_for(const json::Value& claims, std::string_view audience) {
  const json::Value* aud = json::find(claims, "aud");
  if (aud == nullptr) return audience.empty();
  const auto is_us = [&](const json::Value& one) {
    return one.IsString() && !audience.empty() && json::text(one) == audience;
  };
  if (!aud->IsArray()) return is_us(*aud);
  return std::any_of(aud->Begin(), aud->End(), is_us);
}

/// The person and the rights, once the signature is known to be good.
Result<Grant> grant_of(const json::Value& claims, bool of_key, Time now) {
  Grant grant;
  const auto sub = json::find_string(claims, "sub"), org = json::find_string(claims, "org");
  const auto scope = json::find_string(claims, "scope");
  if (!org || org->empty() || !scope) return invalid("org or scope is missing");
  const auto scopes = of_key ? known_scopes(*scope) : parse_scopes(*scope);
  if (!scopes) return invalid("unknown scope");
  grant.org = *org;
  grant.user = sub.value_or("");
  grant.scopes = *scopes;
  if (grant.user.empty() && grant.allows(Scope::events_own) && !grant.allows(Scope::events_org))
    return invalid("sub is missing");
  bool wrong = false;
  grant.expires = seconds_claim(claims, "exp", wrong);
  const auto not_before = seconds_claim(claims, "nbf", wrong);
  if (wrong || !grant.expires) return invalid("exp is missing or wrong");
  if (not_before && now < *not_before) return invalid("not yet valid");
  if (grant.expired(now)) return Error{Errc::auth_expired, "expired"};
  return grant;
}

}  // namespace

TokenVerifier::TokenVerifier(TokenRules rules)
    : rules_(std::move(rules)), statics_(rules_.statics) {
  for (const auto& secret : rules_.secrets) credentials_.insert(credential_of(secret));
  for (const auto& one : rules_.keys) credentials_.insert(credential_of(one.key));
  for (const auto& token : rules_.statics) credentials_.insert(token.credential());
}

std::string TokenVerifier::credential_of(const Secret& secret) const {
  return "secret " + hmac(HashKind::sha256, secret.reveal(), "credential");
}

std::string TokenVerifier::credential_of(const PublicKey& key) const {
  return "key " + key.fingerprint() + rules_.issuer + "\n" + rules_.audience;
}

Result<Grant> TokenVerifier::verify(std::string_view token, Time now) const {
  if (token.empty()) return Error{Errc::auth_missing, "no token"};
  if (token.size() > kTokenBytesMax) return invalid("too long");
  if (StaticTokens::looks_like_one(token)) return statics_.verify(token, now);
  const auto parts = split(token);
  if (!parts) return parts.error();
  // Of the header no more is taken than how to verify; claims are not looked at before the
  // signature is.
  const auto header = part(parts->header);
  if (!header) return header.error();
  const auto alg = json::find_string(*header, "alg");
  if (!alg || json::find(*header, "crit") != nullptr) return invalid("alg or crit");
  const auto algorithm = key_algorithm(*alg);
  std::string credential;
  if (*alg == "HS256") {
    const Secret* secret = signed_with_secret(rules_, *parts);
    if (secret == nullptr) return invalid("signature");
    credential = credential_of(*secret);
  } else if (algorithm) {
    const json::Value* kid = json::find(*header, "kid");
    if (kid != nullptr && !kid->IsString()) return invalid("kid");
    const PublicKey* key =
        signed_with_key(rules_, *algorithm, *parts, kid == nullptr ? "" : json::text(*kid));
    if (key == nullptr) return invalid("signature");
    credential = credential_of(*key);
  } else {
    return invalid("alg or crit");
  }
  const auto claims = part(parts->claims);
  if (!claims) return claims.error();
  if (algorithm && !rules_.issuer.empty() && json::find_string(*claims, "iss") != rules_.issuer)
    return invalid("iss");
  if (algorithm && !is_for(*claims, rules_.audience)) return invalid("aud");
  auto grant = grant_of(*claims, algorithm.has_value(), now);
  if (grant) grant->credential = std::move(credential);
  return grant;
}

std::string TokenVerifier::sign(const Grant& grant, Time now) const {
  HS_ASSERT(!rules_.secrets.empty() && grant.expires);
  json::Writer claims;
  claims.begin_object().member("sub", grant.user).member("org", grant.org);
  claims.member("scope", scopes_text(grant.scopes));
  claims.member("iat", to_unix_ms(now) / 1000)
      .member("exp", to_unix_ms(*grant.expires) / 1000)
      .end_object();
  std::string token =
      to_base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + to_base64url(claims.view());
  return token + "." + to_base64url(hmac(HashKind::sha256, rules_.secrets.front().reveal(), token));
}

}  // namespace hookswitch
