#include "sim/stories.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

namespace hookswitch::sim {
namespace {

constexpr Ms kCallEvery = 5'000;  // 300 calls in 25 minutes, about 20 at a time
constexpr Ms kPause = 3'000;      // more than the window: what follows in truth also does so here
constexpr int kAnonymousPermille = 10;

struct Cast {
  Dice& dice;
  const Style& style;
  std::map<std::string, Ms> free_at{};
  int calls = 0;

  std::string free_user(Ms from) {
    for (;;) {
      const std::string ext = std::to_string(kFirstExt + dice.between(0, kUsers - 1));
      if (free_at[ext] > from) continue;
      free_at[ext] = from + 3'600'000;  // till the scene is over
      return ext;
    }
  }
  /// Numbers kept for fiction: 555-01xx of any area.
  std::string outside() {
    return "+1" + std::to_string(dice.between(201, 989)) + "5550" +
           std::to_string(dice.between(100, 199));
  }
};

/// One real call as it happens: every verb moves the truth on and notes what a PBX could say of it.
class Scene {
 public:
  Scene(Cast& cast, std::string story, Ms at) : cast_(cast), now_(at) {
    call_.place = cast.calls++;
    call_.story = std::move(story);
    call_.started = at;
  }

  Ms now() const { return now_; }
  Dice& dice() { return cast_.dice; }
  const RealCall& call() const { return call_; }
  bool tuple_only() const { return !cast_.style.ids; }
  Scene& wait(Ms low, Ms high) {
    now_ += cast_.dice.between(low, high);
    return *this;
  }
  std::string user() { return cast_.free_user(call_.started); }

  // --- how it begins
  Scene& inbound(const std::string& ext, const std::string& number = {}) {
    VendorCall vendor;
    const bool anonymous = number.empty() && !tuple_only() && !ext.empty() &&
                           dice().between(0, 999) < kAnonymousPermille;
    if (!anonymous) vendor.from.number = number.empty() ? cast_.outside() : number;
    call_.did = "+12025550" + std::to_string(dice().between(100, 119));
    if (ext.empty())
      vendor.to.number = call_.did;
    else
      vendor.to.ext = ext;
    return begin(vendor, {}, FactType::started);
  }
  Scene& outbound(const std::string& ext) {
    VendorCall vendor;
    vendor.direction = Direction::outbound;
    vendor.from.ext = ext;
    vendor.to.number = cast_.outside();
    return begin(vendor, ext, FactType::dialing);
  }
  Scene& internal(const std::string& from, const std::string& to) {
    VendorCall vendor;
    vendor.direction = Direction::internal;
    vendor.from.ext = from;
    vendor.to.ext = to;
    return begin(vendor, from, FactType::dialing);
  }

  // --- legs
  int leg(const std::string& ext) {
    call_.legs.push_back(TrueLeg{ext, false, vendor_call_, now_, {}, {}, {}, {}, {}});
    return static_cast<int>(call_.legs.size()) - 1;
  }
  int ring(const std::string& ext) {
    const int at = leg(ext);
    of(at).rang = now_;
    say(FactType::ringing, at);
    return at;
  }
  Scene& answer(int at) {
    of(at).answered = now_;
    say(FactType::answered, at);
    TrueLeg& from = of(caller());
    if (!from.answered && !from.ended) from.answered = now_;
    const bool outbound = vendor().direction == Direction::outbound;
    if (of(at).ext.empty() && !outbound) return *this;  // a machine
    if (!call_.answered && vendor_call_ == 0) {
      call_.answered = now_;
      call_.answered_by = outbound && of(at).ext.empty() ? AnsweredBy::unknown : AnsweredBy::user;
    }
    for (int i = 0; i < size(); ++i) {
      const TrueLeg& other = of(i);
      if (i != at && !other.caller && !other.answered && !other.ended &&
          other.vendor_call == of(at).vendor_call)
        leave(i, Disposition::answered_elsewhere, false);
    }
    return *this;
  }
  Scene& hold(int at) {
    of(at).holds.emplace_back(now_, now_);
    holding_ = at;
    say(FactType::held, at);
    return *this;
  }
  Scene& resume(int at) {
    of(at).holds.back().second = now_;
    holding_ = -1;
    say(FactType::resumed, at);
    return *this;
  }
  /// `told`: nothing else a source says would let one know.
  Scene& leave(int at, Disposition why, bool told) {
    end(at, {why});
    Happening what = happening(FactType::ended, at);
    what.why = why;
    what.needed = told;
    call_.happenings.push_back(std::move(what));
    return *this;
  }
  /// Did not answer, and the call goes on elsewhere. Without leg ids only a word for legs says
  /// that.
  Scene& pass(int at, Disposition why) {
    return leave(at, cast_.style.leg_ids ? why : Disposition::redirected, true);
  }
  Scene& decline(int at) {
    end(at, {Disposition::rejected});
    say(FactType::declined, at);
    return *this;
  }

  // --- what happens to the call
  Scene& queue() {
    ++call_.queues;
    say(FactType::queued, -1);
    return *this;
  }
  Scene& blind(int from, const std::string& to) {
    ++call_.transfers;
    transferred(from, to, false);
    return leave(from, Disposition::redirected, false);
  }
  Scene& park(int from) {
    ++call_.parks;
    say(FactType::parked, from);
    leave(from, Disposition::redirected, false);
    of(from).reasons = {Disposition::redirected, Disposition::replaced};
    return *this;
  }
  Scene& consult(const std::string& from, const std::string& to) {
    vendor_call_ = 1;
    VendorCall vendor;
    vendor.direction = Direction::internal;
    vendor.from.ext = from;
    vendor.to.ext = to;
    call_.vendor_calls.push_back(vendor);
    call_.legs.push_back(TrueLeg{from, true, 1, now_, {}, {}, {}, {}, {}});
    say(FactType::dialing, size() - 1);
    return *this;
  }
  Scene& attended(int from, int consulting, const std::string& to) {
    ++call_.transfers;
    vendor_call_ = 0;
    transferred(from, to, true);
    leave(from, Disposition::replaced, false);
    vendor_call_ = 1;
    leave(consulting, Disposition::replaced, false);
    return *this;
  }
  Scene& voicemail() {
    call_.answered_by = AnsweredBy::voicemail;
    of(caller()).answered = now_;
    say(FactType::voicemail, -1);
    return *this;
  }

  RealCall finish(Disposition why) {
    vendor_call_ = 0;
    call_.ended = now_;
    call_.disposition = why;
    const bool caller_lives = !of(0).ended;
    for (int i = 0; i < size(); ++i) {
      if (of(i).ended) continue;
      vendor_call_ = of(i).vendor_call;
      // Who was not reached when an answered call ended: a transfer's target, say.
      const bool unreached = !of(i).answered && why == Disposition::answered;
      const Disposition word = of(i).answered ? Disposition::answered
                               : unreached    ? Disposition::no_answer
                                              : why;
      end(i, {word});
      if (unreached && !cast_.style.leg_ends)
        of(i).reasons = {Disposition::no_answer, Disposition::cancelled, Disposition::unknown};
      Happening what = happening(FactType::ended, i);
      what.why = i == 0 ? why : word;
      what.needed = i == 0 || !caller_lives;
      what.instead_of_whole = what.needed;
      call_.happenings.push_back(std::move(what));
    }
    vendor_call_ = 0;
    Happening whole = happening(FactType::ended, -1);
    whole.why = why;
    call_.happenings.push_back(std::move(whole));
    for (const TrueLeg& each : call_.legs)
      if (!each.ext.empty()) {
        Ms& free = cast_.free_at[each.ext];
        if (free > now_ + 1'800'000) free = 0;
        free = std::max(free, *each.ended + dice().between(1'000, 8'000));
      }
    return std::move(call_);
  }

 private:
  TrueLeg& of(int at) { return call_.legs[static_cast<std::size_t>(at)]; }
  int size() const { return static_cast<int>(call_.legs.size()); }
  VendorCall& vendor() { return call_.vendor_calls[static_cast<std::size_t>(vendor_call_)]; }
  int caller() {
    for (int i = 0; i < size(); ++i)
      if (of(i).caller && of(i).vendor_call == vendor_call_) return i;
    return 0;
  }
  Happening happening(FactType word, int at) const {
    Happening out;
    out.at = now_;
    out.word = word;
    out.vendor_call = vendor_call_;
    out.leg = at;
    return out;
  }
  void say(FactType word, int at) { call_.happenings.push_back(happening(word, at)); }
  void transferred(int from, const std::string& to, bool attended) {
    Happening what = happening(FactType::transferred, from);
    what.attended = attended;
    what.to_ext = to;
    call_.happenings.push_back(std::move(what));
  }
  Scene& begin(const VendorCall& vendor, const std::string& caller_ext, FactType word) {
    call_.vendor_calls.push_back(vendor);
    call_.legs.push_back(TrueLeg{caller_ext, true, 0, now_, {}, {}, {}, {}, {}});
    say(word, 0);
    return wait(100, 400);
  }
  void end(int at, std::vector<Disposition> reasons) {
    TrueLeg& leg = of(at);
    if (holding_ == at) {
      leg.holds.back().second = now_;
      holding_ = -1;
    }
    leg.ended = now_;
    leg.reasons = std::move(reasons);
  }

  Cast& cast_;
  RealCall call_;
  Ms now_;
  int vendor_call_ = 0;
  int holding_ = -1;
};

using Calls = std::vector<RealCall>;
using D = Disposition;

/// Talks, with a hold now and then.
void talk(Scene& scene, int leg) {
  scene.wait(kPause, 40'000);
  for (int holds = scene.dice().chance(250) ? 2 : 0; holds > 0; --holds) {
    scene.hold(leg).wait(kPause, 20'000).resume(leg).wait(kPause, 20'000);
    if (scene.dice().chance(500)) break;
  }
}

void rings(Scene& scene) { scene.wait(kPause, 12'000); }

void direct(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "direct", at};
  const std::string to = scene.user();
  const int leg = scene.inbound(to).ring(to);
  rings(scene);
  scene.answer(leg);
  talk(scene, leg);
  out.push_back(scene.finish(D::answered));
}

void unanswered(Cast& cast, Ms at, Calls& out) {
  constexpr std::array kWhy{D::no_answer, D::cancelled, D::busy, D::rejected};
  const D why = kWhy[static_cast<std::size_t>(cast.dice.between(0, 3))];
  Scene scene{cast, "unanswered", at};
  const std::string to = scene.user();
  scene.inbound(to);
  if (why != D::busy) {
    const int leg = scene.ring(to);
    rings(scene);
    if (why == D::rejected) scene.decline(leg);
  }
  out.push_back(scene.wait(10, 50).finish(why));
}

/// Tries again with the same number for the same line.
void redial(Cast& cast, Ms at, Calls& out) {
  const std::string number = cast.outside();
  const std::string to = cast.free_user(at);
  for (int i = 0; i < 2; ++i) {
    Scene scene{cast, "redial", at};
    const int leg = scene.inbound(to, number).ring(to);
    rings(scene);
    if (i == 1) {
      scene.answer(leg);
      talk(scene, leg);
    }
    out.push_back(scene.finish(i == 1 ? D::answered : D::cancelled));
    at = scene.now() + cast.dice.between(4'000, 10'000);
  }
}

void forwarded(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "forwarded", at};
  const std::string first = scene.user(), second = scene.user();
  const int missed = scene.inbound(first).ring(first);
  rings(scene);
  scene.pass(missed, D::no_answer).wait(20, 100);
  const int leg = scene.ring(second);
  rings(scene);
  scene.answer(leg);
  talk(scene, leg);
  out.push_back(scene.finish(D::answered));
}

void voice_box(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "voicemail", at};
  const std::string to = scene.user();
  const int missed = scene.inbound(to).ring(to);
  rings(scene);
  scene.pass(missed, D::no_answer).wait(20, 50).voicemail().wait(kPause, 20'000);
  out.push_back(scene.finish(D::voicemail));
}

void ring_group(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "ring group", at};
  scene.inbound({});
  std::vector<int> legs;
  for (Ms i = cast.dice.between(2, 6); i > 0; --i) legs.push_back(scene.ring(scene.user()));
  rings(scene);
  if (cast.dice.chance(200)) {
    out.push_back(scene.finish(D::no_answer));
    return;
  }
  const int leg =
      legs[static_cast<std::size_t>(cast.dice.between(0, static_cast<Ms>(legs.size()) - 1))];
  scene.answer(leg);
  talk(scene, leg);
  out.push_back(scene.finish(D::answered));
}

void queue(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "queue", at};
  scene.inbound({}).queue().wait(kPause, 30'000);
  for (Ms misses = cast.dice.between(0, 2); misses > 0; --misses) {
    const int missed = scene.ring(scene.user());
    rings(scene);
    scene.pass(missed, D::no_answer).wait(200, 6'000);
  }
  if (cast.dice.chance(300)) {
    out.push_back(scene.wait(kPause, 20'000).finish(D::cancelled));
    return;
  }
  const int leg = scene.ring(scene.user());
  rings(scene);
  scene.answer(leg);
  talk(scene, leg);
  out.push_back(scene.finish(D::answered));
}

void menu(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "menu", at};
  scene.inbound({});
  const int machine = scene.leg({});
  scene.answer(machine).wait(kPause, 15'000);
  const int leg = scene.ring(scene.user());
  rings(scene);
  scene.answer(leg);
  talk(scene, leg);
  out.push_back(scene.finish(D::answered));
}

void outbound(Cast& cast, Ms at, Calls& out) {
  constexpr std::array kWhy{D::no_answer, D::cancelled, D::busy, D::failed};
  Scene scene{cast, "outbound", at};
  scene.outbound(scene.user()).wait(500, 2'000);
  if (cast.dice.chance(600)) {
    const int far = scene.ring({});
    rings(scene);
    scene.answer(far);
    talk(scene, 0);
    out.push_back(scene.finish(D::answered));
    return;
  }
  const D why = kWhy[static_cast<std::size_t>(cast.dice.between(0, 3))];
  if (why == D::no_answer || why == D::cancelled) scene.ring({});
  rings(scene);
  out.push_back(scene.finish(why));
}

void internal(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "internal", at};
  const std::string from = scene.user(), to = scene.user();
  const int leg = scene.internal(from, to).ring(to);
  rings(scene);
  if (cast.dice.chance(250)) {
    out.push_back(scene.finish(D::cancelled));
    return;
  }
  scene.answer(leg);
  talk(scene, cast.dice.chance(500) ? leg : 0);
  out.push_back(scene.finish(D::answered));
}

/// A call in which our user talks to somebody outside; gives that user's leg.
std::pair<std::string, int> talking(Scene& scene) {
  const std::string user = scene.user();
  if (scene.dice().chance(700)) {
    const int leg = scene.inbound(user).ring(user);
    rings(scene);
    scene.answer(leg).wait(kPause, 20'000);
    return {user, leg};
  }
  const int far = scene.outbound(user).wait(500, 2'000).ring({});
  rings(scene);
  scene.answer(far).wait(kPause, 20'000);
  return {user, 0};
}

void blind_transfer(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "blind transfer", at};
  const auto [user, leg] = talking(scene);
  const std::string to = scene.user();
  if (cast.dice.chance(500)) scene.hold(leg).wait(kPause, 10'000);
  scene.blind(leg, to).wait(50, 300);
  const int target = scene.ring(to);
  rings(scene);
  if (cast.dice.chance(800)) {
    scene.answer(target);
    talk(scene, target);
  }
  out.push_back(scene.finish(D::answered));
}

void attended_transfer(Cast& cast, Ms at, Calls& out) {
  const bool semi = cast.dice.chance(400);
  Scene scene{cast, semi ? "semi-attended transfer" : "attended transfer", at};
  const auto [user, leg] = talking(scene);
  const std::string to = scene.user();
  scene.hold(leg).wait(kPause, 5'000).consult(user, to).wait(100, 400);
  const int consulting = static_cast<int>(scene.call().legs.size()) - 1;
  const int target = scene.ring(to);
  rings(scene);
  if (!semi) scene.answer(target).wait(kPause, 15'000);
  scene.attended(leg, consulting, to).wait(kPause, 8'000);
  if (semi) scene.answer(target).wait(kPause, 20'000);
  out.push_back(scene.finish(D::answered));
}

/// Asks a colleague while the caller waits, and goes back: two calls, and two they stay.
void asks(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "asks a colleague", at};
  const auto [user, leg] = talking(scene);
  scene.hold(leg).wait(kPause, 5'000);
  Scene other{cast, "is asked", scene.now()};
  const std::string to = cast.free_user(at);
  const int there = other.internal(user, to).ring(to);
  rings(other);
  other.answer(there).wait(kPause, 10'000);
  const Ms asked = other.now() - scene.now();
  out.push_back(other.finish(D::answered));
  scene.wait(asked + kPause, asked + 5'000).resume(leg).wait(kPause, 10'000);
  out.push_back(scene.finish(D::answered));
}

void parked(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "parked", at};
  const std::string user = scene.user(), other = scene.user();
  const int leg = scene.inbound(user).ring(user);
  rings(scene);
  scene.answer(leg).wait(kPause, 10'000).park(leg).wait(kPause, 30'000);
  const int fetched = scene.leg(other);
  scene.answer(fetched).wait(kPause, 20'000);
  out.push_back(scene.finish(D::answered));
}

void picked_up(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "picked up by a colleague", at};
  const std::string user = scene.user(), other = scene.user();
  scene.inbound(user).ring(user);
  rings(scene);
  const int leg = scene.leg(other);
  scene.answer(leg);
  talk(scene, leg);
  out.push_back(scene.finish(D::answered));
}

void two_devices(Cast& cast, Ms at, Calls& out) {
  Scene scene{cast, "two telephones of one user", at};
  const std::string user = scene.user();
  scene.inbound(user).ring(user);
  const int leg = scene.ring(user);
  rings(scene);
  scene.answer(leg);
  talk(scene, leg);
  out.push_back(scene.finish(D::answered));
}

struct Story {
  int weight;
  void (*write)(Cast&, Ms, Calls&);
  bool needs_ids = false, needs_leg_ids = false;
};
constexpr std::array kStories{
    Story{20, direct},
    Story{8, unanswered},
    Story{2, redial},
    Story{5, forwarded},
    Story{4, voice_box},
    Story{10, ring_group},
    Story{8, queue},
    Story{4, menu},
    Story{12, outbound},
    Story{8, internal},
    Story{6, blind_transfer, true},
    Story{5, attended_transfer, true},
    Story{3, asks, true},
    Story{3, parked, true},
    Story{3, picked_up},
    Story{3, two_devices, true, true},
};

}  // namespace

std::vector<RealCall> write_calls(Dice& dice, const Style& style, int count) {
  Cast cast{dice, style};
  std::vector<Story> stories;
  for (const Story& story : kStories)
    if ((style.ids || !story.needs_ids) && (style.leg_ids || !story.needs_leg_ids))
      stories.insert(stories.end(), static_cast<std::size_t>(story.weight), story);
  std::vector<RealCall> out;
  for (Ms at = 1'000; static_cast<int>(out.size()) < count; at += dice.between(0, 2 * kCallEvery))
    stories[static_cast<std::size_t>(dice.between(0, static_cast<Ms>(stories.size()) - 1))].write(
        cast, at, out);
  std::sort(out.begin(), out.end(),
            [](const RealCall& a, const RealCall& b) { return a.place < b.place; });
  return out;
}

}  // namespace hookswitch::sim
