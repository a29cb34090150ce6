#include "sources/webhook/explain.hpp"

#include <fmt/format.h>

#include "sources/webhook/places.hpp"

namespace hookswitch::webhook {
namespace {

constexpr std::size_t kFoundBytesMax = 200;  // one line of a terminal, or two
constexpr std::size_t kDocumentBytesMax = 64 * 1024;

/// Cut between two characters.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  text.resize(bytes_max);
  return text + "…";
}

std::string wanted(const Condition& c) {
  using Test = Condition::Test;
  switch (c.test) {
    case Test::equal:
      return fmt::format("{}{}", c.values.size() == 1 ? "" : "one of: ", fmt::join(c.values, ", "));
    case Test::absent:
      return "nothing";
    case Test::present:
      return c.wanted ? "present" : "nothing";
    case Test::above:
      return fmt::format("above {}", c.bound);
    case Test::matches:
      return fmt::format("match {}", c.regex->pattern());
    case Test::same:
      return "same as " + to_text(c.other);
    default:
      return "";
  }
}

HookMiss leaf(const Condition& c, Evaluator& evaluator, std::string what) {
  const json::Value* at = evaluator.look(c.at);
  return {to_text(c.at), std::move(what),
          at == nullptr ? "nothing" : cut(json::to_string(*at), kFoundBytesMax)};
}

}  // namespace

std::string to_text(const Pointer& pointer) {
  std::string out;
  for (const auto& [name, root] : kRoots)
    if (root == pointer.root) out.append("/").append(name);
  for (const auto& token : pointer.tokens) out.append("/").append(escape_token(token));
  return out;
}

std::string to_text(const Decoding& decoding) {
  for (const auto& [name, step] : kPlainSteps)
    if (step == decoding.step) return std::string{name};
  for (const auto& [name, step] : kStepsAt)
    if (step == decoding.step) return fmt::format("{} {}", name, to_text(decoding.at));
  return {};
}

std::string to_text(const Error& error) {
  return fmt::format("{}: {}", outcome(error.code).name, error.detail);
}

HookMiss find_miss(const Condition& condition, Evaluator& evaluator) {
  using Test = Condition::Test;
  if (evaluator.would_hold(condition)) return {};
  switch (condition.test) {
    case Test::all:
    case Test::any:
      for (const auto& part : condition.parts)
        if (!evaluator.would_hold(part)) return find_miss(part, evaluator);
      return {};
    case Test::none:
      return {"$not", "must not hold", "holds"};
    default:
      return leaf(condition, evaluator, wanted(condition));
  }
}

std::string to_text(const RequestDocument& document) {
  json::Writer out;
  out.begin_object();
  for (const auto& [name, value] :
       {std::pair<std::string_view, const json::Value*>{"method", &document.method},
        {"path", &document.path},
        {"query", &document.query},
        {"header", &document.header},
        {"body", &document.body},
        {"raw_form", &document.raw_form}})
    out.key(name).value(*value);
  return cut(out.end_object().str(), kDocumentBytesMax);
}

}  // namespace hookswitch::webhook
