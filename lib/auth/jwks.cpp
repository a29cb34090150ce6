#include "auth/jwks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kKidBytesMax = 256;

Error refuse(std::string why) { return Error{Errc::bad_request, std::move(why)}; }

enum class Place { ours, other_kind, other_use };

/// A member that is text if it is there; nullopt: it is something else.
std::optional<std::string_view> text_or_none(const json::Value& key, const char* name) {
  const json::Value* value = json::find(key, name);
  if (value == nullptr) return std::string_view{};
  if (!value->IsString()) return std::nullopt;
  return json::text(*value);
}

/// True if `key_ops` (RFC 7517 §4.3) is not there or allows to verify.
Result<bool> may_verify(const json::Value& key) {
  const json::Value* operations = json::find(key, "key_ops");
  if (operations == nullptr) return true;
  if (!operations->IsArray()) return refuse("key_ops is no list");
  return std::any_of(operations->Begin(), operations->End(), [](const json::Value& one) {
    return one.IsString() && json::text(one) == "verify";
  });
}

/// For whom the key is. Nothing of its material is looked at.
Result<Place> place_of(const json::Value& key) {
  const auto kty = text_or_none(key, "kty"), crv = text_or_none(key, "crv"),
             use = text_or_none(key, "use"), alg = text_or_none(key, "alg");
  if (!kty || kty->empty() || !crv || !use || !alg)
    return refuse("kty is missing, or kty, crv, use or alg is no text");
  KeyAlgorithm algorithm{};
  if (*kty == "RSA")
    algorithm = KeyAlgorithm::RS256;
  else if (*kty == "EC" && *crv == "P-256")
    algorithm = KeyAlgorithm::ES256;
  else if (*kty == "OKP" && *crv == "Ed25519")
    algorithm = KeyAlgorithm::EdDSA;
  else
    return Place::other_kind;
  if (!use->empty() && *use != "sig") return Place::other_use;
  const auto verifies = may_verify(key);
  if (!verifies) return verifies.error();
  if (!*verifies) return Place::other_use;
  if (!alg->empty() && key_algorithm(*alg) != algorithm) return Place::other_kind;
  return Place::ours;
}

Result<PublicKey> material_of(const json::Value& key) {
  if (json::find(key, "d") != nullptr)
    return refuse("is a private key, which must stay with who signs; publish its public half only");
  const auto number = [&](const char* name) {
    return from_base64url(json::find_string(key, name).value_or("")).value_or("");
  };
  const auto kty = json::find_string(key, "kty");
  if (kty == "RSA") return PublicKey::rsa(number("n"), number("e"));
  if (kty == "EC") return PublicKey::p256(number("x"), number("y"));
  return PublicKey::ed25519(number("x"));
}

}  // namespace

Result<KeySet> read_jwks(std::string_view text) {
  const auto document = json::parse(text, {.bytes_max = kKeyFileBytesMax});
  if (!document) return document.error();
  const json::Value* keys = json::find(*document, "keys");
  if (keys == nullptr || !keys->IsArray()) return refuse("is no JWK Set: `keys` is no list");
  KeySet out;
  for (rapidjson::SizeType i = 0; i < keys->Size(); ++i) {
    const json::Value& key = (*keys)[i];
    const auto broken = [&](const Error& why) {
      return refuse(fmt::format("key {} of {}: {}", i + 1, keys->Size(), why.detail));
    };
    if (!key.IsObject()) return broken(refuse("is no object"));
    const auto place = place_of(key);
    if (!place) return broken(place.error());
    if (*place == Place::other_kind) ++out.other_kind;
    if (*place == Place::other_use) ++out.other_use;
    if (*place != Place::ours) continue;
    const auto kid = text_or_none(key, "kid");
    if (!kid || kid->size() > kKidBytesMax) return broken(refuse("kid is no text, or too long"));
    auto material = material_of(key);
    if (!material) return broken(material.error());
    if (out.keys.size() == kKeysMax) return refuse(fmt::format("has more than {} keys", kKeysMax));
    out.keys.push_back({std::string{*kid}, std::move(*material)});
  }
  if (out.keys.empty()) return refuse("holds no key that verifies RS256, ES256 or EdDSA (Ed25519)");
  return out;
}

}  // namespace hookswitch
