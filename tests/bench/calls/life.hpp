#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "directory/directory.hpp"
#include "model/fact.hpp"

namespace hookswitch::bench {

inline constexpr std::size_t kUsers = 2000;

/// Organisation "acme": `kUsers` people with one extension each.
inline std::shared_ptr<const Directory> people() {
  auto out = std::make_shared<Directory>();
  Org org;
  org.id = "acme";
  org.country = "US";
  org.number = "+12025550100";
  out->add(std::move(org));
  for (std::size_t i = 0; i < kUsers; ++i) {
    User user;
    user.org = "acme";
    user.id = "u-" + std::to_string(i);
    user.name = "User " + std::to_string(i);
    user.email = user.id + "@example.com";
    user.extensions.push_back(std::to_string(10000 + i));
    out->add(std::move(user));
  }
  return out;
}

/// A sequence that is the same in every run (SplitMix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  static std::uint64_t mix(std::uint64_t z) {
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(mix(state_++) % bound); }

 private:
  std::uint64_t state_;
};

/// What one PBX tells of `live` inbound calls with two legs: the facts of all calls shuffled, each
/// call in its own order, and a call that ends replaced by the next. A call lives for three minutes
/// on average of `now()`, so that more calls are more facts a second and not longer calls.
///
/// Facts are made anew each time, as a parser would: nothing in one is shared with another, nor
/// kept here.
class Life {
 public:
  static constexpr std::array<FactType, 6> kStory{FactType::started,  FactType::ringing,
                                                  FactType::answered, FactType::held,
                                                  FactType::resumed,  FactType::ended};

  explicit Life(std::size_t live)
      : calls_(live), step_us_(std::max(1.0, 180e6 / (static_cast<double>(live) * kStory.size()))) {
    for (auto& call : calls_) call.serial = ++serial_;
  }

  std::size_t live() const { return calls_.size(); }
  Time now() const {
    return from_unix_ms(1'795'186'800'000 + static_cast<std::int64_t>(us_ / 1000));
  }

  /// The next fact of a call chosen by chance, or the first of one that follows a call that has
  /// just ended.
  Fact next() {
    const std::size_t at = std::exchange(follows_, kNone);
    return advance(at == kNone ? dice_.below(calls_.size()) : at);
  }
  /// Whether every one of the calls lives: else next() begins one.
  bool complete() const { return follows_ == kNone; }

  /// The next fact of this call.
  Fact advance(std::size_t at) {
    us_ += step_us_;
    Call& call = calls_[at];
    call.told_at = now();
    ++call.seq;
    Fact fact = make(call, kStory[call.told]);
    if (++call.told == kStory.size()) {
      call = {};
      call.serial = ++serial_;
      follows_ = at;
    }
    return fact;
  }
  /// A held call is resumed, any other is held: a call without an end.
  Fact toggle(std::size_t at) {
    us_ += step_us_;
    Call& call = calls_[at];
    call.told_at = now();
    ++call.seq;
    call.told = call.told == 4 ? 5 : 4;
    return make(call, kStory[call.told - 1U]);
  }
  /// The last fact of a call chosen by chance once more; no time passes. Only when complete().
  Fact again() {
    const Call& call = calls_[dice_.below(calls_.size())];
    return make(call, kStory[call.told - 1U]);
  }

  /// How many facts of its story this call has told, 1 to 5; 0 for one that is about to begin.
  std::size_t told(std::size_t at) const { return calls_[at].told; }
  std::string vendor_id(std::size_t at) const { return id(calls_[at].serial, 1); }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Call {
    std::uint64_t serial = 0;
    Time told_at{};
    std::uint32_t seq = 0;
    std::uint8_t told = 0;
  };

  static void hex(std::string& out, std::uint64_t value, unsigned digits) {
    while (digits-- > 0) out += "0123456789abcdef"[value >> (4U * digits) & 15U];
  }
  /// In the form of a UUID.
  static std::string id(std::uint64_t serial, std::uint64_t kind) {
    const std::uint64_t high = Dice::mix(serial * 8 + kind), low = Dice::mix(~high);
    std::string out;
    hex(out, high >> 32U, 8);
    out += '-';
    hex(out, high >> 16U, 4);
    out += '-';
    hex(out, high, 4);
    out += '-';
    hex(out, low >> 48U, 4);
    out += '-';
    hex(out, low, 12);
    return out;
  }

  Fact make(const Call& call, FactType type) const {
    const std::uint64_t who = Dice::mix(call.serial);
    const std::size_t user = who % kUsers;
    const std::size_t caller = (who >> 32U) % 80'000;
    Fact fact;
    fact.org = std::string{"acme"};
    fact.source = std::string{"pbx"};
    fact.received = now();
    fact.type = type;
    fact.ids.call.push_back(id(call.serial, 1));
    std::string sip;
    hex(sip, Dice::mix(call.serial * 8 + 3), 16);
    fact.ids.sip.push_back(sip + "@pbx.example.com");
    fact.direction = Direction::inbound;
    // 555-01xx is fictional in each of the 800 area codes.
    const std::string two = std::to_string(100 + caller % 100).substr(1);
    const std::string number = "+1" + std::to_string(200 + caller / 100) + "55501" + two;
    fact.from.number = number;
    fact.from.presented = number.substr(1);
    fact.from.name = "Caller " + std::to_string(caller);
    const std::string did = "+120255501" + std::to_string(100 + user % 100).substr(1);
    fact.to.number = did;
    fact.did = did;
    fact.seq = call.seq;
    fact.at = call.told_at - milliseconds{20};
    if (type == FactType::ended) {
      fact.cause = 16;
    } else if (type != FactType::started) {
      fact.ids.leg = id(call.serial, 2);
      fact.agent.ext = std::to_string(10000 + user);
    }
    return fact;
  }

  std::vector<Call> calls_;
  double step_us_;
  double us_ = 0;
  std::uint64_t serial_ = 0;
  std::size_t follows_ = kNone;
  Dice dice_{1};
};

}  // namespace hookswitch::bench
