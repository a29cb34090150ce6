#include "sources/webhook/delivery.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "sources/webhook/program.hpp"

namespace hookswitch {

using namespace webhook;

namespace {

constexpr std::size_t kKeyBytes = 16;

void add_headers(const Pointer& at, std::vector<std::string>& out) {
  if (at.root == Root::header && !at.tokens.empty()) out.push_back(at.tokens.front());
}

void add_headers(const Expr& expr, std::vector<std::string>& out) {
  if (expr.op == Expr::Op::pointer || expr.op == Expr::Op::find) add_headers(expr.pointer, out);
  for (const auto* parts : {&expr.parts, &expr.of, &expr.otherwise})
    for (const auto& part : *parts) add_headers(part, out);
}

/// With its length, so that two texts are never the same as two others.
void add(std::string& bytes, std::string_view text) {
  bytes += std::to_string(text.size());
  bytes += ' ';
  bytes += text;
}

}  // namespace

DeliveryRules delivery_rules(const DialectProgram& program) {
  DeliveryRules out;
  auto& headers = out.signed_headers;
  for (const auto& rule : program.auth) {
    for (const auto& part : rule.parts)
      if (part.what == Signed::What::value) add_headers(part.value, headers);
    if (!rule.timestamp && !rule.is_dated) continue;
    if (rule.timestamp) add_headers(*rule.timestamp, headers);
    if (rule.is_dated) add_headers(rule.at, headers);  // the time is in the token
  }
  std::sort(headers.begin(), headers.end());
  headers.erase(std::unique(headers.begin(), headers.end()), headers.end());
  return out;
}

std::string delivery_key(const DeliveryRules& rules, const HookRequest& request,
                         const std::string& vendor_id) {
  std::string bytes;
  if (!vendor_id.empty()) {
    add(bytes, "id");
    add(bytes, vendor_id);
  } else {
    add(bytes, request.method);
    add(bytes, request.rest);
    add(bytes, request.query);
    for (const auto& name : rules.signed_headers)
      for (const auto& [header, value] : request.headers)
        if (header == name) add(bytes, header + ":" + value);
    add(bytes, request.body);
  }
  return digest(HashKind::sha256, bytes).substr(0, kKeyBytes);
}

bool is_repeat_for_sure(const HookOutcome& outcome) {
  if (!outcome.delivery_id.empty() || outcome.replay_time.count() > 0) return true;
  if (outcome.repeats_are_news) return false;
  return std::any_of(outcome.facts.begin(), outcome.facts.end(),
                     [](const Fact& fact) { return fact.at || fact.seq; });
}

}  // namespace hookswitch
