#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "model/fact.hpp"
#include "numbers/numbers.hpp"
#include "sources/hep/sip_message.hpp"

namespace hookswitch::hep {

inline constexpr std::size_t kSessionsMax = 20'000;  // calls at once; 2 KiB each
inline constexpr std::size_t kSessionsPerIdMax =
    8;                                           // a B2BUA that keeps the Call-ID, and its loops
inline constexpr std::size_t kBranchesMax = 64;  // a ring group of 60
inline constexpr std::size_t kPendingMax = 16;   // requests inside a dialog without an answer
inline constexpr std::size_t kReferralsMax = 1000;
inline constexpr milliseconds kByeAnswer{1000};        // after it a BYE counts without its answer
inline constexpr milliseconds kChallengeTime{10'000};  // for a phone to answer a 401 or 407
inline constexpr milliseconds kReferralTime{60'000};   // from a REFER to the INVITE it asks for
inline constexpr milliseconds kCancelAnswer{
    5000};  // from a CANCEL to the 487 that answers its INVITE
inline constexpr milliseconds kHandOver{
    10'000};  // from a BYE after a REFER to the INVITE it asks for
inline constexpr milliseconds kEndedKept{32'000};  // RFC 3261 §17: 64*T1, for what is repeated
inline constexpr milliseconds kEarlyMost{15 * 60'000};  // nobody rings longer
inline constexpr milliseconds kAnsweredMost{24 * 3'600'000};

/// What a message was for the tracker.
enum class Seen : std::uint8_t { used, repeated, not_a_call, unknown_dialog, over_limit };

/// The SIP of one PBX as a mirror shows it, message by message, turned into facts. Pure: time comes
/// in. Not thread-safe.
///
/// A session is what one INVITE without To tag opens: Call-ID and From tag. The same request on
/// both sides of a proxy has another branch and more Vias, and is the same session; its copies and
/// retransmissions are no news. Each To tag of its answers is a leg of who is called; who that is
/// tells the request URI of the branch, where it names a line, else the call's first one. Leg ids:
/// "<Call-ID>/<tag>", of the caller "<Call-ID>/<tag>/from"; of longer ones the SHA-256.
class CallTracker {
 public:
  /// `numbers` is how the PBX writes them; a short number is a line where it says so.
  explicit CallTracker(NumberPlan numbers) : numbers_(std::move(numbers)) {}

  /// `at`: when the mirror saw it, if that can be believed. `correlation`: what the mirror says
  /// joins calls; the Call-ID itself is no evidence.
  Seen feed(const SipMessage& message, std::string_view correlation, std::optional<Time> at,
            Time now, std::vector<Fact>& out);
  /// Ends what is over by time and forgets what is old. Once a second is enough.
  void tick(Time now, std::vector<Fact>& out);
  /// What a former process said last about a leg that had not ended.
  void restore(const Fact& fact, Time now);
  std::size_t sessions() const { return count_; }

 private:
  enum class Step : std::uint8_t { none, dialing, ringing, answered };
  struct Leg {
    std::string id, tag, branch;
    Party party;  ///< who is at it
    Step step = Step::none;
    bool held = false, ended = false;
    bool moved = false;  ///< goes on in another session
  };
  struct Branch {
    std::string name, user;  ///< `user`: of the request URI
    std::size_t vias = 0;
    int status = 0;
    bool cancelled = false;
  };
  struct Pending {
    std::string branch, method, tag;  ///< `tag` of who asked
    std::optional<Media> media;
    std::uint32_t cseq = 0;
    Time since{};
  };
  struct Session {
    std::string call_id;
    std::uint32_t cseq = 0;
    Leg caller;
    std::vector<Leg> callees;
    std::vector<Branch> branches;
    std::vector<Pending> pending;
    Party to;
    std::optional<Direction> direction;
    std::string did, session_id, correlation;
    std::vector<std::string> other_ids;  ///< Call-IDs of calls this one goes on from
    std::vector<std::string> replaces;
    std::string replaced_leg;
    std::map<std::string, std::string> headers;
    Time touched{};
    std::optional<Time> ended, challenged, handed_on;
    std::optional<Time> cancelled;  ///< by the caller
    bool elsewhere = false;         ///< a CANCEL said that somebody else answered
  };
  struct Referral {
    std::string call_id, by_tag, target_user;
    Party target;
    std::optional<Replaces> replaces;
    bool accepted = false, told = false, linked = false;
    Time since{};
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Now {
    std::optional<Time> at;
    Time received;
    std::vector<Fact>& out;
  };

  Session* find(std::string_view call_id, std::string_view from_tag, std::string_view to_tag);
  Leg* leg_of(Session& session, std::string_view tag);
  Seen on_invite(const SipMessage& message, std::string_view correlation, Now& now);
  Seen on_invite_answer(Session& session, const SipMessage& message, Now& now);
  Seen on_request(Session& session, const SipMessage& message, Now& now);
  Seen on_answer(Session& session, const SipMessage& message, Now& now);
  void open(Session& session, const SipMessage& message, Now& now);
  void link(Session& session, const SipMessage& message, Now& now);
  Leg& callee(Session& session, const SipMessage& message);
  void name_callee(const Session& session, Leg& leg) const;
  void refused(Session& session, Branch& branch, Now& now);
  void hold(Session& session, const Pending& asked, Now& now);
  void bye(Session& session, const Pending& asked, Now& now);
  void refer(Session& session, const SipMessage& message, Now& now);
  void transferred(Session& session, Referral& referral, FactType type, Now& now);
  Referral* referral_of(const Session& session);
  void end_leg(Session& session, Leg& leg, std::optional<Disposition> why, int status, Now& now);
  void close(Session& session, std::optional<Disposition> why, int status, Now& now);
  Fact& tell(Session& session, const Leg& leg, FactType type, Now& now) const;
  Party party(std::string_view header) const;

  NumberPlan numbers_;
  std::unordered_map<std::string, std::vector<std::unique_ptr<Session>>, Hash, std::equal_to<>>
      sessions_;
  std::vector<Referral> referrals_;
  std::size_t count_ = 0;
};

}  // namespace hookswitch::hep
