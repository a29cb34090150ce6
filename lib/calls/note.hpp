#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "calls/source_book.hpp"
#include "model/fact.hpp"

/// What a call keeps of its facts. A fact is split in three: who it is about (Mention, shared by
/// the facts that name the same), what else it brings (Extras, likewise), and what happened when
/// (Note).
namespace hookswitch {

/// How a fact came to its call (model.md §4); `explain` prints the words.
enum class JoinedBy : std::uint8_t {
  first_fact,
  vendor_call_id,
  vendor_leg_id,
  sip_call_id,
  session_id,
  header,
  tuple,
  fusion,
  tick,
};
std::string_view to_string(JoinedBy);

/// One id under which a source tells of calls; facts of different parts may count differently.
struct Part {
  SourceIndex source = SourceBook::kBroker;
  Text id;                         ///< the vendor's call id, else the SIP Call-ID, else empty
  std::uint8_t same_as = kItself;  ///< another part of which this id is a further name
  static constexpr std::uint8_t kItself = 255;
  bool handed_on = false;  ///< an attended transfer names it, or was told by it
  friend bool operator==(const Part& a, const Part& b) {
    return a.source == b.source && a.id == b.id;
  }
};

struct Mention {
  std::uint8_t part = 0;
  Direction direction = Direction::unknown;  ///< as told; unknown: not told
  bool has_agent = false;
  Text leg;  ///< vendor leg id
  Text agent_ext, agent_user;
  Text from_user, to_user;  ///< who had these lines when it was told
  Text did;
  Party from, to;
  friend bool operator==(const Mention&, const Mention&) = default;
};

struct Extras {
  Party customer;
  Text queue, custom_data, reason, conference;
  Recording recording;
  Transfer transfer;
  milliseconds duration{
      0};  ///< 0: not told, which is also what some PBXs send while they do not know
  std::map<std::string, std::string> headers, variables;
  friend bool operator==(const Extras&, const Extras&) = default;
};

struct Note {
  static constexpr std::int64_t kNoSeq = std::numeric_limits<std::int64_t>::min();
  static constexpr std::uint8_t kNoExtras = 255;

  Time at{};        ///< as told, else `received`
  Time received{};  ///< by our clock
  std::int64_t seq = kNoSeq;
  FactType type = FactType::updated;
  std::uint8_t mention = 0;
  std::uint8_t extras = kNoExtras;
  JoinedBy joined_by = JoinedBy::first_fact;
  std::optional<Disposition> reason;  ///< why something ended, as far as it tells
  std::uint8_t confidence = 0;  ///< of `reason`: 0 none, 1 status or cause, 2 the source's word
  bool told_at = false;
  bool state_report = false;
  bool early = false;  ///< `dialing` whose far end rings

  bool has_seq() const { return seq != kNoSeq; }
};

/// Why a call or leg ended, as far as a fact tells: its own word, else the SIP status (RFC 3261
/// §21), else the Q.850 cause.
std::optional<Disposition> told_reason(const Fact& fact);

}  // namespace hookswitch
