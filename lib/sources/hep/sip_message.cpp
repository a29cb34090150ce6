#include "sources/hep/sip_message.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace hookswitch::hep {
namespace {

Error bad(const char* why) { return Error{Errc::bad_message, why}; }

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view{"-.!%*_+`'~"}.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}
bool is_id(std::string_view text) {
  return text.size() <= kIdBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view trimmed(std::string_view text) { return trim(text); }

std::optional<std::uint32_t> digits(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  const auto value = parse_int(text);
  if (text[0] < '0' || text[0] > '9' || !value || *value > 0xffffffffLL) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

/// Puts blanks in the place of the line ends of folded lines. Returns where the head ends.
std::optional<std::size_t> unfold(std::string& text) {
  std::size_t line = 0;
  bool start_line = true;
  for (std::size_t lf = text.find('\n'); lf != std::string::npos; lf = text.find('\n', lf + 1)) {
    const std::size_t end = lf > line && text[lf - 1] == '\r' ? lf - 1 : lf;
    if (end == line) return lf + 1;
    const bool folded = lf + 1 < text.size() && (text[lf + 1] == ' ' || text[lf + 1] == '\t');
    if (folded && !start_line) {
      text[end] = text[lf] = ' ';
    } else {
      line = lf + 1;
      start_line = false;
    }
  }
  return std::nullopt;
}

/// The place behind the quoted string that begins at `at`.
std::size_t past_quoted(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

/// Where the first of several comma-separated values ends.
std::string_view first_value(std::string_view text) {
  int brackets = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      i = past_quoted(text, i);
      continue;
    }
    if (text[i] == '<') ++brackets;
    if (text[i] == '>') --brackets;
    if (text[i] == ',' && brackets <= 0) return trimmed(text.substr(0, i));
    ++i;
  }
  return trimmed(text);
}

std::size_t count_values(std::string_view text) {
  std::size_t out = 0;
  while (!text.empty() && out < kHeaderLinesMax) {
    ++out;
    const auto first = first_value(text);
    const std::size_t used = static_cast<std::size_t>(first.data() - text.data()) + first.size();
    const std::size_t comma = text.find(',', used);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return out;
}

Result<bool> read_start(std::string_view line, SipMessage& out) {
  constexpr std::string_view kVersion = "SIP/2.0";
  if (line.starts_with("SIP/") || line.starts_with("sip/")) {
    if (line.size() < 11 || !equals_ignore_case(line.substr(0, 7), kVersion) || line[7] != ' ' ||
        (line.size() > 11 && line[11] != ' '))
      return bad("start line");
    const auto status = digits(line.substr(8, 3));
    if (!status || *status < 100 || *status > 699) return bad("start line");
    out.status = static_cast<int>(*status);
    return true;
  }
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return bad("start line");
  out.request = true;
  out.method = line.substr(0, first);
  out.uri = line.substr(first + 1, last - first - 1);
  if (!is_token(out.method) || out.method.size() > kMethodBytesMax ||
      !equals_ignore_case(line.substr(last + 1), kVersion) || out.uri.empty() ||
      out.uri.find(' ') != std::string_view::npos || out.uri.size() > kHeaderValueMax)
    return bad("start line");
  return true;
}

struct Known {
  std::string_view name, compact;
  std::string_view SipMessage::*to;
  bool once;
};
constexpr std::array kKnown{
    Known{"call-id", "i", &SipMessage::call_id, true},
    Known{"from", "f", &SipMessage::from, true},
    Known{"to", "t", &SipMessage::to, true},
    Known{"contact", "m", &SipMessage::contact, false},
    Known{"content-type", "c", &SipMessage::content_type, false},
    Known{"replaces", "", &SipMessage::replaces, false},
    Known{"refer-to", "r", &SipMessage::refer_to, false},
    Known{"referred-by", "b", &SipMessage::referred_by, false},
    Known{"session-id", "", &SipMessage::session_id, false},
    Known{"reason", "", &SipMessage::reason, false},
    Known{"p-asserted-identity", "", &SipMessage::asserted, false},
    Known{"diversion", "", &SipMessage::diversion, false},
    Known{"event", "o", &SipMessage::event, false},
    Known{"subscription-state", "", &SipMessage::subscription_state, false},
};

bool is_extra(std::string_view name) {
  return name.size() > 2 && (name[0] == 'X' || name[0] == 'x') && name[1] == '-';
}

}  // namespace

std::string_view header_param(std::string_view header, std::string_view name) {
  std::size_t at = 0;
  if (const auto open = header.find('<'); open != std::string_view::npos) {
    // A '<' inside the quoted display name opens nothing.
    while (at < header.size() && header[at] != '<')
      at = header[at] == '"' ? past_quoted(header, at) : at + 1;
    at = header.find('>', std::min(at, header.size()));
    if (at == std::string_view::npos) return {};
  }
  while ((at = header.find(';', at)) != std::string_view::npos) {
    ++at;
    std::size_t end = at;
    while (end < header.size() && header[end] != ';')
      end = header[end] == '"' ? past_quoted(header, end) : end + 1;
    const std::string_view param = header.substr(at, end - at);
    const auto equals = param.find('=');
    if (equals_ignore_case(trimmed(param.substr(0, equals)), name))
      return equals == std::string_view::npos ? std::string_view{}
                                              : trimmed(param.substr(equals + 1));
    at = end;
  }
  return {};
}

std::string_view header_uri(std::string_view header) {
  header = first_value(header);
  std::size_t at = 0;
  while (at < header.size() && header[at] != '<')
    at = header[at] == '"' ? past_quoted(header, at) : at + 1;
  if (at >= header.size()) return trimmed(header.substr(0, header.find(';')));
  const auto close = header.find('>', at);
  if (close == std::string_view::npos) return {};
  return trimmed(header.substr(at + 1, close - at - 1));
}

std::optional<Replaces> read_replaces(std::string_view header) {
  if (header.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  Replaces out;
  const std::string_view id = trimmed(header.substr(0, header.find(';')));
  if (id.empty() || !is_id(id)) return std::nullopt;
  out.call_id = id;
  const auto to = header_param(header, "to-tag"), from = header_param(header, "from-tag");
  if (!is_id(to) || !is_id(from)) return std::nullopt;
  out.to_tag = to;
  out.from_tag = from;
  return out;
}

std::optional<Replaces> replaces_of_refer_to(std::string_view refer_to) {
  const std::string_view uri = header_uri(refer_to);
  auto at = uri.find('?');
  while (at != std::string_view::npos) {
    const auto end = uri.find('&', at + 1);
    const auto part = uri.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    const auto equals = part.find('=');
    if (equals != std::string_view::npos &&
        equals_ignore_case(part.substr(0, equals), "replaces")) {
      const auto value = percent_decode(part.substr(equals + 1));
      return value ? read_replaces(*value) : std::nullopt;
    }
    at = end;
  }
  return std::nullopt;
}

std::optional<int> sipfrag_status(std::string_view body) {
  SipMessage line;
  if (!body.starts_with("SIP/")) return std::nullopt;
  const auto end = body.find_first_of("\r\n");
  if (!read_start(body.substr(0, end), line) || line.request) return std::nullopt;
  return line.status;
}

std::optional<Media> audio_of(const SipMessage& message) {
  if (!equals_ignore_case(trimmed(message.content_type.substr(0, message.content_type.find(';'))),
                          "application/sdp") ||
      message.body.empty())
    return std::nullopt;
  std::string_view rest = message.body;
  std::optional<Media> session, audio;
  bool session_zero = false, zero = false, in_media = false, in_audio = false, had_audio = false,
       has_address = false;
  for (std::size_t lines = 0; lines < kSdpLinesMax && !rest.empty(); ++lines) {
    const auto lf = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, lf));
    rest.remove_prefix(lf == std::string_view::npos ? rest.size() : lf + 1);
    if (line.starts_with("m=")) {
      if (had_audio) break;
      in_media = true;
      in_audio = line.starts_with("m=audio ");
      if (in_audio) {
        had_audio = true;
        if (line.starts_with("m=audio 0 ")) return std::nullopt;
      }
      continue;
    }
    if (in_media && !in_audio) continue;
    if (line.starts_with("c=")) {
      (in_audio ? zero : session_zero) = line.ends_with(" 0.0.0.0");
      has_address = has_address || in_audio;
    }
    auto& to = in_audio ? audio : session;
    if (line == "a=sendrecv") to = Media::sendrecv;
    if (line == "a=sendonly") to = Media::sendonly;
    if (line == "a=recvonly") to = Media::recvonly;
    if (line == "a=inactive") to = Media::inactive;
  }
  if (!had_audio) return std::nullopt;
  const Media told = audio ? *audio : session.value_or(Media::sendrecv);
  if ((has_address ? zero : session_zero) && told == Media::sendrecv) return Media::sendonly;
  return told;
}

Result<SipMessage> read_sip(std::string& text) {
  // Stacks keep connections alive with line ends, and mirrors bring them along.
  const auto begin = text.find_first_not_of("\r\n");
  if (begin == std::string::npos) return bad("empty");
  if (begin > 0) text.erase(0, begin);
  const auto head = unfold(text);
  if (!head) return bad("no end of head");
  SipMessage out;
  std::string_view rest = std::string_view{text}.substr(0, *head);
  const auto next_line = [&rest] {
    const auto lf = rest.find('\n');
    auto line = rest.substr(0, lf);
    rest.remove_prefix(lf + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  if (const auto start = read_start(next_line(), out); !start) return start.error();
  std::string_view cseq;
  std::size_t lines = 0;
  while (!rest.empty()) {
    const std::string_view line = next_line();
    if (line.empty()) break;
    if (++lines > kHeaderLinesMax) return bad("too many headers");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return bad("header");
    const std::string_view name = trimmed(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_token(name)) return bad("header");
    if (value.size() > kHeaderValueMax) continue;
    if (equals_ignore_case(name, "via") || equals_ignore_case(name, "v")) {
      if (out.vias == 0) out.branch = header_param(first_value(value), "branch");
      out.vias += count_values(value);
      continue;
    }
    if (equals_ignore_case(name, "cseq")) {
      if (!cseq.empty()) return bad("header twice");
      cseq = value;
      continue;
    }
    const auto known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& one) {
      return equals_ignore_case(name, one.name) ||
             (!one.compact.empty() && equals_ignore_case(name, one.compact));
    });
    if (known != kKnown.end()) {
      std::string_view& to = out.*(known->to);
      if (known->once && !to.empty()) return bad("header twice");
      if (to.empty()) to = value;
    } else if (is_extra(name) && out.extra.size() < kExtraHeadersMax) {
      out.extra.emplace_back(name, value);
    }
  }
  const auto blank = cseq.find_first_of(" \t");
  const auto number = digits(cseq.substr(0, blank));
  if (blank == std::string_view::npos || !number) return bad("cseq");
  out.cseq = *number;
  const auto method = trimmed(cseq.substr(blank));
  if (!is_token(method) || method.size() > kMethodBytesMax || (out.request && method != out.method))
    return bad("cseq");
  out.method = method;
  if (out.call_id.empty() || !is_id(out.call_id)) return bad("call-id");
  if (out.vias == 0) return bad("via");
  if (out.from.empty()) return bad("from");
  if (out.to.empty()) return bad("to");
  out.from_tag = header_param(out.from, "tag");
  out.to_tag = header_param(out.to, "tag");
  if (!is_id(out.from_tag) || !is_id(out.to_tag) || !is_id(out.branch)) return bad("id");
  out.body = std::string_view{text}.substr(*head);
  return out;
}

}  // namespace hookswitch::hep
