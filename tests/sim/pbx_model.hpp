#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "directory/directory.hpp"
#include "model/fact.hpp"

/// A PBX with 200 users that lives an hour of telephony, and what its sources say of it. The truth
/// is explicit (RealCall); facts are a view of it. Everything follows from the seed.
namespace hookswitch::sim {

using Ms = std::int64_t;  ///< since the model's own beginning

/// How well the facts come through.
enum class Profile {
  clean,       ///< one source, in order, nothing lost
  wild,        ///< reordered, late and doubled inside the window; feeds that repeat their states
  lossy,       ///< as wild, and 1 % lost, and the feed silent for a while
  two_sources  ///< a second source tells of the same calls, by another clock
};
inline constexpr Profile kProfiles[] = {Profile::clean, Profile::wild, Profile::lossy,
                                        Profile::two_sources};
const char* name_of(Profile profile);

/// Same numbers on every machine: the standard's distributions are not.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  Ms between(Ms low, Ms high) {
    return low + static_cast<Ms>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int permille) { return between(0, 999) < permille; }

 private:
  std::mt19937_64 random_;
};

/// How the vendor of a source words its facts.
struct Style {
  bool ids = true;        ///< else nothing but the five fields of the tuple rule
  bool leg_ids = true;    ///< else legs are told apart by the agent alone
  bool seq = true;        ///< every fact has the source's own number
  bool at = true;         ///< every fact says when it happened
  bool parties = true;    ///< every fact names both sides, else only those that begin something
  bool leg_ends = true;   ///< tells of the end of every leg, else of those that would not follow
  bool whole_end = true;  ///< tells of the end of the call, else of the caller's leg
  bool codes = false;     ///< says why by SIP status or cause instead of a word
  std::string text() const;
};

/// One thing that really happened, before any source words it.
struct Happening {
  Ms at = 0;
  FactType word = FactType::updated;
  int vendor_call = 0;  ///< of the RealCall: 0, or 1 for the consult call
  int leg = -1;         ///< -1: about the whole call
  std::optional<Disposition> why;
  bool attended = false;          ///< word transferred: joins vendor call 1
  std::string to_ext;             ///< word transferred
  bool needed = false;            ///< of a leg's end: nothing else tells of it
  bool instead_of_whole = false;  ///< of a leg's end: it is how some sources tell the call's
};

struct TrueLeg {
  std::string ext;  ///< empty: an outside party or a machine
  bool caller = false;
  int vendor_call = 0;
  Ms since = 0;
  std::optional<Ms> rang, answered, ended;
  std::vector<std::pair<Ms, Ms>> holds;
  std::vector<Disposition> reasons;  ///< each of these is a true word for its end
};

struct VendorCall {
  Direction direction = Direction::inbound;
  Party from, to;
};

/// What a perfect client would finally know.
struct RealCall {
  int place = 0;
  std::string story;
  std::string did;
  std::vector<VendorCall> vendor_calls;
  std::vector<TrueLeg> legs;
  Ms started = 0, ended = 0;
  std::optional<Ms> answered;
  std::optional<AnsweredBy> answered_by;
  Disposition disposition = Disposition::unknown;
  int transfers = 0, parks = 0, queues = 0;
  std::vector<Happening> happenings;
  std::string sip, session;  ///< told by all sources, or by none

  std::string vendor_id(int vendor_call) const;
  Ms held() const;
  std::optional<Ms> first_ring() const;
  /// Nobody left while it was answered, so talking and holding is all there was.
  bool plain() const { return transfers + parks == 0; }
  std::string text() const;
};

/// A fact on its way, and the call it is really about.
struct Delivery {
  Fact fact;
  int real = 0;
  bool restart = false;  ///< no fact: the source says that it has begun anew (at fact.received)
};

struct World {
  std::uint64_t seed = 0;
  Profile profile = Profile::clean;
  Style pbx, crm;
  Ms skew = 0;       ///< of the second source's clock
  Ms delay_max = 0;  ///< of any fact of the PBX
  Ms late_max = 0;   ///< of a few facts that can be put in their place however late
  std::shared_ptr<const Directory> people;
  std::vector<RealCall> calls;
  std::vector<Delivery> deliveries;  ///< in the order of arrival
};

Time time_at(Ms ms);
Ms ms_of(Time time);
/// The variable by which every fact carries the truth of which call it is about. The fold knows
/// nothing of it.
std::string mark_of(int place);

World make_world(std::uint64_t seed, Profile profile, int calls);

}  // namespace hookswitch::sim
