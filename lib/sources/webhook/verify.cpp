#include "sources/webhook/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sources/webhook/explain.hpp"
#include "sources/webhook/jwt.hpp"
#include "sources/webhook/time_text.hpp"
#include "sources/webhook/url_signature.hpp"

namespace hookswitch::webhook {
namespace {

/// How far a rule came; the later, the better.
enum class Verdict { no_secret, no_proof, no_text, wrong, stale, good };

std::string_view told(Verdict verdict) {
  switch (verdict) {
    case Verdict::no_secret:
      return "no live secret";
    case Verdict::no_proof:
      return "no proof in the request";
    case Verdict::no_text:
      return "cannot be computed";
    case Verdict::wrong:
      return "does not fit";
    case Verdict::stale:
      return "too old or too new";
    case Verdict::good:
      break;
  }
  return "";
}

/// One choice of a live value for every name that a rule uses.
using Choice = std::map<std::string, std::string_view>;

std::vector<Choice> choices(const Auth& rule, const HookOptions& options) {
  std::vector<std::string> names;
  if (!rule.secret.empty()) names.push_back(rule.secret);
  for (const auto& part : rule.parts)
    if (part.what == Signed::What::secret) names.push_back(part.secret);
  std::vector<Choice> out{{}};
  for (const auto& name : names) {
    if (out.front().contains(name)) continue;
    const auto live = options.secrets.find(name);
    std::vector<Choice> wider;
    if (live == options.secrets.end()) return {};
    for (const auto& choice : out)
      for (const auto& secret : live->second) {
        // An empty value would let anybody sign.
        if (secret.empty() || wider.size() == kSecretTriesMax) continue;
        wider.push_back(choice);
        wider.back()[name] = secret.reveal();
      }
    if (wider.empty()) return {};
    out = std::move(wider);
  }
  return out;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty() && out.size() < kSignaturesMax) {
    const auto comma = text.find(',');
    if (const auto item = trim(text.substr(0, comma)); !item.empty()) out.emplace_back(item);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

/// What the request shows as its proof; several while a sender changes keys. Empty: nothing.
std::vector<std::string> proofs(const Auth& rule, const HookRequest& request,
                                Evaluator& evaluator) {
  if (rule.scheme == Auth::Scheme::jwt_body) {
    if (request.body.empty()) return {};
    return {request.body};
  }
  const json::Value* at = evaluator.look(rule.at);
  auto text = at == nullptr ? std::nullopt : as_text(*at);
  if (!text) return {};
  std::string_view shown = *text;
  if (!rule.prefix.empty()) {
    if (shown.size() < rule.prefix.size() ||
        !equals_ignore_case(shown.substr(0, rule.prefix.size()), rule.prefix))
      return {};
    shown = trim(shown.substr(rule.prefix.size()));
  }
  if (rule.scheme == Auth::Scheme::plivo_v3) return split_list(shown);
  if (shown.empty()) return {};
  if (!rule.pick) return {std::string{shown}};
  std::vector<std::string> out;
  re2::StringPiece left{shown.data(), shown.size()};
  for (std::string found;
       out.size() < kSignaturesMax && RE2::FindAndConsume(&left, *rule.pick, &found);) {
    if (found.empty()) break;
    out.push_back(found);
  }
  return out;
}

std::optional<std::string> signed_bytes(const Auth& rule, const Choice& choice,
                                        const HookOptions& options, const HookRequest& request,
                                        Evaluator& evaluator) {
  std::string out;
  for (const auto& part : rule.parts) {
    switch (part.what) {
      case Signed::What::raw:
        out += request.body;
        break;
      case Signed::What::url:
        if (options.public_url.empty()) return std::nullopt;
        out += called_url(options.public_url, request);
        break;
      case Signed::What::secret:
        out += choice.at(part.secret);
        break;
      case Signed::What::value: {
        // An array or object where text was signed is a forgery: a[]=x would else count as nothing.
        const json::Value value = evaluator.value(part.value);
        const auto text = value.IsNull() ? std::string{} : as_text(value);
        if (!text) return std::nullopt;
        out += *text;
        break;
      }
    }
  }
  return out;
}

std::optional<std::string> key_bytes(Auth::Key kind, std::string_view secret) {
  switch (kind) {
    case Auth::Key::text:
      return std::string{secret};
    case Auth::Key::hex:
      return from_hex(secret);
    case Auth::Key::b64:
      return from_base64(secret);
    case Auth::Key::whsec:
      if (secret.starts_with("whsec_")) return from_base64(secret.substr(6));
      return std::string{secret};
  }
  return std::nullopt;
}

std::string encoded(Auth::Encode how, const std::string& bytes) {
  switch (how) {
    case Auth::Encode::hex:
      return to_hex(bytes);
    case Auth::Encode::b64:
      return to_base64(bytes);
    case Auth::Encode::b64hex:
      return to_base64(to_hex(bytes));
  }
  return {};
}

bool is_near(Time moment, const HookRequest& request, std::chrono::seconds tolerance) {
  return moment >= request.received - tolerance && moment <= request.received + tolerance;
}

bool is_fresh(const Auth& rule, const HookRequest& request, Evaluator& evaluator) {
  if (!rule.timestamp) return true;
  const auto text = as_text(evaluator.value(*rule.timestamp));
  const auto sent = text ? parse_time(*text, "auto", nullptr) : std::nullopt;
  return sent && is_near(*sent, request, rule.tolerance);
}

/// The texts that the proof may be; none: cannot be made.
std::vector<std::string> expected(const Auth& rule, const Choice& choice,
                                  const HookOptions& options, const HookRequest& request,
                                  Evaluator& evaluator) {
  const std::string_view secret = rule.secret.empty() ? "" : choice.at(rule.secret);
  switch (rule.scheme) {
    case Auth::Scheme::equals:
    case Auth::Scheme::bearer:
      return {std::string{secret}};
    case Auth::Scheme::basic:
      return {to_base64((rule.user.empty() ? "" : rule.user + ":") + std::string{secret})};
    case Auth::Scheme::twilio: {
      auto texts = twilio_texts(options.public_url, request);
      for (auto& text : texts) text = to_base64(hmac(HashKind::sha1, secret, text));
      return texts;
    }
    case Auth::Scheme::plivo_v3: {
      const auto* nonce = evaluator.look(Pointer{Root::header, {"x-plivo-signature-v3-nonce"}});
      const auto text = plivo_v3_text(options.public_url, request,
                                      nonce == nullptr ? "" : as_text(*nonce).value_or(""));
      if (!text) return {};
      return {to_base64(hmac(HashKind::sha256, secret, *text))};
    }
    default:
      break;
  }
  const auto bytes = signed_bytes(rule, choice, options, request, evaluator);
  if (!bytes) return {};
  if (rule.scheme == Auth::Scheme::hash) return {encoded(rule.encode, digest(rule.hash, *bytes))};
  const auto key = key_bytes(rule.key, secret);
  if (!key || key->empty()) return {};
  return {encoded(rule.encode, hmac(rule.hash, *key, *bytes))};
}

/// One of `shown` is one of the texts that only who has the secret could make.
Verdict compare(const Auth& rule, const Choice& choice, const HookOptions& options,
                const HookRequest& request, const std::vector<std::string>& shown,
                Evaluator& evaluator) {
  const bool is_hex = rule.encode == Auth::Encode::hex &&
                      (rule.scheme == Auth::Scheme::hmac || rule.scheme == Auth::Scheme::hash);
  const auto texts = expected(rule, choice, options, request, evaluator);
  bool good = false;
  for (const auto& text : texts)
    for (const auto& proof : shown)
      good |= equal_constant_time(is_hex ? to_lower(proof) : proof, text);
  return good ? Verdict::good : texts.empty() ? Verdict::no_text : Verdict::wrong;
}

Verdict check_signature(const Auth& rule, const Choice& choice, const HookOptions& options,
                        const HookRequest& request, const std::vector<std::string>& shown,
                        Evaluator& evaluator) {
  const auto key = key_bytes(rule.key, choice.at(rule.secret));
  const auto bytes = signed_bytes(rule, choice, options, request, evaluator);
  if (!key || !bytes) return Verdict::no_text;
  bool good = false;
  for (const auto& proof : shown) {
    const auto signature = rule.encode == Auth::Encode::hex ? from_hex(proof) : from_base64(proof);
    good |= signature && is_ed25519_by(*key, *bytes, *signature);
  }
  return good ? Verdict::good : Verdict::wrong;
}

/// `exp` and `nbf` count where they are (RFC 7519 §4.1); `iat` where the rule asks for it.
bool is_in_time(const Auth& rule, const json::Value& claims, const HookRequest& request) {
  const auto moment = [&](std::string_view name) -> std::optional<Time> {
    const json::Value* at = json::find(claims, name);
    const auto seconds = at != nullptr && at->IsNumber() ? as_number(*at) : std::nullopt;
    if (!seconds || std::abs(*seconds) > 1e11) return std::nullopt;
    return from_unix_ms(static_cast<std::int64_t>(*seconds * 1000));
  };
  const auto holds = [&](std::string_view name, auto test) {
    if (json::find(claims, name) == nullptr) return true;
    const auto at = moment(name);
    return at && test(*at);
  };
  const auto issued = moment("iat");
  return holds("exp", [&](Time at) { return request.received < at + kTokenSkew; }) &&
         holds("nbf", [&](Time at) { return request.received >= at - kTokenSkew; }) &&
         (!rule.is_dated || (issued && is_near(*issued, request, rule.tolerance)));
}

Verdict check_token(const Auth& rule, const Choice& choice, const HookRequest& request,
                    const std::string& shown) {
  const auto token = split_jws(shown);
  if (!token || !is_hs256_by(*token, choice.at(rule.secret))) return Verdict::wrong;
  const auto claims = json::parse(token->claims);
  if (!claims || !claims->IsObject()) return Verdict::wrong;
  if (!rule.body_hash.empty()) {
    const auto hash = json::find_string(*claims, rule.body_hash);
    if (!hash ||
        !equal_constant_time(to_lower(*hash), to_hex(digest(HashKind::sha256, request.body))))
      return Verdict::wrong;
  }
  return is_in_time(rule, *claims, request) ? Verdict::good : Verdict::stale;
}

Verdict judge(const Auth& rule, const HookOptions& options, const HookRequest& request,
              Evaluator& evaluator) {
  const auto live = choices(rule, options);
  if (live.empty()) return Verdict::no_secret;
  const auto shown = proofs(rule, request, evaluator);
  if (shown.empty()) return Verdict::no_proof;
  Verdict best = Verdict::no_text;
  for (const auto& choice : live) {
    Verdict verdict = Verdict::wrong;
    switch (rule.scheme) {
      case Auth::Scheme::jwt_header:
      case Auth::Scheme::jwt_body:
        for (const auto& token : shown)
          verdict = std::max(verdict, check_token(rule, choice, request, token));
        break;
      case Auth::Scheme::ed25519:
        verdict = check_signature(rule, choice, options, request, shown, evaluator);
        break;
      default:
        verdict = compare(rule, choice, options, request, shown, evaluator);
    }
    best = std::max(best, verdict);
  }
  if (best == Verdict::good && !is_fresh(rule, request, evaluator)) return Verdict::stale;
  return best;
}

}  // namespace

std::string_view scheme_name(Auth::Scheme scheme) {
  for (const auto& [name, known] : kSchemes)
    if (known == scheme) return name;
  return "";
}

bool is_authentic(const DialectProgram& program, const HookOptions& options,
                  const HookRequest& request, Evaluator& evaluator, HookTrace* trace) {
  if (options.secrets.empty()) return true;
  bool applied = false, good = true;
  for (std::size_t i = 0; i < program.auth.size(); ++i) {
    const Auth& rule = program.auth[i];
    const bool applies = evaluator.holds(rule.when);
    const Verdict verdict = applies ? judge(rule, options, request, evaluator) : Verdict::no_proof;
    applied |= applies;
    good &= !applies || verdict == Verdict::good;
    if (trace != nullptr)
      trace->auth.push_back({fmt::format("/auth/{}", i), std::string{scheme_name(rule.scheme)},
                             applies, applies && verdict == Verdict::good,
                             std::string{applies ? told(verdict) : "when does not hold"},
                             applies ? HookMiss{} : find_miss(rule.when, evaluator)});
  }
  return applied && good && !evaluator.exhausted();
}

std::chrono::seconds replay_time(const DialectProgram& program, const HookOptions& options,
                                 Evaluator& evaluator) {
  std::chrono::seconds out{0};
  if (options.secrets.empty()) return out;
  for (const Auth& rule : program.auth)
    if ((rule.timestamp || rule.is_dated) && evaluator.holds(rule.when))
      out = std::max(out, 2 * rule.tolerance);
  return out;
}

}  // namespace hookswitch::webhook
