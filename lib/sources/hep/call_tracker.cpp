#include "sources/hep/call_tracker.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"

namespace hookswitch::hep {
namespace {

constexpr std::string_view kFrom = "/from";

/// Fit for a fact: UTF-8 without control characters, within its limit; empty if it cannot be.
std::string clean(std::string_view raw, std::size_t bytes_max = kTextBytesMax) {
  std::string text{trim(raw)};
  if (text.size() > bytes_max || !is_utf8(text)) return {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) text[i] = ' ';
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0)
      text.replace(i, 2, "  ");
  }
  return text;
}

std::string leg_id(std::string_view call_id, std::string_view tag, bool caller) {
  std::string id{call_id};
  id += '/';
  id += tag;
  if (caller) id += kFrom;
  return id.size() <= kIdBytesMax ? id : to_hex(digest(HashKind::sha256, id));
}

Disposition unanswered(int status) {
  if (status == 486 || status == 600) return Disposition::busy;
  if (status == 603 || status == 607 || status == 608) return Disposition::rejected;
  if (status == 487) return Disposition::cancelled;
  if (status == 408 || status == 480) return Disposition::no_answer;
  if (status >= 300 && status < 400) return Disposition::redirected;
  return Disposition::failed;
}

bool is_challenge(int status) { return status == 401 || status == 407; }

/// RFC 3326: the branch is cancelled because another has answered.
bool answered_elsewhere(std::string_view reason) {
  const std::string text = to_lower(reason);
  if (!text.starts_with("sip")) return false;
  return header_param(text, "cause") == "200";
}

bool holds(Media media) { return media == Media::sendonly || media == Media::inactive; }

}  // namespace

Party CallTracker::party(std::string_view header) const {
  using Kind = NumberReading::Kind;
  Party out;
  const std::string text = clean(header);
  const Address uri = read_address(text);
  out.name = clean(uri.display);
  out.presented = uri.user;
  if (uri.user.empty()) return out;
  auto read = read_number(uri, numbers_);
  if (read.kind == Kind::withheld) return out;
  if (read.kind == Kind::extension)
    out.ext = std::move(read.ext);
  else if (read.kind == Kind::e164 || read.kind == Kind::digits)
    out.number = std::move(read.number);
  if (!uri.host.empty() && uri.user.size() + uri.host.size() + 5 <= kIdBytesMax)
    out.aor = "sip:" + uri.user + "@" + uri.host;
  return out;
}

CallTracker::Session* CallTracker::find(std::string_view call_id, std::string_view from_tag,
                                        std::string_view to_tag) {
  const auto known = sessions_.find(call_id);
  if (known == sessions_.end()) return nullptr;
  for (const auto& session : known->second) {
    const std::string& tag = session->caller.tag;
    if (tag.empty() || tag == from_tag || (!to_tag.empty() && tag == to_tag)) return session.get();
  }
  return nullptr;
}

CallTracker::Leg* CallTracker::leg_of(Session& session, std::string_view tag) {
  if (tag.empty()) return nullptr;
  if (tag == session.caller.tag) return &session.caller;
  for (Leg& leg : session.callees)
    if (leg.tag == tag) return &leg;
  return nullptr;
}

Fact& CallTracker::tell(Session& session, const Leg& leg, FactType type, Now& now) const {
  Fact& out = now.out.emplace_back();
  out.type = type;
  out.received = now.received;
  out.at = now.at;
  out.ids.leg = leg.id;
  out.ids.sip.emplace_back(session.call_id);
  for (const auto& id : session.other_ids) out.ids.sip.emplace_back(id);
  for (const auto& id : session.replaces) out.ids.replaces.emplace_back(id);
  out.ids.session = session.session_id;
  if (!session.correlation.empty()) out.ids.call.emplace_back(session.correlation);
  out.from = session.caller.party;
  out.to = &leg == &session.caller || leg.party.empty() ? session.to : leg.party;
  out.direction = session.direction;
  out.did = session.did;
  out.agent.ext = leg.party.ext;
  return out;
}

Seen CallTracker::feed(const SipMessage& message, std::string_view correlation,
                       std::optional<Time> at, Time now_time, std::vector<Fact>& out) {
  Now now{at, now_time, out};
  const std::string_view method = message.method;
  if (method == "INVITE" && message.request && message.to_tag.empty())
    return on_invite(message, correlation, now);
  const bool matters = method == "INVITE" || method == "BYE" || method == "CANCEL" ||
                       method == "UPDATE" || method == "REFER" || method == "NOTIFY";
  if (!matters) return Seen::not_a_call;
  if (method == "NOTIFY" &&
      (!message.request ||
       !to_lower(trim(message.event.substr(0, message.event.find(';')))).starts_with("refer")))
    return Seen::not_a_call;
  Session* session = find(message.call_id, message.from_tag, message.to_tag);
  if (session == nullptr) return method == "REFER" ? Seen::not_a_call : Seen::unknown_dialog;
  session->touched = now.received;
  return message.request ? on_request(*session, message, now) : on_answer(*session, message, now);
}

Seen CallTracker::on_invite(const SipMessage& message, std::string_view correlation, Now& now) {
  if (message.from_tag.empty()) return Seen::not_a_call;  // RFC 2543: nothing to tell dialogs by
  auto bucket = sessions_.find(message.call_id);
  Session* session = nullptr;
  if (bucket != sessions_.end())
    for (const auto& one : bucket->second)
      if (one->caller.tag == message.from_tag) session = one.get();
  const bool again = session != nullptr && session->ended && message.cseq > session->cseq;
  if (session != nullptr && !again && (session->ended || message.cseq < session->cseq))
    return Seen::repeated;
  if (again) {
    std::erase_if(bucket->second, [&](const auto& one) { return one.get() == session; });
    --count_;
    session = nullptr;
  }
  const bool first = session == nullptr;
  if (first) {
    if (count_ >= kSessionsMax) return Seen::over_limit;
    if (bucket == sessions_.end())
      bucket = sessions_.try_emplace(std::string{message.call_id}).first;
    if (bucket->second.size() >= kSessionsPerIdMax) return Seen::over_limit;
    session = bucket->second.emplace_back(std::make_unique<Session>()).get();
    ++count_;
    session->call_id = message.call_id;
    session->correlation = clean(correlation, kIdBytesMax);
    if (session->correlation == session->call_id) session->correlation.clear();
  }
  session->touched = now.received;
  if (message.cseq > session->cseq) {  // new, or with the credentials that were asked for
    session->cseq = message.cseq;
    session->branches.clear();
    session->challenged.reset();
  }
  for (const Branch& branch : session->branches)
    if (branch.name == message.branch && branch.vias == message.vias) return Seen::repeated;
  if (session->branches.size() >= kBranchesMax) return Seen::over_limit;
  Branch branch;
  branch.name = message.branch;
  branch.vias = message.vias;
  branch.user = read_address(clean(message.uri)).user;
  session->branches.push_back(std::move(branch));
  if (first) open(*session, message, now);
  return Seen::used;
}

void CallTracker::open(Session& session, const SipMessage& message, Now& now) {
  session.caller.tag = message.from_tag;
  session.caller.id = leg_id(session.call_id, message.from_tag, true);
  session.caller.party = party(message.from);
  if (!message.asserted.empty()) {
    // What the network vouches for, but for the name where it has none.
    Party asserted = party(message.asserted);
    if (asserted.name.empty()) asserted.name = session.caller.party.name;
    if (!asserted.presented.empty()) session.caller.party = std::move(asserted);
  }
  session.to = party(message.to);
  const bool from_line = !session.caller.party.ext.empty(), to_line = !session.to.ext.empty();
  if (from_line && to_line) session.direction = Direction::internal;
  if (from_line && !to_line) session.direction = Direction::outbound;
  if (!from_line && to_line) session.direction = Direction::inbound;
  session.session_id = clean(message.session_id, kIdBytesMax);
  if (session.direction != Direction::outbound) session.did = party(message.uri).number;
  for (const auto& [name, value] : message.extra)
    if (name.size() <= kIdBytesMax) session.headers.emplace(name, clean(value));
  if (!message.diversion.empty()) session.headers.emplace("Diversion", clean(message.diversion));
  std::erase_if(session.headers, [](const auto& header) { return header.second.empty(); });
  link(session, message, now);
  session.caller.step = Step::dialing;
  tell(session, session.caller, FactType::dialing, now).headers = session.headers;
}

/// What the INVITE goes on from: a call it replaces, or one in which somebody was asked to send it.
void CallTracker::link(Session& session, const SipMessage& message, Now& now) {
  const auto replaces = message.replaces.empty() ? std::nullopt : read_replaces(message.replaces);
  if (replaces) {
    session.replaces.push_back(replaces->call_id);
    if (Session* old = find(replaces->call_id, replaces->from_tag, replaces->to_tag)) {
      if (Leg* leg = leg_of(*old, replaces->to_tag); leg != nullptr && leg->step == Step::answered)
        session.replaced_leg = leg->id;
    }
  }
  const std::string target = read_address(clean(message.uri)).user;
  for (Referral& referral : referrals_) {
    Session* old = nullptr;
    const auto bucket = sessions_.find(referral.call_id);
    if (bucket == sessions_.end() || referral.linked) continue;
    for (const auto& one : bucket->second)
      if (leg_of(*one, referral.by_tag) != nullptr) old = one.get();
    if (old == nullptr || old == &session) continue;
    Leg* other = nullptr;
    if (old->caller.tag != referral.by_tag)
      other = &old->caller;
    else
      for (Leg& leg : old->callees)
        if (leg.step == Step::answered && !leg.ended) other = &leg;
    if (other == nullptr || other->moved) continue;
    const bool by_replaces =
        replaces && referral.replaces && replaces->call_id == referral.replaces->call_id;
    const bool by_target = !referral.replaces && target == referral.target_user &&
                           (!message.referred_by.empty() ||
                            (!session.caller.party.presented.empty() &&
                             session.caller.party.presented == other->party.presented));
    if (!by_replaces && !by_target) continue;
    if (!referral.told) transferred(*old, referral, FactType::transferred, now);
    referral.linked = other->moved = true;
    session.caller.id = other->id;
    session.other_ids.push_back(old->call_id);
    if (old->handed_on) close(*old, Disposition::answered, 0, now);
    return;
  }
}

void CallTracker::name_callee(const Session& session, Leg& leg) const {
  const Branch* least = nullptr;
  const Branch* own = nullptr;
  for (const Branch& branch : session.branches) {
    if (branch.name == leg.branch) own = &branch;
    if (least == nullptr || branch.vias < least->vias) least = &branch;
  }
  leg.party = session.to;
  for (const Branch* branch : {own, least}) {
    if (branch == nullptr) continue;
    const auto read = read_number(branch->user, numbers_);
    if (read.kind != NumberReading::Kind::extension) continue;
    if (read.ext == session.to.ext.str()) return;
    leg.party = Party{};
    leg.party.ext = read.ext;
    leg.party.presented = branch->user;
    return;
  }
}

CallTracker::Leg& CallTracker::callee(Session& session, const SipMessage& message) {
  if (Leg* known = leg_of(session, message.to_tag); known != nullptr && known != &session.caller)
    return *known;
  Leg leg;
  leg.tag = message.to_tag;
  leg.branch = message.branch;
  leg.id = leg_id(session.call_id, message.to_tag, false);
  name_callee(session, leg);
  if (!session.replaced_leg.empty()) {
    // Who is called talks already: its leg goes on here.
    leg.id = std::exchange(session.replaced_leg, {});
    for (const auto& id : session.replaces)
      if (const auto old = sessions_.find(id); old != sessions_.end())
        for (const auto& one : old->second) {
          if (one->caller.id == leg.id) one->caller.moved = true;
          for (Leg& other : one->callees)
            if (other.id == leg.id) other.moved = true;
        }
  }
  session.callees.push_back(std::move(leg));
  return session.callees.back();
}

Seen CallTracker::on_invite_answer(Session& session, const SipMessage& message, Now& now) {
  Branch* branch = nullptr;
  for (Branch& one : session.branches)
    if (one.name == message.branch) branch = &one;
  const int status = message.status;
  if (session.ended || status == 100) return Seen::repeated;
  if (!message.session_id.empty()) session.session_id = clean(message.session_id, kIdBytesMax);
  if (status >= 300) {
    Branch unknown;
    if (branch == nullptr && !session.branches.empty()) return Seen::unknown_dialog;
    if (branch == nullptr) branch = &unknown;
    if (branch->status >= 300) return Seen::repeated;
    branch->status = status;
    refused(session, *branch, now);
    return Seen::used;
  }
  if (branch != nullptr) branch->status = std::max(branch->status, status);
  if (message.to_tag.empty()) return Seen::not_a_call;
  if (session.callees.size() >= kLegsPerCallMax && leg_of(session, message.to_tag) == nullptr)
    return Seen::over_limit;
  if (status < 200) {
    if (status != 180 && status != 183) return Seen::not_a_call;
    Leg& leg = callee(session, message);
    if (leg.step >= Step::ringing || leg.ended) return Seen::repeated;
    leg.step = Step::ringing;
    tell(session, leg, FactType::ringing, now).headers = session.headers;
    return Seen::used;
  }
  Leg& leg = callee(session, message);
  if (leg.step == Step::answered || leg.ended) return Seen::repeated;
  leg.step = Step::answered;
  tell(session, leg, FactType::answered, now).sip_status = status;
  if (session.caller.step != Step::answered) {
    session.caller.step = Step::answered;
    tell(session, session.caller, FactType::answered, now);
  }
  return Seen::used;
}

void CallTracker::refused(Session& session, Branch& branch, Now& now) {
  const bool answered = session.caller.step == Step::answered;
  std::size_t least = branch.vias;
  for (const Branch& one : session.branches) least = std::min(least, one.vias);
  const bool outermost = branch.vias == least;
  if (!outermost || answered) {
    for (Leg& leg : session.callees) {
      if (leg.branch != branch.name || leg.ended || leg.step == Step::answered) continue;
      std::optional<Disposition> why = unanswered(branch.status);
      if (branch.status == 487) {
        // Who cancelled says why: another phone, the caller, or the PBX when its time was over.
        why = answered || session.elsewhere ? Disposition::answered_elsewhere
              : session.cancelled           ? Disposition::cancelled
                                            : Disposition::no_answer;
      }
      end_leg(session, leg, why, branch.status, now);
    }
    return;
  }
  const bool others =
      std::any_of(session.branches.begin(), session.branches.end(),
                  [&](const Branch& one) { return one.vias == least && one.status < 300; });
  if (others) return;
  if (is_challenge(branch.status)) {
    session.challenged = now.received;
    return;
  }
  std::optional<Disposition> why = unanswered(branch.status);
  if (branch.status == 487 && session.elsewhere) why = Disposition::answered_elsewhere;
  close(session, why, branch.status, now);
}

Seen CallTracker::on_request(Session& session, const SipMessage& message, Now& now) {
  if (message.method == "CANCEL") {
    std::size_t least = message.vias;
    for (Branch& branch : session.branches) {
      least = std::min(least, branch.vias);
      if (branch.name == message.branch) branch.cancelled = true;
    }
    if (answered_elsewhere(message.reason))
      session.elsewhere = true;
    else if (message.vias == least && !session.cancelled)
      session.cancelled = now.received;
    return Seen::used;
  }
  if (session.ended) return Seen::repeated;
  if (message.method == "NOTIFY") {
    const auto status = sipfrag_status(message.body);
    Referral* referral = referral_of(session);
    if (!status || *status < 200 || referral == nullptr) return Seen::not_a_call;
    if (*status < 300) {
      if (!referral->told) transferred(session, *referral, FactType::transferred, now);
    } else {
      transferred(session, *referral, FactType::transfer_failed, now);
    }
    return Seen::used;
  }
  for (const Pending& known : session.pending)
    if (known.cseq == message.cseq && known.method == message.method &&
        known.tag == message.from_tag)
      return Seen::repeated;
  if (session.pending.size() >= kPendingMax) session.pending.erase(session.pending.begin());
  Pending asked;
  asked.branch = message.branch;
  asked.method = message.method;
  asked.tag = message.from_tag;
  asked.cseq = message.cseq;
  asked.media = audio_of(message);
  asked.since = now.received;
  session.pending.push_back(std::move(asked));
  if (message.method == "REFER") refer(session, message, now);
  return Seen::used;
}

Seen CallTracker::on_answer(Session& session, const SipMessage& message, Now& now) {
  if (message.method == "CANCEL" || message.method == "NOTIFY") return Seen::not_a_call;
  const auto asked =
      std::find_if(session.pending.begin(), session.pending.end(), [&](const Pending& one) {
        return one.cseq == message.cseq && one.method == message.method &&
               one.tag == message.from_tag;
      });
  if (asked == session.pending.end()) {
    if (message.method != "INVITE") return Seen::repeated;
    const bool first = session.cseq == 0 || message.cseq == session.cseq;
    if (!first || message.from_tag != session.caller.tag) return Seen::repeated;
    return on_invite_answer(session, message, now);
  }
  if (message.status < 200) return Seen::used;
  const Pending done = *asked;
  session.pending.erase(asked);
  const bool good = message.status < 300;
  if (done.method == "BYE" && !is_challenge(message.status)) bye(session, done, now);
  if (good && (done.method == "INVITE" || done.method == "UPDATE")) hold(session, done, now);
  if (done.method == "REFER") {
    for (Referral& referral : referrals_)
      if (referral.call_id == session.call_id && referral.by_tag == done.tag)
        referral.accepted = good;
    if (!good)
      std::erase_if(referrals_, [&](const Referral& one) {
        return one.call_id == session.call_id && one.by_tag == done.tag && !one.told;
      });
  }
  return Seen::used;
}

void CallTracker::hold(Session& session, const Pending& asked, Now& now) {
  Leg* leg = leg_of(session, asked.tag);
  if (leg == nullptr || !asked.media || leg->ended || leg->moved || leg->step != Step::answered)
    return;
  if (holds(*asked.media) == leg->held) return;
  leg->held = !leg->held;
  tell(session, *leg, leg->held ? FactType::held : FactType::resumed, now);
}

void CallTracker::refer(Session& session, const SipMessage& message, Now& now) {
  if (message.refer_to.empty() || leg_of(session, message.from_tag) == nullptr) return;
  if (referrals_.size() >= kReferralsMax) referrals_.erase(referrals_.begin());
  Referral referral;
  referral.call_id = session.call_id;
  referral.by_tag = message.from_tag;
  referral.target = party(message.refer_to);
  referral.target_user = referral.target.presented.str();
  referral.replaces = replaces_of_refer_to(message.refer_to);
  referral.since = now.received;
  referrals_.push_back(std::move(referral));
}

CallTracker::Referral* CallTracker::referral_of(const Session& session) {
  for (auto one = referrals_.rbegin(); one != referrals_.rend(); ++one)
    if (one->call_id == session.call_id) return &*one;
  return nullptr;
}

void CallTracker::transferred(Session& session, Referral& referral, FactType type, Now& now) {
  Leg* by = leg_of(session, referral.by_tag);
  if (by == nullptr) return;
  referral.told = true;
  Fact& fact = tell(session, *by, type, now);
  fact.transfer.kind = referral.replaces ? "attended" : "blind";
  fact.transfer.to = referral.target;
  if (referral.replaces) fact.ids.replaces.emplace_back(referral.replaces->call_id);
}

void CallTracker::bye(Session& session, const Pending& asked, Now& now) {
  Leg* by = leg_of(session, asked.tag);
  if (by == nullptr) return close(session, Disposition::answered, 0, now);
  Referral* referral = referral_of(session);
  const bool handed_on = referral != nullptr && referral->by_tag == asked.tag && referral->accepted;
  if (handed_on && !referral->told) transferred(session, *referral, FactType::transferred, now);
  if (by != &session.caller) {
    const auto alive = std::count_if(session.callees.begin(), session.callees.end(), [&](Leg& leg) {
      return !leg.ended && leg.step == Step::answered;
    });
    if (alive > 1) return end_leg(session, *by, Disposition::answered, 0, now);
  }
  const auto why = !handed_on           ? Disposition::answered
                   : referral->replaces ? Disposition::replaced
                                        : Disposition::redirected;
  end_leg(session, *by, why, 0, now);
  if (handed_on && !referral->linked)
    session.handed_on = now.received;  // who is left goes on in a session that is not there yet
  else
    close(session, Disposition::answered, 0, now);
}

void CallTracker::end_leg(Session& session, Leg& leg, std::optional<Disposition> why, int status,
                          Now& now) {
  if (leg.ended) return;
  leg.ended = true;
  if (leg.moved || leg.step == Step::none) return;
  Fact& fact = tell(session, leg, FactType::ended, now);
  fact.disposition = why;
  if (status != 0) fact.sip_status = status;
}

void CallTracker::close(Session& session, std::optional<Disposition> why, int status, Now& now) {
  end_leg(session, session.caller, why, status, now);
  for (Leg& leg : session.callees) end_leg(session, leg, why, status, now);
  session.ended = now.received;
  session.pending.clear();
}

void CallTracker::tick(Time time, std::vector<Fact>& out) {
  Now now{std::nullopt, time, out};
  for (auto bucket = sessions_.begin(); bucket != sessions_.end();) {
    for (const auto& one : bucket->second) {
      Session& session = *one;
      if (session.ended) continue;
      const auto late =
          std::find_if(session.pending.begin(), session.pending.end(), [&](const Pending& asked) {
            return asked.method == "BYE" && time - asked.since >= kByeAnswer;
          });
      if (late != session.pending.end()) {
        const Pending asked = *late;
        session.pending.erase(late);
        bye(session, asked, now);
      } else if (session.handed_on && time - *session.handed_on >= kHandOver) {
        close(session, Disposition::answered, 0, now);
      } else if (session.cancelled && session.caller.step != Step::answered &&
                 time - *session.cancelled >= kCancelAnswer) {
        close(session, Disposition::cancelled, 487, now);
      } else if (session.challenged && time - *session.challenged >= kChallengeTime) {
        close(session, Disposition::failed, 401, now);
      } else if (time - session.touched >=
                 (session.caller.step == Step::answered ? kAnsweredMost : kEarlyMost)) {
        close(session, std::nullopt, 0, now);
      }
    }
    count_ -= std::erase_if(bucket->second, [&](const auto& one) {
      return one->ended && time - *one->ended >= kEndedKept;
    });
    bucket = bucket->second.empty() ? sessions_.erase(bucket) : std::next(bucket);
  }
  std::erase_if(referrals_, [&](const Referral& one) { return time - one.since >= kReferralTime; });
}

void CallTracker::restore(const Fact& fact, Time time) {
  if (fact.ids.sip.empty() || fact.type == FactType::ended || count_ >= kSessionsMax) return;
  const std::string call_id = fact.ids.sip.front().str();
  std::string tag = fact.ids.leg.str();
  if (!tag.starts_with(call_id + "/")) return;  // hashed, or it goes on from another call
  tag.erase(0, call_id.size() + 1);
  const bool caller = tag.ends_with(kFrom);
  if (caller) tag.resize(tag.size() - kFrom.size());
  auto& bucket = sessions_[call_id];
  if (bucket.empty()) {
    bucket.push_back(std::make_unique<Session>());
    ++count_;
  }
  Session& session = *bucket.front();
  session.call_id = call_id;
  session.touched = time;
  session.to = caller ? fact.to : session.to.empty() ? fact.to : session.to;
  session.direction = fact.direction;
  session.session_id = fact.ids.session.str();
  session.caller.party = fact.from;
  if (!caller && session.callees.size() >= kLegsPerCallMax) return;
  Leg& leg = caller ? session.caller : session.callees.emplace_back();
  leg.id = fact.ids.leg.str();
  leg.tag = tag;
  leg.party = caller ? fact.from : fact.to;
  leg.held = fact.type == FactType::held;
  leg.step = fact.type == FactType::dialing   ? Step::dialing
             : fact.type == FactType::ringing ? Step::ringing
                                              : Step::answered;
}

}  // namespace hookswitch::hep
