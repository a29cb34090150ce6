#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "model/fact.hpp"
#include "sources/sip/dialog_info.hpp"
#include "sources/sip/sip_party.hpp"

namespace hookswitch::sip {

inline constexpr std::size_t kTrackedDialogsMax =
    512;  // of one extension, ended ones that are still repeated included
inline constexpr milliseconds kEmptyFullStateSettle{
    500};  // OpenSIPS sends an empty full document right after off-hook

/// What the dialog-info documents of one watched extension say, turned into facts; one object for
/// each extension, kept over new subscriptions. Pure: time comes in. Not thread-safe.
///
/// Every fact carries ids, parties, `agent.ext` and `state_report`. A document that says nothing
/// new gives no fact, unless it was asked for. Leg ids: "<ext>/<Call-ID>";
/// "<ext>/<Call-ID>/recipient" when the extension called itself, e.g. through its own group; "…#2"
/// when a dialog id lives again after it was terminated (Kamailio's forks share one);
/// "<ext>/<dialog id>@<ms>" for a bare dialog without Call-ID (Asterisk's lamp state), where ms is
/// when it was first seen. Bare dialogs have no ids.sip.
class DialogTracker {
 public:
  /// `watched`: all extensions of the source; `numbers`: how it writes numbers. Both must outlive
  /// the tracker.
  DialogTracker(std::string ext, const std::set<std::string, std::less<>>& watched,
                const NumberPlan& numbers = default_numbers())
      : ext_(std::move(ext)), watched_(watched), numbers_(numbers) {}

  /// A document of the current subscription. Facts are in the order of what happened, as far as one
  /// document can tell.
  std::vector<Fact> feed(const DialogInfo& info, Time time);
  /// A NOTIFY without body: no dialogs (Kamailio, when it knows none). As an empty full document.
  std::vector<Fact> feed_nothing(Time time);
  /// Ends what an empty full document left out, once kEmptyFullStateSettle has passed. Call it at
  /// or after `due()`.
  std::vector<Fact> tick(Time time);
  /// When tick() has something to do.
  std::optional<Time> due() const;

  /// The next document belongs to a new subscription: its version says nothing against the last
  /// one.
  void new_subscription() { version_.reset(); }
  /// A document was missed or came out of order: a full one should be asked for. Cleared by asking.
  bool take_wants_refresh() { return std::exchange(wants_refresh_, false); }

  /// The next full document gives a fact for every dialog in it that lives, also where it says
  /// nothing new: what was told last of it, once more.
  void confirm_next() { confirm_ = true; }

  /// What a former worker said last about a leg that had not ended: the next full document is
  /// compared with it, so an end that nobody saw is told. Facts of other extensions are ignored.
  void restore(const Fact& fact);

 private:
  struct Entry {
    std::string leg;
    Dialog dialog;  ///< all that was told, later over earlier
    Party from, to;
    std::optional<DialogState> told;  ///< the highest state facts were given for
    bool held = false;
    bool resumed = false;  ///< after a hold; what was told last, then
    bool ended = false;
    bool restored = false;
    int life = 1;
    std::uint64_t seen = 0;
    std::optional<Time> missing_since;
  };

  bool accept_version(const DialogInfo& info);
  std::vector<Dialog> merge(const std::vector<Dialog>& dialogs) const;
  Entry* find(const Dialog& dialog);
  Entry& add(const Dialog& dialog, Time time);
  std::string leg_of(const Dialog& dialog, Time time) const;
  void update(Entry& entry, const Dialog& dialog, Time time, std::vector<Fact>& out);
  void advance(Entry& entry, DialogState state, Time time, std::vector<Fact>& out);
  void hold(Entry& entry, std::optional<bool> rendering, Time time, std::vector<Fact>& out);
  void end(Entry& entry, std::string reason, Time time, std::vector<Fact>& out);
  void confirm(std::vector<Fact>& out, Time time) const;
  void forget_ended();
  Fact fact(const Entry& entry, FactType type, Time time) const;

  std::string ext_;
  const std::set<std::string, std::less<>>& watched_;
  const NumberPlan& numbers_;
  std::vector<Entry> entries_;
  std::optional<std::uint32_t> version_;
  bool went_back_ = false;
  bool wants_refresh_ = false;
  bool confirm_ = false;
  std::uint64_t document_ = 0;
};

}  // namespace hookswitch::sip
