#include "auth/static_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::string_view kPrefix = "hs_";  // found by who searches for secrets left lying about

std::uint64_t place_of(std::string_view hash) {
  std::uint64_t out = 0;
  std::memcpy(&out, hash.data(), std::min(sizeof out, hash.size()));
  return out;
}

}  // namespace

std::string static_token_of(std::string_view random) {
  HS_ASSERT(random.size() == kStaticTokenBytes);
  return std::string{kPrefix} + to_base64url(random);
}

std::string hash_of_static_token(std::string_view token) { return digest(HashKind::sha256, token); }

std::string StaticToken::credential() const {
  const std::string end = expires ? to_rfc3339(*expires) : "";
  return "static " + digest(HashKind::sha256, fmt::format("{}\n{}\n{}\n{}\n{}", to_hex(hash), org,
                                                          user, scopes, end));
}

StaticTokens::StaticTokens(const std::vector<StaticToken>& tokens) {
  for (const auto& token : tokens) by_hash_.emplace(place_of(token.hash), token);
}

bool StaticTokens::looks_like_one(std::string_view token) { return token.starts_with(kPrefix); }

Result<Grant> StaticTokens::verify(std::string_view token, Time now) const {
  const Error unknown{Errc::auth_invalid, "no such static token"};
  if (!looks_like_one(token)) return unknown;
  const auto random = from_base64url(token.substr(kPrefix.size()));
  if (!random || random->size() != kStaticTokenBytes) return unknown;
  const std::string hash = hash_of_static_token(token);
  const auto [first, last] = by_hash_.equal_range(place_of(hash));
  const auto found = std::find_if(
      first, last, [&](const auto& one) { return equal_constant_time(one.second.hash, hash); });
  if (found == last) return unknown;
  const StaticToken& one = found->second;
  Grant grant{one.org, one.user, one.scopes, one.expires, one.credential()};
  if (grant.expired(now)) return Error{Errc::auth_expired, "expired"};
  return grant;
}

}  // namespace hookswitch
