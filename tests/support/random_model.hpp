#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "model/event.hpp"
#include "model/fact.hpp"

namespace hookswitch::testing_support {

/// Random values of the model, as wide as its limits allow and no wider. The same seed gives the
/// same values.
class RandomModel {
 public:
  explicit RandomModel(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool maybe() { return below(2) == 0; }

  /// Text of any characters, hostile ones first; may be empty.
  std::string text(std::size_t bytes_max = 40) {
    static const char* const kPieces[] = {
        "a",    "0",       "+1202555",  "\"",        "\\",           "\n",
        "\x01", "\x1b[2J", "</script>", "\xc3\xa4",  "\xe2\x80\xae", "\xf0\x9f\x98\x80",
        " ",    "\x7f",    "'",         "{\"x\":1}", "%0d%0a",       "\xe2\x80\xa8"};
    std::string out;
    for (std::size_t n = below(6); n > 0; --n) {
      const std::string piece = kPieces[below(std::size(kPieces))];
      if (out.size() + piece.size() <= bytes_max) out += piece;
    }
    return out;
  }
  std::string some_text() {
    const std::string out = text();
    return out.empty() ? "x" : out;
  }
  Time time() { return from_unix_ms(static_cast<std::int64_t>(random_() % 4'102'444'800'000ULL)); }
  milliseconds span() { return milliseconds{static_cast<std::int64_t>(random_() % 100'000'000)}; }

  Party party() { return maybe() ? Party{} : Party{text(), text(), text(), text(), text()}; }
  std::map<std::string, std::string> map() {
    std::map<std::string, std::string> out;
    for (std::size_t n = below(4); n > 0; --n) out[some_text()] = text();
    return out;
  }
  std::vector<Text> texts(std::size_t count_max) {
    std::vector<Text> out;
    for (std::size_t n = below(count_max + 1); n > 0; --n) out.push_back(some_text());
    return out;
  }
  /// A text or null, as JSON.
  std::string json_text() {
    json::Writer out;
    if (maybe())
      out.string(text());
    else
      out.null();
    return out.str();
  }
  /// A word of an enumeration whose last enumerator is `last`.
  template <class Enum>
  Enum word(Enum last) {
    return static_cast<Enum>(below(static_cast<std::size_t>(last) + 1));
  }

  Fact fact() {
    Fact out;
    out.type = word(FactType::conference);
    out.ids = {texts(3), text(), texts(3), text(), text(), texts(3)};
    if (maybe()) out.direction = word(Direction::unknown);
    out.from = party();
    out.to = party();
    out.did = text();
    if (maybe()) out.agent = {text(), text(), text(), text()};
    out.customer = party();
    out.queue = text();
    if (maybe()) out.seq = static_cast<std::int64_t>(random_());
    if (maybe()) out.at = time();
    if (maybe()) out.duration = span();
    if (maybe()) out.disposition = word(Disposition::reconciled);
    if (maybe()) out.cause = 1 + static_cast<int>(below(9999));
    if (maybe()) out.sip_status = 100 + static_cast<int>(below(600));
    out.reason = text();
    out.headers = map();
    out.variables = map();
    out.custom_data = text();
    if (maybe()) out.recording = {text(), text()};
    if (maybe()) out.transfer = {maybe() ? "blind" : "attended", party(), texts(3)};
    out.conference = text();
    out.state_report = maybe();
    return out;
  }

  Leg leg(std::size_t number) {
    Leg out;
    out.id = "l" + std::to_string(number);
    out.role = word(LegRole::callee);
    out.user = text();
    out.ext = text();
    out.number = text();
    out.state = word(LegState::terminated);
    if (maybe()) out.ringing_at = time();
    if (maybe()) out.answered_at = time();
    if (maybe()) out.ended_at = time();
    if (maybe()) out.end_reason = word(Disposition::reconciled);
    out.muted = maybe();
    return out;
  }

  Call call() {
    Call out;
    out.id = "01KAG3" + std::to_string(random_());
    out.org = "acme";
    out.state = word(CallState::ended);
    out.direction = word(Direction::unknown);
    out.from = party();
    out.to = party();
    out.customer = party();
    out.did = text();
    out.queue = text();
    for (std::size_t n = below(5); n > 0; --n) out.legs.push_back(leg(out.legs.size() + 1));
    out.started_at = time();
    if (maybe()) out.answered_at = time();
    if (maybe()) out.answered_by = word(AnsweredBy::unknown);
    if (maybe()) out.ended_at = time();
    if (maybe()) out.disposition = word(Disposition::reconciled);
    if (maybe()) out.ring = span();
    if (maybe()) out.talk = span();
    if (maybe()) out.hold = span();
    for (std::size_t n = below(4); n > 0; --n)
      out.ids.push_back({word(KeyKind::session_id), text(), text()});
    out.absorbed = texts(2);
    out.headers = map();
    out.variables = map();
    out.custom_data = text();
    out.parked = text();
    out.conference = text();
    for (std::size_t n = below(3); n > 0; --n) out.recordings.push_back({text(), text()});
    for (const auto& [field, source] : map()) out.provenance.emplace_back(field, source);
    return out;
  }

  Event event() {
    Event out;
    out.cursor = {"3f9c1a7e", random_() >> 1};
    out.type = word(EventType::source_stale);
    out.org = "acme";
    out.time = time();
    if (maybe()) {
      out.call = std::make_shared<const Call>(call());
      for (const auto& leg : out.call->legs) {
        if (maybe()) out.leg = leg.id;
        if (maybe()) out.changed.push_back(leg.id);
      }
    }
    if (maybe()) out.transfer = TransferTold{text(), out.leg, party()};
    for (std::size_t n = below(3); n > 0; --n)
      out.amended.push_back({text(), json_text(), json_text()});
    out.audience = texts(3);
    out.absorbed = text();
    out.source = text();
    out.reason = text();
    return out;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace hookswitch::testing_support
