#include <cstdint>
#include <string_view>

#include "auth/token.hpp"
#include "base/assert.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

const std::string kSecret = "0123456789abcdef0123456789abcdef";

/// One key of each kind; who signed the corpus has thrown the private halves away.
constexpr std::string_view kKeys =
    R"({"keys": [{"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": "3VluZP5WrKj)"
    R"(x3de7W88w82t-WoD-MhnX-RNu9tkszxDylET5fY1G8_tab73ivC-HRDoIpneaMMmZrD5cjTYVTKIojOhV_-w)"
    R"(9cslxRHZEv2JicEv3qeN4K6PGTcVrdw6zUh8tGRDlblaSbB5Vc7tHV93tWJUsT9RV3kFZ-lKUOg1XPOa45ns)"
    R"(34G5YX9w8xE7fX7-_ywTCHcvrpA2L0_cfyvMubc0MoLFrReaUrO1v5ckSrbPKygDa50LdEhVZWJbe59iJpD5)"
    R"(ORfylFloJfhn-HCUl2h67R39layW9aT58V5MCSPEY9CXZ-VC-zG3A2ztEYndrGnORj4YELd8Y6Y6-hw", "e)"
    R"(": "AQAB"}, {"kty": "EC", "kid": "e", "crv": "P-256", "x": "sckAxl2A9sW7e-V5VvK_kGiu)"
    R"(cmU7b_pjh4XDQyZKiCc", "y": "Q4lbA9rBuc-73mdJnDXpTOYPA73p2of9ayoJ2cTLhqY"}, {"kty": ")"
    R"(OKP", "kid": "d", "crv": "Ed25519", "x": "z94q3StxspmsyPCkZc0OWFeDiO-fJUmjOs_1c4qxzf)"
    R"(k", "key_ops": ["verify"]}]})";

const TokenVerifier& verifier() {
  static const TokenVerifier all = [] {
    const auto set = read_jwks(kKeys);
    HS_ASSERT(set && set->keys.size() == 3);
    TokenRules rules;
    rules.secrets.emplace_back(kSecret);
    rules.keys = set->keys;
    rules.issuer = "https://id.example.com";
    rules.audience = "hookswitch";
    std::string random;  // of corpus/token/static
    for (char byte = 0; byte < 32; ++byte) random += byte;
    rules.statics.push_back({"acme", "alice", "desk", hash_of_static_token(static_token_of(random)),
                             *parse_scopes("events:own"), std::nullopt});
    HS_ASSERT(TokenVerifier{rules}.verify(static_token_of(random), Time{}));
    return TokenVerifier{std::move(rules)};
  }();
  return all;
}

void check(const Result<Grant>& grant) {
  if (!grant) return HS_ASSERT(grant.error().code <= Errc::auth_invalid);
  HS_ASSERT(!grant->org.empty() && verifier().stands(*grant));
  HS_ASSERT(!grant->user.empty() || !grant->allows(Scope::events_own) ||
            grant->allows(Scope::events_org));
}

}  // namespace
}  // namespace hookswitch

/// The input as a token of any kind; as claims and as a header that are signed well, so that what
/// is behind the signature is reached too; and in place of a good token's signature, which it
/// cannot be.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const Time now = from_unix_ms(1'795'186'801'000);
  check(verifier().verify(text, now));
  const auto signed_well = [&](std::string_view header, std::string_view claims) {
    const std::string head = to_base64url(header) + "." + to_base64url(claims);
    check(verifier().verify(head + "." + to_base64url(hmac(HashKind::sha256, kSecret, head)), now));
  };
  signed_well(R"({"alg":"HS256"})", text);
  signed_well(text, R"({"sub":"a","org":"acme","scope":"events:own","exp":1795190000})");
  for (const char* alg : {"RS256", "ES256", "EdDSA"}) {
    const std::string head =
        to_base64url(R"({"alg":")" + std::string{alg} + "\"}") + "." +
        to_base64url(R"({"sub":"a","org":"acme","scope":"events:own","exp":1795190000})");
    HS_ASSERT(!verifier().verify(head + "." + to_base64url(text), now));
    HS_ASSERT(!verifier().verify(head + "." + std::string{text}, now));
  }
  return 0;
}
