#include "sources/sip/dialog_tracker.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "sources/sip/sip_party.hpp"

namespace hookswitch::sip {
namespace {

constexpr std::string_view kPickupPrefix = "pickup-";  // Asterisk chan_sip
constexpr std::string_view kNotInFullState = "not in full state";

void take(std::string& to, const std::string& from) {
  if (!from.empty()) to = from;
}

void take(DialogParty& to, const DialogParty& from) {
  // Identity and display belong together: a later identity without a name does not keep another
  // identity's name.
  if (!from.identity.empty() && from.identity != to.identity) to.display.clear();
  take(to.identity, from.identity);
  take(to.display, from.display);
  take(to.target, from.target);
}

/// Lays what `from` tells over what `to` has; state, event and rendering are the caller's business.
void take(Dialog& to, const Dialog& from) {
  take(to.id, from.id);
  take(to.call_id, from.call_id);
  take(to.local_tag, from.local_tag);
  take(to.remote_tag, from.remote_tag);
  if (from.direction != DialogDirection::unknown) to.direction = from.direction;
  take(to.local, from.local);
  take(to.remote, from.remote);
  take(to.replaces, from.replaces);
  take(to.referred_by, from.referred_by);
}

bool same_direction(const Dialog& a, const Dialog& b) {
  return a.direction == b.direction || a.direction == DialogDirection::unknown ||
         b.direction == DialogDirection::unknown;
}

/// The same id is the same dialog unless the Call-IDs differ: Asterisk uses the extension as the id
/// of every dialog.
bool same_dialog(const Dialog& a, const Dialog& b) {
  if (!a.call_id.empty() && !b.call_id.empty())
    return a.call_id == b.call_id && same_direction(a, b);
  return !a.id.empty() && a.id == b.id;
}

/// `terminated` wins only when nobody says otherwise: the losing branch of a fork is terminated
/// while the call lives.
bool more_telling(const std::optional<DialogState>& a, const std::optional<DialogState>& b) {
  if (!a || !b) return a.has_value();
  if (*a == DialogState::terminated || *b == DialogState::terminated)
    return *a != DialogState::terminated && *b == DialogState::terminated;
  return *a > *b;
}

Disposition unanswered(int code) {
  if (code == 486 || code == 600) return Disposition::busy;
  if (code == 603 || code == 607 || code == 608) return Disposition::rejected;
  if (code == 487) return Disposition::cancelled;
  if (code == 408 || code == 480) return Disposition::no_answer;
  if (code >= 300 && code < 400) return Disposition::redirected;
  return Disposition::failed;
}

std::optional<Disposition> disposition(const Dialog& dialog, bool answered) {
  const std::string& event = dialog.event;
  if (event == "replaced") return Disposition::replaced;
  if (event == "local-bye" || event == "remote-bye") return Disposition::answered;
  const bool told = dialog.code || !event.empty();
  if (answered) return told ? std::optional{Disposition::answered} : std::nullopt;
  if (event == "cancelled") return Disposition::cancelled;
  if (dialog.code && *dialog.code >= 300) return unanswered(*dialog.code);
  if (event == "rejected") return Disposition::rejected;
  if (event == "timeout") return Disposition::no_answer;
  if (event == "error") return Disposition::failed;
  return std::nullopt;
}

}  // namespace

bool DialogTracker::accept_version(const DialogInfo& info) {
  if (!info.version) return true;
  const std::uint32_t version = *info.version;
  if (version_ && version < *version_ && version != 0 && !went_back_) {
    // Once may be a reordered NOTIFY; a second time in a row, or 0, is a notifier that began anew.
    went_back_ = wants_refresh_ = true;
    return false;
  }
  const bool restarted = version_ && version < *version_;
  const bool gap = version_ ? version > *version_ + 1 : true;
  if (!info.full && (gap || restarted)) wants_refresh_ = true;
  went_back_ = false;
  version_ = version;
  return true;
}

std::vector<Dialog> DialogTracker::merge(const std::vector<Dialog>& dialogs) const {
  std::vector<Dialog> out;
  for (Dialog dialog : dialogs) {
    if (dialog.call_id.starts_with(kPickupPrefix)) dialog.call_id.erase(0, kPickupPrefix.size());
    if (dialog.id.empty() && dialog.call_id.empty()) continue;
    const auto twin = std::find_if(out.begin(), out.end(),
                                   [&](const Dialog& other) { return same_dialog(other, dialog); });
    if (twin == out.end()) {
      out.push_back(std::move(dialog));
      continue;
    }
    const auto rendering = dialog.local.rendering ? dialog.local.rendering : twin->local.rendering;
    if (more_telling(dialog.state, twin->state)) {
      take(*twin, dialog);
      twin->state = dialog.state;
      twin->event = dialog.event;
      twin->code = dialog.code;
    } else {
      take(dialog, *twin);
      dialog.state = twin->state;
      dialog.event = twin->event;
      dialog.code = twin->code;
      *twin = std::move(dialog);
    }
    twin->local.rendering = rendering;
  }
  // The initiator owns the plain leg id when an extension reaches itself.
  std::stable_partition(out.begin(), out.end(),
                        [](const Dialog& d) { return d.direction == DialogDirection::initiator; });
  return out;
}

DialogTracker::Entry* DialogTracker::find(const Dialog& dialog) {
  // Of several matches the living one: ended dialogs stay for a while so that their repetition is
  // not news.
  Entry* found = nullptr;
  for (Entry& entry : entries_) {
    if (!same_dialog(entry.dialog, dialog)) continue;
    if (entry.restored && dialog.direction == DialogDirection::initiator &&
        entry.leg.ends_with("/recipient"))
      continue;
    if (found == nullptr || (found->ended && !entry.ended)) found = &entry;
  }
  return found;
}

std::string DialogTracker::leg_of(const Dialog& dialog, Time time) const {
  if (dialog.call_id.empty())
    return ext_ + "/" + dialog.id + "@" + std::to_string(to_unix_ms(time));
  std::string leg = ext_ + "/" + dialog.call_id;
  const auto taken = [&](const Entry& entry) { return !entry.ended && entry.leg == leg; };
  if (std::any_of(entries_.begin(), entries_.end(), taken)) leg += "/recipient";
  return leg;
}

DialogTracker::Entry& DialogTracker::add(const Dialog& dialog, Time time) {
  if (entries_.size() >= kTrackedDialogsMax) {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
          return std::pair{!a.ended, a.seen} < std::pair{!b.ended, b.seen};
        });
    entries_.erase(oldest);
  }
  Entry entry;
  entry.leg = leg_of(dialog, time);
  return entries_.emplace_back(std::move(entry));
}

Fact DialogTracker::fact(const Entry& entry, FactType type, Time time) const {
  Fact out;
  out.type = type;
  out.received = time;
  out.ids.leg = entry.leg;
  if (!entry.dialog.call_id.empty()) out.ids.sip.push_back(entry.dialog.call_id);
  if (!entry.dialog.replaces.empty() && !out.ids.sip.empty())
    out.ids.sip.push_back(entry.dialog.replaces);
  out.from = entry.from;
  out.to = entry.to;
  out.agent.ext = ext_;
  out.state_report = true;
  return out;
}

void DialogTracker::end(Entry& entry, std::string reason, Time time, std::vector<Fact>& out) {
  Fact ended = fact(entry, FactType::ended, time);
  ended.reason = std::move(reason);
  if (ended.reason != kNotInFullState) {
    ended.sip_status = entry.dialog.code;
    ended.disposition = disposition(entry.dialog, entry.told == DialogState::confirmed);
  }
  out.push_back(std::move(ended));
  entry.ended = true;
  entry.missing_since.reset();
}

void DialogTracker::advance(Entry& entry, DialogState state, Time time, std::vector<Fact>& out) {
  if (entry.told && *entry.told >= state) return;
  const bool first = !entry.told;
  entry.told = state;
  if (state == DialogState::confirmed) {
    out.push_back(fact(entry, FactType::answered, time));
  } else if (entry.dialog.direction != DialogDirection::initiator) {
    // `trying` and `proceeding` say that an INVITE is on its way; a busy phone never gets further,
    // and never rang.
    if (state == DialogState::early)
      out.push_back(fact(entry, FactType::ringing, time));
    else if (first)
      out.push_back(fact(entry, FactType::dialing, time));
  } else if (first || state == DialogState::early) {
    // For the caller `early` means that the far end rings: his own leg is still dialing.
    Fact dialing = fact(entry, FactType::dialing, time);
    if (state == DialogState::early) dialing.reason = "early";
    out.push_back(std::move(dialing));
  }
}

void DialogTracker::hold(Entry& entry, std::optional<bool> rendering, Time time,
                         std::vector<Fact>& out) {
  if (entry.told != DialogState::confirmed) return;
  // Silence says nothing, but Asterisk's bare dialogs have the parameter only while on hold.
  if (!rendering && entry.dialog.call_id.empty()) rendering = true;
  if (!rendering || *rendering == !entry.held) return;
  entry.held = !*rendering;
  entry.resumed = !entry.held;
  out.push_back(fact(entry, entry.held ? FactType::held : FactType::resumed, time));
}

void DialogTracker::update(Entry& entry, const Dialog& dialog, Time time, std::vector<Fact>& out) {
  entry.seen = document_;
  entry.restored = false;
  entry.missing_since.reset();
  if (entry.ended && dialog.state && *dialog.state != DialogState::terminated) {
    if (entry.life > 1) entry.leg.erase(entry.leg.rfind('#'));
    entry.leg = dialog.call_id.empty() ? leg_of(dialog, time)
                                       : entry.leg + "#" + std::to_string(++entry.life);
    entry.ended = entry.held = entry.resumed = false;
    entry.told.reset();
  }
  if (entry.ended) return;
  take(entry.dialog, dialog);
  if (entry.dialog.direction != DialogDirection::unknown) {
    Party local = to_party(entry.dialog.local, watched_, numbers_);
    if (local.empty()) local.ext = ext_;
    Party remote = to_party(entry.dialog.remote, watched_, numbers_);
    const bool initiator = entry.dialog.direction == DialogDirection::initiator;
    entry.from = initiator ? local : remote;
    entry.to = initiator ? std::move(remote) : std::move(local);
  }
  if (!dialog.state) return;
  entry.dialog.event = dialog.event;
  entry.dialog.code = dialog.code;
  if (*dialog.state == DialogState::terminated) {
    end(entry, dialog.event, time, out);
    return;
  }
  advance(entry, *dialog.state, time, out);
  hold(entry, dialog.local.rendering, time, out);
}

std::vector<Fact> DialogTracker::feed(const DialogInfo& info, Time time) {
  std::vector<Fact> out;
  if (!accept_version(info)) return tick(time);
  ++document_;
  const std::vector<Dialog> dialogs = merge(info.dialogs);
  for (const Dialog& dialog : dialogs) {
    Entry* known = find(dialog);
    update(known != nullptr ? *known : add(dialog, time), dialog, time, out);
  }
  if (info.full) {
    for (Entry& entry : entries_) {
      if (entry.ended || entry.seen == document_) continue;
      if (!dialogs.empty())
        end(entry, std::string{kNotInFullState}, time, out);
      else if (!entry.missing_since)
        entry.missing_since = time;
    }
    if (std::exchange(confirm_, false)) confirm(out, time);
    forget_ended();
  }
  for (Fact& late : tick(time)) out.push_back(std::move(late));
  return out;
}

void DialogTracker::confirm(std::vector<Fact>& out, Time time) const {
  for (const Entry& entry : entries_) {
    const bool is_news = std::any_of(out.begin(), out.end(),
                                     [&](const Fact& told) { return told.ids.leg == entry.leg; });
    if (entry.ended || entry.seen != document_ || !entry.told || is_news) continue;
    if (*entry.told == DialogState::confirmed) {
      out.push_back(fact(entry,
                         entry.held      ? FactType::held
                         : entry.resumed ? FactType::resumed
                                         : FactType::answered,
                         time));
      continue;
    }
    const bool early = *entry.told == DialogState::early;
    const bool rings = early && entry.dialog.direction != DialogDirection::initiator;
    out.push_back(fact(entry, rings ? FactType::ringing : FactType::dialing, time));
    if (early && !rings) out.back().reason = "early";
  }
}

std::vector<Fact> DialogTracker::feed_nothing(Time time) { return feed(DialogInfo{}, time); }

std::vector<Fact> DialogTracker::tick(Time time) {
  std::vector<Fact> out;
  for (Entry& entry : entries_)
    if (entry.missing_since && time - *entry.missing_since >= kEmptyFullStateSettle)
      end(entry, std::string{kNotInFullState}, time, out);
  return out;
}

std::optional<Time> DialogTracker::due() const {
  std::optional<Time> first;
  for (const Entry& entry : entries_)
    if (entry.missing_since && (!first || *entry.missing_since + kEmptyFullStateSettle < *first))
      first = *entry.missing_since + kEmptyFullStateSettle;
  return first;
}

void DialogTracker::forget_ended() {
  std::erase_if(entries_,
                [&](const Entry& entry) { return entry.ended && entry.seen != document_; });
}

void DialogTracker::restore(const Fact& fact) {
  const std::string prefix = ext_ + "/";
  if (!fact.ids.leg.starts_with(prefix) || fact.type == FactType::ended ||
      entries_.size() >= kTrackedDialogsMax)
    return;
  std::erase_if(entries_, [&](const Entry& known) { return known.leg == fact.ids.leg; });
  Entry entry;
  entry.restored = true;
  entry.leg = fact.ids.leg;
  entry.from = fact.from;
  entry.to = fact.to;
  if (!fact.ids.sip.empty()) {
    entry.dialog.call_id = fact.ids.sip.front();
    if (const auto mark = entry.leg.rfind('#'); mark != std::string::npos)
      if (const auto life = parse_int(std::string_view{entry.leg}.substr(mark + 1));
          life && *life > 1 && *life < 1'000'000)
        entry.life = static_cast<int>(*life);
  } else {
    entry.dialog.id = std::string{fact.ids.leg}.substr(prefix.size());
    entry.dialog.id.erase(std::min(entry.dialog.id.rfind('@'), entry.dialog.id.size()));
  }
  entry.held = fact.type == FactType::held;
  entry.resumed = fact.type == FactType::resumed;
  const bool answered =
      entry.held || fact.type == FactType::answered || fact.type == FactType::resumed;
  const bool early = fact.type == FactType::ringing || fact.reason == "early";
  entry.told = answered ? DialogState::confirmed : early ? DialogState::early : DialogState::trying;
  entries_.push_back(std::move(entry));
}

}  // namespace hookswitch::sip
