#include "recorder/raw_input.hpp"

#include <array>

#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::string_view kNotKept = "(not kept)";

/// "a=1&token=x#f" with the values of secrets gone; everything else as it was, also what is broken.
std::string without_secrets(std::string_view form) {
  std::string out;
  while (true) {
    const auto end = form.find('&');
    const auto field = form.substr(0, end);
    const auto equals = field.find('=');
    const auto name = percent_decode(field.substr(0, equals), true);
    if (equals != std::string_view::npos && (!name || names_a_secret(*name))) {
      out += field.substr(0, equals + 1);
      out += kNotKept;
    } else {
      out += field;
    }
    if (end == std::string_view::npos) return out;
    out += '&';
    form.remove_prefix(end + 1);
  }
}

bool holds_secret(const json::Value& value) {
  if (value.IsArray()) {
    for (const auto& item : value.GetArray())
      if (holds_secret(item)) return true;
  } else if (value.IsObject()) {
    for (const auto& item : value.GetObject())
      if (names_a_secret(json::text(item.name)) || holds_secret(item.value)) return true;
  }
  return false;
}

void write_without_secrets(json::Writer& out, const json::Value& value) {
  if (value.IsArray()) {
    out.begin_array();
    for (const auto& item : value.GetArray()) write_without_secrets(out, item);
    out.end_array();
  } else if (value.IsObject()) {
    out.begin_object();
    for (const auto& item : value.GetObject()) {
      out.key(json::text(item.name));
      if (names_a_secret(json::text(item.name)))
        out.string(kNotKept);
      else
        write_without_secrets(out, item.value);
    }
    out.end_object();
  } else {
    out.value(value);
  }
}

/// The body as it came, unless it holds secrets; nothing where they could not be found.
std::string kept_body(const std::string& body) {
  if (body.size() > kRawBodyBytesMax || body.starts_with("--")) return {};  // multipart/form-data
  if (const auto document = json::parse(body)) {
    if (!holds_secret(*document)) return body;
    json::Writer out;
    write_without_secrets(out, *document);
    return out.str();
  }
  const auto start = trim(body).substr(0, 1);
  if (start == "<") return body;  // dialog-info and the like
  return start == "{" || start == "[" ? std::string{} : without_secrets(body);
}

}  // namespace

bool names_a_secret(std::string_view name) {
  static constexpr std::array kWords{"auth",       "cookie",     "token",   "secret",
                                     "sign",       "passw",      "api-key", "api_key",
                                     "apikey",     "credential", "hmac",    "session-key",
                                     "access_key", "access-key", "private", "jwt"};
  const std::string lower = to_lower(name);
  for (const std::string_view word : kWords)
    if (lower.find(word) != std::string::npos) return true;
  return lower == "key" || lower == "pwd" || lower == "pass";
}

void write_raw(json::Writer& out, const RawInput& raw) {
  const auto text = [](const std::string& value) {
    return is_utf8(value) ? value : percent_encode(value);
  };
  out.member("t", to_unix_ms(raw.received)).member("org", raw.org).member("source", raw.source);
  const auto question = raw.target.find('?');
  std::string target = raw.target.substr(0, question);
  if (question != std::string::npos)
    target += "?" + without_secrets(std::string_view{raw.target}.substr(question + 1));
  out.member("method", text(raw.method)).member("target", text(target));
  out.key("headers").begin_array();
  for (const auto& [name, value] : raw.headers) {
    out.begin_array().string(text(name));
    if (names_a_secret(name))
      out.string(kNotKept);
    else
      out.string(text(value));
    out.end_array();
  }
  out.end_array();
  const std::string body = kept_body(raw.body);
  if (is_utf8(body))
    out.member("body", body);
  else
    out.member("body_base64", to_base64(body));
  if (body.empty() && !raw.body.empty()) out.member("body_left_out", true);
}

}  // namespace hookswitch
