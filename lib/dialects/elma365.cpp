#include "dialects/participation.hpp"

namespace hookswitch::dialects::elma365 {
namespace {

std::string_view event_word(Step step, const Call& call, const Participation& part) {
  const bool internal = call.direction == Direction::internal;
  switch (step) {
    case Step::ring:
      return internal ? "notify_internal" : "notify_start";
    case Step::init:
      return internal ? "notify_internal" : "notify_out_start";
    case Step::start:
      return "notify_answer";
    case Step::end:
      return part.outbound() && !internal ? "notify_out_end" : "notify_end";
    case Step::hold:
    case Step::resume:
    case Step::mute:
      break;  // the contract has no words for them
  }
  return {};
}

std::string_view disposition_word(Step step, const Call& call, const Participation& part) {
  if (part.answered) return "answered";
  if (step != Step::end) return "unknown";
  switch (part.lead->end_reason.value_or(call.disposition.value_or(Disposition::unknown))) {
    case Disposition::no_answer:
      return "no_answer";
    case Disposition::busy:
      return "busy";
    case Disposition::cancelled:
      return "cancel";
    case Disposition::rejected:
      return "rejected";
    case Disposition::failed:
      return "failed";
    default:
      return "unknown";
  }
}

Text own_number(const Participation& part, const PageUser& user) {
  return first_of({part.lead->ext, user.ext, part.lead->number});
}

/// The numbers of both sides: the operator's side is always the internal number, the client's side
/// the external one.
struct Phones {
  std::string_view direction;
  Text src, src_ext, dst, dst_ext;
};

Phones phones(const Call& call, const Participation& part, const PageUser& user) {
  const Text own = own_number(part, user);
  if (call.direction == Direction::internal) {
    if (part.outbound()) return {"internal", own, {}, internal_address(call.to), {}};
    return {"internal", internal_address(call.from), {}, own, {}};
  }
  // An extension behind the external number exists beside it; alone it is the number.
  const auto behind = [](const Party& party) { return party.number.empty() ? Text{} : party.ext; };
  if (part.outbound()) return {"out", own, {}, address(call.to), behind(call.to)};
  return {"in", address(call.from), behind(call.from), own, {}};
}

std::string event_frame(Step step, const Call& call, const Participation& part,
                        const PageUser& user, const Cursor& cursor) {
  const Phones side = phones(call, part, user);
  json::Writer out;
  out.begin_object().key("event").begin_object();
  out.member("callId", call.id).member("direction", side.direction);
  out.member("disposition", disposition_word(step, call, part)).member("dstPhone", side.dst);
  if (!side.dst_ext.empty()) out.member("dstPhoneExt", side.dst_ext);
  out.member("event", event_word(step, call, part)).member("srcPhone", side.src);
  if (!side.src_ext.empty()) out.member("srcPhoneExt", side.src_ext);
  out.end_object();
  return finish(out, cursor);
}

std::string record_frame(const Call& call, const Participation& part, const PageUser& user,
                         const Cursor& cursor) {
  const Phones side = phones(call, part, user);
  const std::string& link = call.recordings.back().url;
  json::Writer out;
  out.begin_object().key("callRecord").begin_object();
  // The vendor's sample stores `link` and later reads `callLink`.
  out.key("call").begin_object().member("link", link).member("callLink", link).end_object();
  out.member("callId", call.id)
      .member("direction", side.direction)
      .member("disposition", "answered");
  out.member("dstPhone", side.dst);
  if (!side.dst_ext.empty()) out.member("dstPhoneExt", side.dst_ext);
  const auto talk =
      std::chrono::duration_cast<std::chrono::seconds>(call.talk.value_or(milliseconds{0}));
  out.member("duration", static_cast<std::int64_t>(talk.count()));
  out.member("srcPhone", side.src);
  if (!side.src_ext.empty()) out.member("srcPhoneExt", side.src_ext);
  out.end_object();
  return finish(out, cursor);
}

/// The part of the user who talked last: the one whose call was recorded.
const Participation* talked(const std::vector<Participation>& parts) {
  const Participation* found = nullptr;
  for (const auto& part : parts)
    if (part.answered) found = &part;
  return found;
}

}  // namespace

std::vector<std::string> messages(const Event& event, const PageUser& user, TelephonyStatus before,
                                  TelephonyStatus after) {
  std::vector<std::string> out;
  if (!event.call) return out;
  const Call& call = *event.call;
  for (const auto& [step, part] : moments(event, user.id, before, after))
    if (!event_word(step, call, part).empty())
      out.push_back(event_frame(step, call, part, user, event.cursor));
  const bool over = event.type == EventType::call_ended || event.type == EventType::call_report;
  if (over && !call.recordings.empty() && !call.recordings.back().url.empty()) {
    const auto parts = participations(call, user.id);
    if (const Participation* part = talked(parts))
      out.push_back(record_frame(call, *part, user, event.cursor));
  }
  return out;
}

std::vector<std::string> burst(const PageUser& user, const LiveCalls& live, const Cursor& cursor,
                               bool resumed) {
  std::vector<std::string> out;
  if (resumed) return out;
  for (const auto& call : live)
    for (const auto& part : participations(*call, user.id))
      if (!part.outbound() && status_of(*call, part) == TelephonyStatus::Ringing)
        out.push_back(event_frame(Step::ring, *call, part, user, cursor));
  return out;
}

}  // namespace hookswitch::dialects::elma365
