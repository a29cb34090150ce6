#include <array>

#include "base/hash.hpp"
#include "hook_request.hpp"

/// Nobody who does not know the secret is taken, whatever the scheme; who does know it is. The
/// first character names the scheme, a request follows.
namespace hookswitch {
namespace {

const std::string kSecret =
    "8c1d6a52f0e94b7793a0d2c4e5b6f718";  // in no corpus, so nobody can know it
// RFC 8032 §7.1, test 2: a fuzzer does not sign.
const std::string kPublicKey = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
const std::string kUrl = "https://cti.example.com/v1/hooks/fuzz";

constexpr std::array kRules{
    R"({"scheme":"equals","at":"/body/token","secret":"S"})",
    R"({"scheme":"bearer","secret":"S"})",
    R"({"scheme":"basic","user":"u","secret":"S"})",
    R"({"scheme":"hmac","hash":"sha1","encode":"b64hex","header":"x-sig","signed":["/body/a","/body/b","/query/c"],"secret":"S"})",
    R"~({"scheme":"hmac","header":"x-sig","pick":"v1=([0-9a-f]+)","signed":[{"$re":"t=([0-9]+)","of":"/header/x-sig"},".","$raw"],
        "secret":"S","key":"text","timestamp":{"$re":"t=([0-9]+)","of":"/header/x-sig"}})~",
    R"({"scheme":"hash","at":"/body/sign","signed":[{"$secret":"S"},"/raw_form/json"]})",
    R"({"scheme":"ed25519","header":"x-sig","signed":["/header/x-time","|","$raw"],"secret":"P"})",
    R"({"scheme":"jwt_header","header":"authorization","prefix":"Bearer ","secret":"S","body_hash":"payload_hash","tolerance":300})",
    R"({"scheme":"jwt_body","secret":"S"})",
    R"({"scheme":"twilio","secret":"S"})",
    R"({"scheme":"plivo_v3","secret":"S"})",
};

Hook proving(const std::string& rule, const std::string& secret) {
  HookOptions options;
  options.public_url = kUrl;
  options.secrets["S"] = {Secret{secret}, Secret{secret + "2"}};
  options.secrets["P"] = {Secret{kPublicKey}};
  return Hook{
      fuzz::program_of(R"({"dialect":"t","methods":["POST","GET"],"decode":["auto"],"auth":[)" +
                       rule + R"(],"rules":[{"emit":{"type":"updated"}}]})"),
      options};
}

bool is_taken(const Hook& hook, const HookRequest& request) {
  return static_cast<bool>(hook.handle(request));
}

/// The body as claims of a token that we sign: taken, unless what it claims is not so.
void check_own_token(const Hook& hook, const HookRequest& request) {
  const std::string input = to_base64url(R"({"alg":"HS256"})") + "." + to_base64url(request.body);
  HookRequest ours = request;
  ours.method = "POST";
  ours.rest = ours.query = "";
  ours.headers = {{"content-type", "application/jwt"}};
  ours.body = input + "." + to_base64url(hmac(HashKind::sha256, kSecret, input));
  const auto claims = json::parse(request.body);
  const bool is_plain =
      claims && claims->IsObject() && !claims->HasMember("exp") && !claims->HasMember("nbf");
  fuzz::check(is_taken(hook, ours) == is_plain, "a token of our own is taken");
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  static const auto hooks = [] {
    std::vector<Hook> out;
    for (const char* rule : kRules) out.push_back(proving(rule, kSecret));
    return out;
  }();
  std::string text{reinterpret_cast<const char*>(data), size};
  const std::string which = fuzz::take_line(text);
  const std::size_t scheme =
      which.empty() ? 0 : static_cast<unsigned char>(which[0] - 'a') % hooks.size();
  const HookRequest request = fuzz::request_of(std::move(text));
  fuzz::check(!is_taken(hooks[scheme], request), "nobody is taken without the secret");
  if (scheme == 8) check_own_token(hooks[scheme], request);
  return 0;
}
