#include "sources/webhook/verify.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"
#include "sources/webhook/time_text.hpp"

namespace hookswitch::webhook {
namespace {

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

/// What the request shows as its proof; several while a sender changes keys. Empty: nothing.
std::vector<std::string> proofs(const Auth& rule, Evaluator& evaluator) {
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
        out += options.public_url;
        if (!request.rest.empty()) out += "/" + request.rest;
        if (!request.query.empty()) out += "?" + request.query;
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

/// The text that the proof must be; nullopt: cannot be made.
std::optional<std::string> expected(const Auth& rule, const Choice& choice,
                                    const HookOptions& options, const HookRequest& request,
                                    Evaluator& evaluator) {
  switch (rule.scheme) {
    case Auth::Scheme::equals:
    case Auth::Scheme::bearer:
      return std::string{choice.at(rule.secret)};
    case Auth::Scheme::basic:
      return to_base64((rule.user.empty() ? "" : rule.user + ":") +
                       std::string{choice.at(rule.secret)});
    case Auth::Scheme::hmac:
    case Auth::Scheme::hash:
      break;
  }
  const auto bytes = signed_bytes(rule, choice, options, request, evaluator);
  if (!bytes) return std::nullopt;
  if (rule.scheme == Auth::Scheme::hash) return encoded(rule.encode, digest(rule.hash, *bytes));
  const auto key = key_bytes(rule.key, choice.at(rule.secret));
  if (!key || key->empty()) return std::nullopt;
  return encoded(rule.encode, hmac(rule.hash, *key, *bytes));
}

bool is_fresh(const Auth& rule, const HookRequest& request, Evaluator& evaluator) {
  if (!rule.timestamp) return true;
  const auto text = as_text(evaluator.value(*rule.timestamp));
  const auto sent = text ? parse_time(*text, "auto", nullptr) : std::nullopt;
  if (!sent) return false;
  return *sent >= request.received - rule.tolerance && *sent <= request.received + rule.tolerance;
}

bool is_satisfied(const Auth& rule, const HookOptions& options, const HookRequest& request,
                  Evaluator& evaluator) {
  auto shown = proofs(rule, evaluator);
  const bool is_hex = rule.encode == Auth::Encode::hex &&
                      (rule.scheme == Auth::Scheme::hmac || rule.scheme == Auth::Scheme::hash);
  bool good = false;
  for (const auto& choice : choices(rule, options)) {
    const auto wanted = expected(rule, choice, options, request, evaluator);
    if (!wanted) continue;
    for (const auto& proof : shown)
      good |= equal_constant_time(is_hex ? to_lower(proof) : proof, *wanted);
  }
  return good && is_fresh(rule, request, evaluator);
}

}  // namespace

bool is_authentic(const DialectProgram& program, const HookOptions& options,
                  const HookRequest& request, Evaluator& evaluator) {
  if (options.secrets.empty()) return true;
  bool applied = false, good = true;
  for (const auto& rule : program.auth) {
    if (!evaluator.holds(rule.when)) continue;
    applied = true;
    good &= is_satisfied(rule, options, request, evaluator);
  }
  return applied && good && !evaluator.exhausted();
}

}  // namespace hookswitch::webhook
