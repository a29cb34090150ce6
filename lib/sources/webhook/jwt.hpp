#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hookswitch::webhook {

/// A compact JWS (RFC 7515 §7.1), taken apart; nothing is proven by that.
struct CompactJws {
  std::string_view signing_input;  ///< into the text that was split
  std::string header, claims;      ///< JSON, not looked at yet
  std::string signature;           ///< raw bytes
};

/// Blanks around `text` do not count. nullopt: not three parts of canonical base64url.
std::optional<CompactJws> split_jws(std::string_view text);

/// HS256 and nothing else: the algorithm is ours to choose, not the token's. False also for a
/// header with `crit`, whose extensions we do not know (RFC 7515 §4.1.11). Constant time.
bool is_hs256_by(const CompactJws& token, std::string_view secret);

}  // namespace hookswitch::webhook
