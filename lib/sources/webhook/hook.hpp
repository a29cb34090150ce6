#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"
#include "model/fact.hpp"
#include "numbers/numbers.hpp"
#include "sources/webhook/dialect_file.hpp"
#include "sources/webhook/trace.hpp"

namespace hookswitch {

namespace webhook {
class TimeZone;
}

struct HookRequest {
  std::string method;  ///< upper case
  std::string rest;    ///< path after /v1/hooks/{source}, without leading slash, not decoded
  std::string query;   ///< raw, without '?'
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;  ///< as received: signatures are over these bytes. The listener holds it to
                     ///< kBodyBytesMax
  Time received{};
};

struct HookReply {
  unsigned status = 200;
  std::string content_type;  ///< empty: none
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct HookOutcome {
  std::vector<Fact> facts;  ///< at most kFactsPerRequestMax; org, source and received are set
  HookReply reply;          ///< to be sent once the facts are durable
  bool matched = true;      ///< false: authentic, but no rule of the dialect took it. Count it and
                            ///< answer all the same
  std::string delivery_id;  ///< the vendor's id of this delivery, the same when it comes again;
                            ///< empty if it gives none, or one above kIdBytesMax, and of handshakes
  /// For how long the same request could be sent again until the time that its proof is over is too
  /// old: twice the tolerance, for it may be as far ahead. 0: no proof that it showed has a time.
  std::chrono::seconds replay_time{0};
  bool repeats_are_news = false;  ///< the vendor says a thing twice with the same bytes: without a
                                  ///< delivery_id, nothing may be taken for sent again
};

/// What came of a request, and how.
struct HookExplanation {
  Result<HookOutcome> outcome;
  HookTrace trace;
};

struct HookOptions {
  std::string org, source;
  /// By the names of secret_names(); several live values each while one is being replaced. Not
  /// empty: every request must be proven, also when the named values are empty or none of the
  /// dialect's (then all are refused).
  std::map<std::string, std::vector<Secret>> secrets;
  std::string public_url;   ///< of this source, as the sender was told; for signatures over the URL
  std::string time_zone;    ///< IANA name for times without a zone; empty: the dialect's own
  NumberPlan numbers;       ///< how the source writes numbers; what it leaves out, the dialect says
  std::string org_country;  ///< of national numbers, when neither says one
};

/// Is there such a zone on this system? For the check of settings.
bool is_time_zone(std::string_view name);

/// One webhook source: requests in, facts out. Immutable after construction; any thread.
class Hook {
 public:
  /// With an unknown `time_zone`, times without a zone are not told (the fact then counts as of
  /// when it was received).
  Hook(DialectProgramPtr program, HookOptions options);

  /// Handshake, or: method, signature, decoding, rules. Pure: the same request gives the same
  /// outcome. Errors: method_not_allowed, signature_invalid, unsupported_media_type, bad_json,
  /// bad_encoding, bad_request, too_deep, too_many_fields, body_too_large; where there are secrets,
  /// also signature_invalid for what the proof is of and cannot be read. Their detail may hold
  /// request data.
  Result<HookOutcome> handle(const HookRequest& request) const;

  /// The same walk as handle(), with every step told. For the command line: slower, and the trace
  /// holds request data.
  HookExplanation explain(const HookRequest& request) const;

  /// Whether who opens a lasting connection with this request may: proven as every request has to
  /// be, by what it can prove without a body. Error: signature_invalid, or those of its head.
  Result<void> admit(const HookRequest& request) const;

  /// What `Allow` should say: the methods of events and of handshakes.
  const std::vector<std::string>& methods() const;

 private:
  Result<HookOutcome> walk(const HookRequest& request, HookTrace* trace) const;

  DialectProgramPtr program_;
  HookOptions options_;
  std::shared_ptr<const webhook::TimeZone> zone_;
};

}  // namespace hookswitch
