#include "daemon/commands/dialect_guess.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <span>

#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::size_t kLeavesMax = 500;

std::string plain(std::string_view text) {
  std::string out;
  for (const char c : to_lower(text))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  return out;
}

/// RFC 6901.
std::string escaped(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

void collect(const json::Value& value, const std::string& pointer, const std::string& name,
             const std::string& around, std::vector<Leaf>& out) {
  if (out.size() >= kLeavesMax) return;
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      const auto key = json::text(member.name);
      collect(member.value, pointer + "/" + escaped(key), plain(key), name, out);
    }
  } else if (value.IsArray()) {
    if (!value.Empty()) collect(value[0], pointer + "/0", name, around, out);
  } else if (value.IsString() || value.IsNumber()) {
    std::string text = value.IsString() ? std::string{json::text(value)} : json::to_string(value);
    if (!trim(text).empty()) out.push_back({pointer, name, around, std::move(text)});
  }
}

bool all_of(std::string_view text, std::string_view set) {
  return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
}
std::size_t digits(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

bool is_phone(const std::string& text) {
  std::string_view rest = text;
  for (const char* scheme : {"sip:", "sips:", "tel:"})
    if (rest.starts_with(scheme)) rest = rest.substr(std::string_view{scheme}.size());
  rest = rest.substr(0, rest.find_first_of("@;"));
  return all_of(rest, "0123456789+ .-()/") && digits(rest) >= 7 && digits(rest) <= 17;
}
bool is_ext(const std::string& text) {
  return all_of(text, "0123456789") && text.size() >= 2 && text.size() <= 6;
}
bool is_line(const std::string& text) { return is_phone(text) || is_ext(text); }
bool is_word(const std::string& text) {
  return text.size() <= 48 && text.find_first_of(" @:") == std::string::npos && digits(text) < 4;
}
bool is_id(const std::string& text) {
  return text.size() >= 1 && text.size() <= 256 && text.find(' ') == std::string::npos;
}
bool is_name(const std::string& text) { return !is_line(text) && text.size() <= 200; }
bool is_url(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}
bool is_whole(const std::string& text) { return all_of(text, "0123456789") && text.size() <= 18; }
bool is_duration(const std::string& text) {
  return all_of(text, "0123456789.:") && text.size() <= 9;
}

/// Of $time, and "" for what is no time.
std::string time_form_of(const std::string& text) {
  if (is_whole(text) || (all_of(text, "0123456789") && text.size() == 19)) {
    // From 2001 to 2033.
    const bool is_near = text.front() == '1';
    if (is_near && text.size() == 10) return "unix";
    if (is_near && text.size() == 13) return "ms";
    if (is_near && text.size() == 16) return "us";
    if (is_near && text.size() == 19) return "ns";
    return "";
  }
  const auto at = [&](std::size_t i, char c) { return text.size() > i && text[i] == c; };
  if (digits(text) >= 12 && at(4, '-') && at(7, '-') && (at(10, 'T') || at(10, ' '))) return "auto";
  if (text.size() >= 15 && at(8, 'T') && digits(text) >= 14) return "auto";
  if (all_of(text, "0123456789.") && at(10, '.') && text.front() == '1') return "unix";
  return "";
}
bool is_time(const std::string& text) { return !time_form_of(text).empty(); }

/// Names, the likeliest first; "a/b": member b of a; a '*' at the end: begins so.
using Names = std::span<const char* const>;

bool fits(const Leaf& leaf, std::string_view wanted) {
  if (const auto slash = wanted.find('/'); slash != std::string_view::npos)
    return leaf.around == wanted.substr(0, slash) && leaf.name == wanted.substr(slash + 1);
  if (wanted.ends_with('*')) return leaf.name.starts_with(wanted.substr(0, wanted.size() - 1));
  return leaf.name == wanted;
}

class Guesser {
 public:
  explicit Guesser(const std::vector<Leaf>& leaves)
      : leaves_(leaves), used_(leaves.size(), false) {}

  Leaf take(Names names, bool (*has_shape)(const std::string&)) {
    for (const char* name : names)
      for (std::size_t i = 0; i < leaves_.size(); ++i) {
        if (used_[i] || !fits(leaves_[i], name) || !has_shape(leaves_[i].text)) continue;
        used_[i] = true;
        return leaves_[i];
      }
    return {};
  }

 private:
  const std::vector<Leaf>& leaves_;
  std::vector<bool> used_;
};

constexpr std::array kTypes{"event",      "eventtype",    "eventname", "callevent", "callstate",
                            "callstatus", "cmd",          "type",      "state",     "status",
                            "action",     "notification", "notify",    "topic",     "kind"};
constexpr std::array kDirections{"direction", "calldirection", "calltype", "dir", "type"};
constexpr std::array kCallIds{"callid",
                              "callsid",
                              "calluuid",
                              "pbxcallid",
                              "callsessionid",
                              "conversationuuid",
                              "conversationid",
                              "sessionid",
                              "telephonysessionid",
                              "linkedid",
                              "call/id",
                              "call/uuid",
                              "uniqueid",
                              "uuid",
                              "sid",
                              "entryid",
                              "externalid",
                              "data/id",
                              "id",
                              "call"};
constexpr std::array kLegIds{"legid",  "calllegid", "channelid",  "uniqueid", "subcallid",
                             "leg/id", "leg/uuid",  "channel/id", "memberid", "uuid"};
constexpr std::array kFroms{
    "from",         "fromnumber",  "caller",         "callerid",      "calleridnum",
    "callernumber", "src",         "srcphone",       "srcnumber",     "source",
    "ani",          "from/number", "from/phone",     "caller/number", "caller/phone",
    "clid",         "cli",         "customernumber", "customerphone", "externalnumber",
    "phone",        "phonenumber", "number",         "from*",         "caller*"};
constexpr std::array kFromNames{"fromname",     "callername",   "calleridname",
                                "cnam",         "from/name",    "caller/name",
                                "customername", "contact/name", "contactname"};
constexpr std::array kTos{"to",        "tonumber",      "called",        "callednumber",
                          "calledid",  "callee",        "dst",           "dstphone",
                          "dstnumber", "destination",   "dest",          "destinationnumber",
                          "dnis",      "did",           "calleddid",     "to/number",
                          "to/phone",  "callee/number", "called/number", "dialednumber",
                          "line",      "to*",           "called*"};
constexpr std::array kExts{
    "ext",      "extension",      "agent/ext", "agent/extension", "user/extension",
    "internal", "internalnumber", "agentext",  "agentextension",  "operator",
    "agent",    "user",           "employee",  "to/extension",    "to/ext",
    "member",   "extension*"};
constexpr std::array kTimes{"timestamp",   "time",        "eventtime", "at",        "occurredat",
                            "ts",          "createdat",   "datetime",  "date",      "eventdate",
                            "timestampms", "timestampns", "sentat",    "starttime", "startedat",
                            "callstart",   "time*"};
constexpr std::array kDurations{"talktime", "billsec",      "billableseconds",
                                "duration", "callduration", "durationseconds"};
constexpr std::array kRecordings{"recordingurl", "recordurl", "recording/url", "recordinglink",
                                 "recording",    "record",    "link",          "url"};
constexpr std::array kSequences{"seq", "sequence", "sequencenumber", "eventsequence", "counter"};
constexpr std::array kDeliveries{"webhookid",      "eventid",        "messageid",
                                 "deliveryid",     "notificationid", "requestid",
                                 "idempotencykey", "event/id",       "event/uuid"};
constexpr std::array kProofs{"signature", "hmac", "authorization", "token", "secret", "apikey"};

struct Word {
  const char *word, *means;
};

constexpr Word kTypeWords[] = {
    {"ended", "ended"},
    {"hangup", "ended"},
    {"hungup", "ended"},
    {"hang_up", "ended"},
    {"completed", "ended"},
    {"complete", "ended"},
    {"disconnect", "ended"},
    {"terminated", "ended"},
    {"finish", "ended"},
    {"end", "ended"},
    {"missed", "ended"},
    {"noanswer", "ended"},
    {"cancel", "ended"},
    {"busy", "ended"},
    {"failed", "ended"},
    {"destroy", "ended"},
    {"bye", "ended"},
    {"unhold", "resumed"},
    {"resume", "resumed"},
    {"retrieve", "resumed"},
    {"hold", "held"},
    {"held", "held"},
    {"voicemail", "voicemail"},
    {"recording", "recording"},
    {"record", "recording"},
    {"transfer", "transferred"},
    {"park", "parked"},
    {"queue", "queued"},
    {"enqueue", "queued"},
    {"answer", "answered"},
    {"accept", "answered"},
    {"connected", "answered"},
    {"connect", "answered"},
    {"pickup", "answered"},
    {"pickedup", "answered"},
    {"established", "answered"},
    {"talking", "answered"},
    {"inprogress", "answered"},
    {"in_progress", "answered"},
    {"bridge", "answered"},
    {"active", "answered"},
    {"ring", "ringing"},
    {"alerting", "ringing"},
    {"early", "ringing"},
    {"offer", "ringing"},
    {"incoming", "ringing"},
    {"appeared", "ringing"},
    {"dialing", "dialing"},
    {"dial", "dialing"},
    {"calling", "dialing"},
    {"outgoing", "dialing"},
    {"trying", "started"},
    {"start", "started"},
    {"initiat", "started"},
    {"create", "started"},
    {"setup", "started"},
    {"new", "started"},
};

}  // namespace

const char* type_of_word(std::string_view word) {
  const std::string lower = to_lower(word), bare = plain(word);
  for (const auto& known : kTypeWords)
    if (lower.find(known.word) != std::string::npos || bare.find(known.word) != std::string::npos)
      return known.means;
  return nullptr;
}

const char* direction_of_word(std::string_view word) {
  const std::string lower = plain(word);
  if (lower.starts_with("internal") || lower == "local" || lower == "intern") return "internal";
  if (lower.starts_with("in")) return "inbound";
  if (lower.starts_with("out")) return "outbound";
  return nullptr;
}

std::vector<Leaf> leaves(const json::Value& document, std::string& each) {
  std::vector<Leaf> out;
  const json::Value* body = json::find(document, "body");
  if (body != nullptr && body->IsArray() && !body->Empty() && (*body)[0].IsObject()) {
    each = "/body";
    collect((*body)[0], "/item", "", "", out);
  } else if (body != nullptr) {
    collect(*body, "/body", "", "", out);
  }
  for (const char* root : {"query", "path"})
    if (const json::Value* value = json::find(document, root))
      collect(*value, std::string{"/"} + root, root, "", out);
  return out;
}

Guess guess(const json::Value& document) {
  Guess out;
  const auto body = leaves(document, out.each);
  Guesser guesser{body};
  out.delivery = guesser.take(kDeliveries, is_id);
  out.type = guesser.take(kTypes, [](const std::string& text) {
    return is_word(text) && type_of_word(text) != nullptr;
  });
  out.direction = guesser.take(
      kDirections, [](const std::string& text) { return direction_of_word(text) != nullptr; });
  if (out.type.pointer.empty()) out.type = guesser.take(kTypes, is_word);
  out.time = guesser.take(kTimes, is_time);
  out.time_form = out.time.pointer.empty() ? "" : time_form_of(out.time.text);
  out.call_id = guesser.take(kCallIds, is_id);
  out.leg_id = guesser.take(kLegIds, is_id);
  out.ext = guesser.take(kExts, is_ext);
  out.from = guesser.take(kFroms, is_line);
  out.to = guesser.take(kTos, is_line);
  out.from_name = guesser.take(kFromNames, is_name);
  out.duration = guesser.take(kDurations, is_duration);
  out.recording = guesser.take(kRecordings, is_url);
  out.seq = guesser.take(kSequences, is_whole);
  std::vector<Leaf> headers;
  if (const json::Value* header = json::find(document, "header"))
    collect(*header, "/header", "header", "", headers);
  for (const auto& leaf : headers) {
    const auto has = [&](const char* part) { return leaf.name.find(part) != std::string::npos; };
    if (out.proof.pointer.empty() && std::any_of(kProofs.begin(), kProofs.end(), has))
      out.proof = leaf;
    // More reliable than a member of the body: it is there to tell deliveries apart.
    const bool is_id_of_delivery =
        leaf.name != "xrequestid" && std::any_of(kDeliveries.begin(), kDeliveries.begin() + 7, has);
    if (is_id_of_delivery && !out.delivery.pointer.starts_with("/header")) out.delivery = leaf;
  }
  return out;
}

}  // namespace hookswitch
