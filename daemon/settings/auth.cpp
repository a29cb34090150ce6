#include "daemon/settings/auth.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kSha256Bytes = 32;

void read_secrets(Section& in, TokenRules& out) {
  for (const char* key : {"hs256_secret_file", "hs256_previous_secret_file"}) {
    std::optional<Secret> secret;
    in.secret(key, secret);
    if (!secret) continue;
    if (secret->reveal().size() < 32)
      in.fail(key,
              "must hold at least 32 bytes (RFC 7518 §3.2); make one with: openssl rand -hex 32");
    // A public key in its place would let everybody sign (RFC 8725 §2.1).
    if (secret->reveal().find("-----BEGIN ") != std::string_view::npos)
      in.fail(key,
              "holds a key or certificate in PEM, which is no shared secret; a public key goes "
              "into public_key_file");
    out.secrets.push_back(std::move(*secret));
  }
}

/// The content of a file that anybody may read, but not write: who writes it can be anyone.
std::optional<std::string> read_keys(Section& in, const char* key, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 0002) != 0) {
    in.fail(key, fmt::format("{} may be written by others; run: chmod o-w {}", path, path));
    return std::nullopt;
  }
  auto text = read_file(path, kKeyFileBytesMax);
  if (!text) {
    in.fail(key, text.error().detail);
    return std::nullopt;
  }
  return std::move(*text);
}

void read_pem(Section& in, Settings& out) {
  std::string path;
  in.text("public_key_file", path);
  if (path.empty()) return;
  path = in.resolve(path);
  const auto text = read_keys(in, "public_key_file", path);
  if (!text) return;
  auto keys = PublicKey::from_pem(*text);
  if (!keys) return in.fail("public_key_file", fmt::format("{}: {}", path, keys.error().detail));
  out.key_files.push_back({path, keys->size()});
  for (auto& key : *keys) out.tokens.keys.push_back({"", std::move(key)});
}

void read_set(Section& in, Settings& out) {
  std::string path;
  in.text("jwks_file", path);
  if (path.empty()) return;
  path = in.resolve(path);
  const auto text = read_keys(in, "jwks_file", path);
  if (!text) return;
  auto set = read_jwks(*text);
  if (!set)
    return in.fail("jwks_file", fmt::format("{}: {}", path,
                                            set.error().code == Errc::bad_request
                                                ? set.error().detail
                                                : "is no JSON that we read: " +
                                                      std::string{outcome(set.error().code).name}));
  out.key_files.push_back({path, set->keys.size(), set->other_kind, set->other_use});
  for (auto& key : set->keys) out.tokens.keys.push_back(std::move(key));
}

/// A key without a name is tried with every token of its algorithm; the fifth never would be.
void check_nameless(Section& in, const TokenRules& rules) {
  for (const auto algorithm : {KeyAlgorithm::RS256, KeyAlgorithm::ES256, KeyAlgorithm::EdDSA}) {
    const auto count = std::count_if(
        rules.keys.begin(), rules.keys.end(),
        [&](const TokenKey& one) { return one.kid.empty() && one.key.algorithm() == algorithm; });
    if (static_cast<std::size_t>(count) > kKeysTriedMax)
      in.fail(in.has("public_key_file") ? "public_key_file" : "jwks_file",
              fmt::format("{} keys of one algorithm without a kid, at most {}: give them one each "
                          "in a JWK Set",
                          count, kKeysTriedMax));
  }
}

void read_anonymous(Section& in, Settings& out) {
  if (!in.has("anonymous")) return;
  Section nobody = in.table("anonymous");
  Grant grant;
  std::string scope;
  read_name(nobody, "org", grant.org);
  nobody.text("user", grant.user);
  nobody.required("scope", scope);
  const auto scopes = parse_scopes(scope);
  if (!scopes) nobody.fail("scope", "has an unknown word");
  grant.scopes = scopes.value_or(0);
  nobody.finish();
  out.anonymous = grant;
}

}  // namespace

void read_auth(Section in, Settings& out) {
  read_secrets(in, out.tokens);
  read_pem(in, out);
  read_set(in, out);
  check_nameless(in, out.tokens);
  in.text("issuer", out.tokens.issuer);
  in.text("audience", out.tokens.audience);
  if (!in.has("public_key_file") && !in.has("jwks_file"))
    for (const char* key : {"issuer", "audience"})
      if (in.has(key))
        in.fail(key,
                "is of no use without public_key_file or jwks_file: only tokens of keys are "
                "held to it");
  read_anonymous(in, out);
  in.finish();
}

void read_tokens(Section& root, const Directory& directory, Settings& out) {
  for (auto& in : root.tables("token")) {
    StaticToken token;
    std::string scope, hash;
    read_name(in, "name", token.name);
    read_name(in, "org", token.org);
    in.text("user", token.user);
    in.required("scope", scope);
    in.required("hash", hash);
    in.time("expires", token.expires);
    token.hash = from_hex(hash).value_or("");
    if (!hash.empty() && token.hash.size() != kSha256Bytes)
      in.fail("hash",
              "must be the SHA-256 of a token in hex; make both with: hookswitchd token "
              "--static --org ORG --user USER --scope SCOPE");
    const auto scopes = parse_scopes(scope);
    token.scopes = scopes.value_or(0);
    if (!scope.empty() && token.scopes == 0)
      in.fail("scope", "words are events:own events:org commands publish users admin");
    if (!token.org.empty() && directory.find_org(token.org) == nullptr)
      in.fail("org", "names no [[org]]");
    else if (!token.user.empty() && directory.find_user(token.org, token.user) == nullptr)
      in.fail("user", "names no [[user]] of that organisation");
    const Grant grant{token.org, token.user, token.scopes, std::nullopt};
    if (token.user.empty() && grant.allows(Scope::events_own) && !grant.allows(Scope::events_org))
      in.fail("user", "is missing: only events:org needs none");
    for (const auto& other : out.tokens.statics) {
      if (!token.name.empty() && other.name == token.name) in.fail("name", "is used twice");
      if (!token.hash.empty() && other.hash == token.hash) in.fail("hash", "is used twice");
    }
    in.finish();
    out.tokens.statics.push_back(std::move(token));
  }
  Section auth = root.table("auth");
  const bool proof = auth.has("hs256_secret_file") || auth.has("public_key_file") ||
                     auth.has("jwks_file") || auth.has("anonymous") || root.has("token");
  if (!proof)
    auth.fail("hs256_secret_file",
              fmt::format("is missing: {} (make one with: openssl rand -hex 32 > jwt.secret)",
                          kNobodyCouldConnect));
}

}  // namespace hookswitch
