#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "calls/call_table.hpp"
#include "recorder/capture.hpp"
#include "recorder/recorder.hpp"
#include "support/temp_folder.hpp"

/// What the broker does with its call table and its recorder, without journal and clients.
namespace hookswitch::recorder_test {

inline Time at_ms(std::int64_t ms) {
  return *parse_rfc3339("2026-11-20T15:00:00.000Z") + milliseconds{ms};
}

/// acme: 101 alice, 102 bob, 103 carol; globex: 101 gina.
inline std::shared_ptr<const Directory> people() {
  auto out = std::make_shared<Directory>();
  for (const char* org : {"acme", "globex"}) out->add(Org{org, "US", "+12025550100"});
  out->add(User{"acme", "alice", "Alice Agent", "alice@acme.example", {"101", "111"}});
  out->add(User{"acme", "bob", "Bob Builder", "bob@acme.example", {"102"}});
  out->add(User{"acme", "carol", "Carol Clerk", "carol@acme.example", {"103"}});
  out->add(User{"globex", "gina", "Gina Guest", "gina@globex.example", {"101"}});
  return out;
}

inline constexpr const char* kJane = "+12025550143";

/// A fact of source "pbx" of "acme", received at `ms`.
inline Fact say(FactType type, std::int64_t ms, const std::string& call = "") {
  Fact out;
  out.org = "acme";
  out.source = "pbx";
  out.type = type;
  out.received = at_ms(ms);
  if (!call.empty()) out.ids.call.emplace_back(call);
  return out;
}

/// Of an inbound call from Jane.
inline Fact jane(FactType type, std::int64_t ms, const std::string& call = "pbx-call-1",
                 const std::string& ext = "") {
  Fact out = say(type, ms, call);
  out.direction = Direction::inbound;
  out.from.number = kJane;
  out.agent.ext = ext;
  return out;
}

/// As a watched line of a SIP source tells of a dialog.
inline Fact dialog(const std::string& ext, FactType type, std::int64_t ms,
                   const std::string& call_id) {
  Fact out = say(type, ms);
  out.source = "hq";
  out.ids.sip.emplace_back(call_id);
  out.ids.leg = ext + "/" + call_id;
  out.agent.ext = ext;
  out.from.number = kJane;
  out.to.ext = "102";
  out.state_report = true;
  return out;
}

/// A call of two lines of a ring group, answered, held and ended.
inline std::vector<Fact> ring_group(std::int64_t ms, const std::string& call = "pbx-call-1",
                                    const std::string& from = kJane) {
  std::vector<Fact> out{jane(FactType::started, ms, call),
                        jane(FactType::ringing, ms + 100, call),
                        jane(FactType::ringing, ms + 120, call),
                        jane(FactType::answered, ms + 4000, call, "101"),
                        jane(FactType::held, ms + 9000, call, "101"),
                        jane(FactType::resumed, ms + 12000, call, "101"),
                        jane(FactType::ended, ms + 64000, call)};
  out[1].to.ext = "101";
  out[2].to.ext = "102";
  for (auto& fact : out) fact.from.number = from;
  return out;
}

inline constexpr const char* kVersion = "9.9.9";

class RecordingBench {
 public:
  explicit RecordingBench(std::uint64_t seed = 7, std::uint64_t bytes_max = 64 * 1024 * 1024)
      : table{people(), seed}, recorder{{folder.path("journal.db.rec"), bytes_max}, registry} {
    table.set_source_rules("acme", "pbx", rules);
    recorder.settings(at_ms(0), CallLimits{}, {{"acme", "pbx", rules, false}});
    recorder.directory(at_ms(0), *people(), {"acme", "globex"});
  }

  /// One turn: these facts, then a tick at the time of the last of them.
  void turn(const std::vector<Fact>& facts, bool durable = true) {
    Step all;
    for (const auto& fact : facts) {
      Step one;
      table.apply(fact, one);
      recorder.fact(fact, one.touched, raw);
      add(all, one);
      clock = std::max(clock, fact.received);
    }
    raw = 0;
    tick_into(clock, all);
    finish(all, durable);
  }
  /// A turn for each fact.
  void feed(const std::vector<Fact>& facts) {
    for (const auto& fact : facts) turn({fact});
  }
  void tick(std::int64_t ms) {
    Step all;
    clock = at_ms(ms);
    tick_into(clock, all);
    finish(all, true);
  }

  void restart(std::int64_t ms, const std::string& source) {
    Step one;
    clock = at_ms(ms);
    table.source_restarted("acme", source, clock, one);
    recorder.restart(clock, "acme", source, one.touched);
    finish(one, true);
  }

  std::string rec() const { return folder.path("journal.db.rec"); }
  Result<Bundle> bundle(const std::string& id) const { return capture(rec(), id, kVersion); }
  std::string first_call() const { return calls.empty() ? std::string{} : calls.front(); }

  testing_support::TempFolder folder;
  Registry registry;
  SourceRules rules{{"x-cid"}};
  CallTable table;
  Recorder recorder;
  std::uint64_t raw = 0;            ///< of the facts of the next turn
  std::vector<std::string> frames;  ///< everything told
  std::vector<std::string> calls;   ///< ids, in the order they began
  Time clock = at_ms(0);

 private:
  std::map<std::string, std::string> saved_;
  void tick_into(Time at, Step& all) {
    Step one;
    table.tick(at, one);
    recorder.tick(at, one.touched);
    add(all, one);
  }
  static void add(Step& all, Step& one) {
    for (auto& event : one.events) all.events.push_back(std::move(event));
    all.touched.insert(all.touched.end(), one.touched.begin(), one.touched.end());
  }
  void finish(Step& all, bool durable) {
    if (!durable) {  // as if nothing had been said
      EXPECT_TRUE(table.restore(saved_).empty());
      return recorder.discard();
    }
    for (const auto& id : all.touched) {
      const std::string call{std::string_view{id}}, saved = table.save(call);
      if (saved.empty())
        saved_.erase(call);
      else
        saved_[call] = saved;
    }
    for (auto& event : all.events) {
      event.cursor = {"3f9c1a7e", 1500 + frames.size()};
      frames.push_back(encode(event));
      if (event.type == EventType::call_started)
        calls.emplace_back(std::string_view{event.call->id});
      recorder.event(event, frames.back());
    }
    recorder.flush(clock);
  }
};

}  // namespace hookswitch::recorder_test
