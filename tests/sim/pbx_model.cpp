#include "sim/pbx_model.hpp"

#include <algorithm>
#include <map>

#include "sim/stories.hpp"

namespace hookswitch::sim {
namespace {

constexpr Ms kLatency = 20;
constexpr Ms kCrmDelay = 1'500;
constexpr Ms kStill = 3'000;  // a repeated state is told only of calls in which nothing moves

Disposition only_one(const std::optional<Disposition>& why) {
  return why.value_or(Disposition::unknown);
}

/// The same reason as a standard's number; answered and the words of legs have none.
void say_code(Fact& fact, Disposition why) {
  switch (why) {
    case Disposition::busy:
      fact.cause = 17;
      break;
    case Disposition::no_answer:
      fact.cause = 19;
      break;
    case Disposition::rejected:
      fact.cause = 21;
      break;
    case Disposition::cancelled:
      fact.sip_status = 487;
      break;
    case Disposition::failed:
      fact.sip_status = 503;
      break;
    default:
      fact.disposition = why;
  }
}

bool begins(FactType word) {
  return word == FactType::started || word == FactType::dialing || word == FactType::ringing ||
         word == FactType::queued;
}

Fact wording(const RealCall& call, const Happening& what, const Style& style,
             const std::string& source) {
  const VendorCall& vendor = call.vendor_calls[static_cast<std::size_t>(what.vendor_call)];
  const TrueLeg* leg = what.leg < 0 ? nullptr : &call.legs[static_cast<std::size_t>(what.leg)];
  Fact fact;
  fact.org = "acme";
  fact.source = source;
  fact.type = what.word;
  fact.variables[mark_of(call.place)] = "1";
  const std::string id = source + "-" + call.vendor_id(what.vendor_call);
  if (style.ids) {
    fact.ids.call.push_back(id);
    if (style.leg_ids && leg != nullptr) fact.ids.leg = id + "-" + std::to_string(what.leg);
    // The consult call is another dialog: only the first one is named by an id that both know.
    if (what.vendor_call == 0 && !call.sip.empty()) fact.ids.sip.push_back(call.sip);
    if (what.vendor_call == 0) fact.ids.session = call.session;
  }
  fact.direction = vendor.direction;
  if (style.parties || !style.ids || begins(what.word)) {
    fact.from = vendor.from;
    fact.to = vendor.to;
    if (what.vendor_call == 0) fact.did = call.did;
    if (style.ids && leg != nullptr && !leg->caller && !leg->ext.empty()) {
      fact.to = {};
      fact.to.ext = leg->ext;
    }
  }
  if (leg != nullptr) fact.agent.ext = leg->ext;
  if (what.word == FactType::queued) fact.queue = "Sales";
  if (what.why) {
    if (style.codes)
      say_code(fact, only_one(what.why));
    else
      fact.disposition = what.why;
  }
  if (what.word == FactType::transferred) {
    fact.transfer.kind = what.attended ? "attended" : "blind";
    fact.transfer.to.ext = what.to_ext;
    if (what.attended) fact.transfer.other_calls.push_back(source + "-" + call.vendor_id(1));
  }
  return fact;
}

/// Whether a PBX of that style says so.
bool pbx_tells(const RealCall& call, const Happening& what, const Style& style) {
  if (what.word != FactType::ended) return true;
  if (what.leg < 0) return style.whole_end;
  if (what.instead_of_whole) return !style.whole_end;
  if (call.legs[static_cast<std::size_t>(what.leg)].ext.empty() && !style.leg_ids) return false;
  return what.needed || style.leg_ends;
}

/// A system beside the PBX sees who rings and who talks, not what telephones do to each other.
bool crm_sees(const Happening& what) {
  switch (what.word) {
    case FactType::started:
    case FactType::dialing:
    case FactType::ringing:
    case FactType::answered:
      return true;
    case FactType::ended:
      return what.leg < 0;
    default:
      return false;
  }
}

/// Whether that leg lives then, and the word for its state.
std::optional<FactType> state_at(const TrueLeg& leg, Ms now) {
  if (now < leg.since || (leg.ended && *leg.ended <= now)) return std::nullopt;
  if (leg.answered && *leg.answered <= now) {
    for (const auto& [from, to] : leg.holds)
      if (from <= now && now < to) return FactType::held;
    return FactType::answered;
  }
  if (leg.caller) return FactType::dialing;
  return leg.rang && *leg.rang <= now ? std::optional{FactType::ringing} : std::nullopt;
}

/// What says nothing of which legs there are: its place in the order is all that matters.
bool may_be_late(FactType word) {
  return word == FactType::answered || word == FactType::held || word == FactType::resumed;
}

class Channel {
 public:
  Channel(World& world, Dice& dice) : world_(world), dice_(dice) {}

  void run() {
    std::vector<std::pair<const RealCall*, const Happening*>> all;
    for (const RealCall& call : world_.calls)
      for (const Happening& what : call.happenings) all.emplace_back(&call, &what);
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.second->at < b.second->at; });
    last_ = all.empty() ? 0 : all.back().second->at;
    plan_repeats();
    auto repeat = repeats_.begin();
    for (const auto& [call, what] : all) {
      for (; repeat != repeats_.end() && *repeat < what->at; ++repeat) repeat_states(*repeat);
      if (pbx_tells(*call, *what, world_.pbx)) tell(*call, *what, world_.pbx, "pbx", 0);
      if (world_.profile == Profile::two_sources && crm_sees(*what))
        tell(*call, *what, world_.crm, "crm", world_.skew);
    }
    std::stable_sort(
        world_.deliveries.begin(), world_.deliveries.end(),
        [](const Delivery& a, const Delivery& b) { return a.fact.received < b.fact.received; });
  }

 private:
  bool loses() const { return world_.profile == Profile::lossy; }

  void plan_repeats() {
    if (world_.profile == Profile::clean || world_.profile == Profile::two_sources) return;
    if (!world_.pbx.ids || world_.late_max > 0) return;
    for (int i = 0; i < 2; ++i) {
      const Ms from = dice_.between(0, last_);
      repeats_.push_back(from + (loses() ? dice_.between(5'000, 60'000) : 0));
      if (loses()) silences_.emplace_back(from, repeats_.back());
    }
    std::sort(repeats_.begin(), repeats_.end());
  }

  bool silent(Ms at) const {
    return std::any_of(silences_.begin(), silences_.end(),
                       [&](const auto& span) { return span.first <= at && at < span.second; });
  }

  /// The feed has begun anew: it says so, and then where every living leg stands.
  void repeat_states(Ms now) {
    if (silent(now)) return;
    Delivery restart{{}, -1, true};
    restart.fact.received = time_at(now);
    world_.deliveries.push_back(std::move(restart));
    for (const RealCall& call : world_.calls) {
      if (now < call.started) continue;
      const Ms at = still_from(call, now + 1);
      if (call.ended <= at || silent(at)) continue;
      bool said = false;
      for (std::size_t i = 0; i < call.legs.size(); ++i) {
        const auto word = state_at(call.legs[i], at);
        if (!word || (call.legs[i].ext.empty() && !world_.pbx.leg_ids)) continue;
        repeat(call, at, *word, static_cast<int>(i));
        said = true;
      }
      // Somebody waits, and without leg ids there is no line to name.
      if (!said) repeat(call, at, FactType::updated, -1);
    }
  }

  void repeat(const RealCall& call, Ms at, FactType word, int leg) {
    Happening state;
    state.at = at;
    state.word = word;
    state.leg = leg;
    if (leg >= 0) state.vendor_call = call.legs[static_cast<std::size_t>(leg)].vendor_call;
    Fact fact = wording(call, state, world_.pbx, "pbx");
    fact.state_report = true;
    send(call, std::move(fact), at);
  }

  /// When nothing moves in the call for a while, so that a state cannot be taken for a change.
  static Ms still_from(const RealCall& call, Ms from) {
    for (const Happening& each : call.happenings)
      if (std::abs(each.at - from) < kStill) from = each.at + kStill;
    return from;
  }

  void tell(const RealCall& call, const Happening& what, const Style& style,
            const std::string& source, Ms skew) {
    Fact fact = wording(call, what, style, source);
    if (style.seq) fact.seq = ++seq_;
    if (style.at) fact.at = time_at(what.at + skew);
    if (source == "pbx" && silent(what.at)) return;
    send(call, std::move(fact), what.at);
  }

  void send(const RealCall& call, Fact fact, Ms at) {
    if (loses() && dice_.chance(10)) return;
    const int copies = world_.profile != Profile::clean && dice_.chance(30) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const bool late = fact.source == "crm" || dice_.chance(200);
      const Ms most = fact.source == "crm" ? kCrmDelay : world_.delay_max;
      Ms delay = kLatency + (late || i > 0 ? dice_.between(0, most) : 0);
      if (world_.late_max > 0 && may_be_late(fact.type) && dice_.chance(10))
        delay += dice_.between(0, world_.late_max);
      fact.received = time_at(at + delay);
      world_.deliveries.push_back({fact, call.place, false});
    }
  }

  World& world_;
  Dice& dice_;
  Ms last_ = 0;
  std::int64_t seq_ = 0;
  std::vector<Ms> repeats_;
  std::vector<std::pair<Ms, Ms>> silences_;
};

Style random_style(Dice& dice, Profile profile) {
  Style out;
  out.ids = profile == Profile::two_sources || !dice.chance(150);
  out.leg_ids = out.ids && dice.chance(600);
  out.seq = dice.chance(500);
  out.at = dice.chance(600);
  out.parties = dice.chance(600);
  out.leg_ends = out.leg_ids && dice.chance(600);
  out.whole_end = !out.leg_ids || dice.chance(600);
  out.codes = dice.chance(300);
  return out;
}

}  // namespace

const char* name_of(Profile profile) {
  switch (profile) {
    case Profile::clean:
      return "clean";
    case Profile::wild:
      return "wild";
    case Profile::lossy:
      return "lossy";
    case Profile::two_sources:
      return "two_sources";
  }
  return "?";
}

std::string Style::text() const {
  std::string out;
  const auto add = [&](bool set, const char* word) { out += set ? std::string{word} + " " : ""; };
  add(!ids, "no-ids");
  add(leg_ids, "leg-ids");
  add(seq, "seq");
  add(at, "at");
  add(parties, "parties");
  add(leg_ends, "leg-ends");
  add(whole_end, "whole-end");
  add(codes, "codes");
  return out;
}

std::string RealCall::vendor_id(int vendor_call) const {
  return std::to_string(place) + (vendor_call == 0 ? "" : "b");
}

Ms RealCall::held() const {
  Ms out = 0;
  for (const TrueLeg& leg : legs)
    for (const auto& [from, to] : leg.holds) out += to - from;
  return out;
}

std::optional<Ms> RealCall::first_ring() const {
  std::optional<Ms> out;
  for (const TrueLeg& leg : legs)
    if (leg.rang && (!out || *leg.rang < *out)) out = leg.rang;
  return out;
}

std::string RealCall::text() const {
  const auto time = [](const std::optional<Ms>& ms) { return ms ? std::to_string(*ms) : "-"; };
  std::string out = "real call " + std::to_string(place) + ": " + story + ", " +
                    std::string{to_string(vendor_calls[0].direction)} + ", " +
                    std::string{to_string(disposition)} + ", started " + time(started) +
                    " answered " + time(answered) + " ended " + time(ended) + " held " +
                    std::to_string(held()) + "\n";
  for (const TrueLeg& leg : legs) {
    out += "  leg " + (leg.ext.empty() ? std::string{"outside"} : leg.ext) +
           (leg.caller ? " calls" : "") + " rang " + time(leg.rang) + " answered " +
           time(leg.answered) + " ended " + time(leg.ended);
    for (const Disposition why : leg.reasons) out += " " + std::string{to_string(why)};
    out += "\n";
  }
  return out;
}

Time time_at(Ms ms) { return from_unix_ms(1'795'186'800'000) + milliseconds{ms}; }
Ms ms_of(Time time) { return (time - time_at(0)).count(); }
std::string mark_of(int place) { return "real-" + std::to_string(place); }

World make_world(std::uint64_t seed, Profile profile, int calls) {
  Dice dice{seed * 4 + static_cast<std::uint64_t>(profile)};
  World world;
  world.seed = seed;
  world.profile = profile;
  world.pbx = random_style(dice, profile);
  if (profile == Profile::two_sources) {
    world.crm = Style{true, false, false, dice.chance(700), true, false, true, false};
    world.skew = dice.between(-5'000, 5'000);
  }
  // Without leg ids nothing but the settle time tells an end from a call that rings on elsewhere,
  // so the window is shorter than that.
  switch (profile) {
    case Profile::clean:
      break;
    default:
      world.delay_max = world.pbx.leg_ids ? 1'900 : 300;
  }
  if (profile == Profile::wild && world.pbx.leg_ids && world.pbx.seq && world.pbx.at)
    world.late_max = 60'000;
  auto people = std::make_shared<Directory>();
  people->add(Org{"acme", "US", "+12025550100"});
  for (int i = 0; i < kUsers; ++i) {
    const std::string ext = std::to_string(kFirstExt + i);
    people->add(User{"acme", "u" + ext, "User " + ext, "u" + ext + "@example.com", {ext}});
  }
  world.people = std::move(people);
  world.calls = write_calls(dice, world.pbx, calls);
  if (profile == Profile::two_sources) {
    for (RealCall& call : world.calls) {
      const Ms link = dice.between(0, 3);
      if (link == 0) call.sip = "sip-" + std::to_string(call.place) + "@pbx.example.com";
      if (link == 1)
        call.session = "00000000000000000000000000" + std::to_string(100'000 + call.place);
    }
  }
  Channel{world, dice}.run();
  return world;
}

}  // namespace hookswitch::sim
