#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "model/party.hpp"
#include "model/words.hpp"

namespace hookswitch {

/// The person a fact is about, where a source names one.
struct Agent {
  Text ext, id, name, email;
  bool empty() const { return ext.empty() && id.empty() && name.empty() && email.empty(); }
  friend bool operator==(const Agent&, const Agent&) = default;
};

struct FactIds {
  std::vector<Text> call;  ///< vendor call ids, verbatim, scoped by source; the first is the call's
                           ///< own, the others are further names of it
  Text leg;                ///< vendor leg id, verbatim, scoped by source
  std::vector<Text> sip;   ///< SIP Call-IDs (RFC 3261 §8.1.1.4)
  Text session;            ///< RFC 7989 Session-ID: one UUID, or "uuid;remote=uuid"
  Text parent;             ///< vendor call id this call came from
  std::vector<Text> replaces;  ///< SIP Call-IDs named in a Replaces header (RFC 3891)
  bool empty() const {
    return call.empty() && leg.empty() && sip.empty() && session.empty() && parent.empty() &&
           replaces.empty();
  }
  friend bool operator==(const FactIds&, const FactIds&) = default;
};

struct Recording {
  Text id, url;
  bool empty() const { return id.empty() && url.empty(); }
  friend bool operator==(const Recording&, const Recording&) = default;
};

struct Transfer {
  Text kind;  ///< "blind" or "attended"
  Party to;
  std::vector<Text> other_calls;  ///< vendor call ids of the other call of an attended transfer
  friend bool operator==(const Transfer&, const Transfer&) = default;
};

/// What one source said, once (model.md §3). Never trusted to be in order or complete.
struct Fact {
  Text org;         ///< set by the daemon from the source's settings, never read from outside
  Text source;      ///< likewise
  Time received{};  ///< likewise: our clock when the fact came in

  FactType type = FactType::updated;
  FactIds ids;
  std::optional<Direction> direction;
  Party from, to;
  Text did;
  Agent agent;
  Party customer;
  Text queue;
  std::optional<std::int64_t> seq;
  std::optional<Time> at;
  std::optional<milliseconds> duration;
  std::optional<Disposition> disposition;
  std::optional<int> cause;       ///< Q.850
  std::optional<int> sip_status;  ///< RFC 3261 §21
  Text reason;
  std::map<std::string, std::string> headers, variables;
  Text custom_data;
  Text conference;  ///< id of the conference the leg is in
  Recording recording;
  Transfer transfer;
  /// The source reports a state it keeps repeating (dialog-info), not something that just happened:
  /// an end of a call nobody knows is then old news and starts nothing.
  bool state_report = false;

  /// When it happened: what the source says, else when we heard of it.
  Time occurred() const { return at.value_or(received); }
  friend bool operator==(const Fact&, const Fact&) = default;
};

/// Reads the native dialect (one object). Unknown members are ignored; a known member of the wrong
/// type, an unknown `type`, `direction` or `disposition` word, or text beyond kTextBytesMax /
/// kIdBytesMax is bad_request with the member's name.
Result<Fact> fact_from_json(const json::Value& object);

/// An object, or an array of at most kFactsPerRequestMax objects. Errors: as fact_from_json,
/// too_many_fields.
Result<std::vector<Fact>> facts_from_json(const json::Value& document);

/// The native dialect; empty members are left out. Round-trips through fact_from_json.
void write_json(json::Writer& out, const Fact& fact);

}  // namespace hookswitch
