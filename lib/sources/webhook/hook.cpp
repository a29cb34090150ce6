#include "sources/webhook/hook.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "sources/webhook/decode.hpp"
#include "sources/webhook/evaluate.hpp"
#include "sources/webhook/explain.hpp"
#include "sources/webhook/program.hpp"
#include "sources/webhook/verify.hpp"

namespace hookswitch {

using namespace webhook;

namespace {

constexpr std::size_t kNotesMax = kEachItemsMax;

/// One request on its way through the rules.
class HookRun {
 public:
  HookRun(const DialectProgram& program, Evaluator& evaluator, RequestDocument& document,
          HookTrace* trace)
      : program_(program), evaluator_(evaluator), document_(document), trace_(trace) {}

  /// Facts in the order of the rules. Errors: bad_request, too_many_fields.
  std::optional<Error> run() {
    for (std::size_t i = 0; i < program_.rules.size(); ++i) {
      const Rule& rule = program_.rules[i];
      evaluator_.set_item(nullptr, 0);
      const bool holds = evaluator_.holds(rule.when);
      if (trace_ != nullptr) {
        trace_->rules.push_back({fmt::format("/rules/{}", i), holds, {}, 0, 0, {}, {}});
        if (!holds) trace_->rules.back().miss = find_miss(rule.when, evaluator_);
      }
      if (!holds) continue;
      if (auto problem = run_rule(rule)) return problem;
      if (!rule.also) break;
    }
    if (evaluator_.exhausted()) return Error{Errc::too_many_fields, "too much work"};
    return std::nullopt;
  }

  std::vector<Fact> facts;
  bool matched = false;

 private:
  std::optional<Error> run_rule(const Rule& rule) {
    if (!rule.each) return emit(rule);
    const json::Value* items = evaluator_.look(*rule.each);
    if (items == nullptr || (!items->IsArray() && !items->IsObject())) {
      note("each names no list");
      return std::nullopt;
    }
    if (items->IsObject()) {
      evaluator_.set_item(items, 0);
      return emit(rule);
    }
    if (items->Size() > kEachItemsMax) return Error{Errc::too_many_fields, "too many items"};
    if (items->Empty()) matched = true;
    for (rapidjson::SizeType i = 0; i < items->Size(); ++i) {
      evaluator_.set_item(&(*items)[i], i);
      if (auto problem = emit(rule)) return problem;
    }
    return std::nullopt;
  }

  std::optional<Error> emit(const Rule& rule) {
    if (trace_ != nullptr) ++trace_->rules.back().items;
    if (!evaluator_.holds(rule.filter)) {
      matched = true;
      note("if does not hold");
      if (trace_ != nullptr && trace_->rules.back().item_miss == HookMiss{})
        trace_->rules.back().item_miss = find_miss(rule.filter, evaluator_);
      return std::nullopt;
    }
    json::Value out = evaluator_.value(rule.emit);
    json::Value base = evaluator_.value(program_.base);
    if (!out.IsObject()) out.SetObject();
    if (base.IsObject()) merge_under(out, base, document_.arena);
    fit(out, fact_shape(), document_.arena);
    const auto type = json::find_string(out, "type");
    if (!type) {
      note("no type");
      return std::nullopt;
    }
    matched = true;
    if (*type == "ignore") {
      note("ignored");
      return std::nullopt;
    }
    if (facts.size() == kFactsPerRequestMax) return Error{Errc::too_many_fields, "too many facts"};
    auto fact = fact_from_json(out);
    if (!fact) return fact.error();
    facts.push_back(std::move(*fact));
    if (trace_ != nullptr) ++trace_->rules.back().facts;
    return std::nullopt;
  }

  void note(const char* what) {
    if (trace_ != nullptr && trace_->rules.back().notes.size() < kNotesMax)
      trace_->rules.back().notes.emplace_back(what);
  }

  const DialectProgram& program_;
  Evaluator& evaluator_;
  RequestDocument& document_;
  HookTrace* trace_;
};

constexpr std::size_t kEchoBytesMax = 64;
constexpr std::size_t kEchoHeaderBytesMax = 256;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kEchoBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

bool is_header_value(std::string_view text) {
  return !text.empty() && text.size() <= kEchoHeaderBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<HookReply> shake(const Handshake& handshake, Evaluator& evaluator) {
  HookReply reply{handshake.status, {}, {}, {{"X-Content-Type-Options", "nosniff"}}};
  for (const auto& [name, expr] : handshake.headers) {
    const auto value = as_text(evaluator.value(expr)).value_or("");
    if (!is_header_value(value))
      return Error{Errc::bad_request, "a handshake value is not one to echo"};
    reply.headers.emplace_back(name, value);
  }
  if (handshake.body.op == Expr::Op::nothing) return reply;
  reply.content_type = handshake.content_type;
  reply.body = as_text(evaluator.value(handshake.body)).value_or("");
  if (handshake.body.op != Expr::Op::literal && !is_word(reply.body))
    return Error{Errc::bad_request, "a handshake value is not one to echo"};
  return reply;
}

const std::vector<Decoding>* decoding_for(const DialectProgram& program,
                                          const HookRequest& request) {
  if (program.decode_by_type.empty()) return &program.decode;
  const std::string type = media_type(request);
  const auto& all = program.decode_by_type;
  auto it =
      std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.type == type; });
  if (it == all.end())
    it = std::find_if(all.begin(), all.end(), [](const auto& each) { return each.type == "*"; });
  return it == all.end() ? nullptr : &it->steps;
}

}  // namespace

bool is_time_zone(std::string_view name) { return TimeZone::load(name) != nullptr; }

Hook::Hook(DialectProgramPtr program, HookOptions options)
    : program_(std::move(program)), options_(std::move(options)) {
  const NumberPlan& vendor = program_->numbers;
  NumberPlan& plan = options_.numbers;
  if (plan.country.empty()) plan.country = vendor.country;
  if (plan.country.empty()) plan.country = options_.org_country;
  if (plan.intl_prefix.empty()) plan.intl_prefix = vendor.intl_prefix;
  plan.e164_without_plus = plan.e164_without_plus || vendor.e164_without_plus;
  const std::string& zone = options_.time_zone.empty() ? program_->tz : options_.time_zone;
  if (!zone.empty()) zone_ = TimeZone::load(zone);
}

const std::vector<std::string>& Hook::methods() const { return program_->all_methods; }

Result<void> Hook::admit(const HookRequest& request) const {
  RequestDocument document;
  Evaluator evaluator{document, options_.numbers, zone_.get()};
  if (auto problem = open_request(request, document)) return *problem;
  // A proof that reads the body proves nothing of a connection.
  if (!options_.secrets.empty() &&
      (program_->auth_reads_body || !is_authentic(*program_, options_, request, evaluator)))
    return Error{Errc::signature_invalid, "no live secret fits"};
  return {};
}

Result<HookOutcome> Hook::handle(const HookRequest& request) const {
  return walk(request, nullptr);
}

HookExplanation Hook::explain(const HookRequest& request) const {
  HookTrace trace;
  auto outcome = walk(request, &trace);
  return {std::move(outcome), std::move(trace)};
}

Result<HookOutcome> Hook::walk(const HookRequest& request, HookTrace* trace) const {
  const DialectProgram& program = *program_;
  RequestDocument document;
  Evaluator evaluator{document, options_.numbers, zone_.get()};
  // What cannot be read cannot be proven: it is refused as what is not, whatever made it so.
  const bool is_sealed = !options_.secrets.empty();
  const Error unreadable{Errc::signature_invalid, "what the proof is of cannot be read"};
  if (auto problem = open_request(request, document)) return is_sealed ? unreadable : *problem;

  for (std::size_t i = 0; i < program.handshakes.size(); ++i) {
    const Handshake& handshake = program.handshakes[i];
    // A body that cannot be read is no handshake; what it is, is told below.
    if (!handshake.decode.empty() && decode_body(request, handshake.decode, document))
      document.body.SetObject();
    const bool holds = evaluator.holds(handshake.when);
    if (trace != nullptr) {
      trace->handshakes.push_back({fmt::format("/handshake/{}", i), holds, {}, 0, 0, {}, {}});
      if (!holds) trace->handshakes.back().miss = find_miss(handshake.when, evaluator);
    }
    if (!holds) continue;
    auto reply = shake(handshake, evaluator);
    if (!reply) return reply.error();
    return HookOutcome{{}, std::move(*reply), true, {}};
  }

  const auto& methods = program.event_methods;
  if (std::find(methods.begin(), methods.end(), request.method) == methods.end())
    return Error{Errc::method_not_allowed, "not a method of this dialect"};
  if (trace != nullptr) {
    trace->method_allowed = true;
    trace->needs_proof = is_sealed;
  }
  const auto is_proven = [&] {
    const bool good = is_authentic(program, options_, request, evaluator, trace);
    if (trace != nullptr) trace->authentic = good;
    return good;
  };
  const Error refused{Errc::signature_invalid, "no live secret fits"};
  if (!program.auth_reads_body && !is_proven()) return refused;
  const bool is_unproven = is_sealed && program.auth_reads_body;
  const auto* steps = decoding_for(program, request);
  if (steps == nullptr) {
    if (is_unproven) return unreadable;
    return Error{Errc::unsupported_media_type, "not a type of this dialect"};
  }
  if (auto problem = decode_body(request, *steps, document, trace))
    return is_unproven ? unreadable : *problem;
  if (trace != nullptr) trace->document = to_text(document);
  if (program.auth_reads_body && !is_proven()) return refused;

  HookOutcome out;
  if (auto id = as_text(evaluator.value(program.dedupe)); id && id->size() <= kIdBytesMax)
    out.delivery_id = trim(*id);
  out.repeats_are_news = program.repeats_are_news;
  out.replay_time = replay_time(program, options_, evaluator);
  if (program.facts) {
    const json::Value* at = evaluator.look(*program.facts);
    if (at == nullptr) return Error{Errc::bad_request, "no facts"};
    auto facts = facts_from_json(*at);
    if (!facts) return facts.error();
    out.facts = std::move(*facts);
  } else {
    HookRun run{program, evaluator, document, trace};
    if (auto problem = run.run()) return *problem;
    out.facts = std::move(run.facts);
    out.matched = run.matched;
  }
  for (auto& fact : out.facts) {
    read_numbers(fact, options_.numbers);
    fact.org = options_.org;
    fact.source = options_.source;
    fact.received = request.received;
  }
  return out;
}

}  // namespace hookswitch
