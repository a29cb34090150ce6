#include "sources/webhook/decode.hpp"

#include <array>

#include "base/text.hpp"
#include "sources/webhook/blocks.hpp"
#include "sources/webhook/explain.hpp"
#include "sources/webhook/form.hpp"
#include "sources/webhook/gzip.hpp"
#include "sources/webhook/jwt.hpp"

namespace hookswitch::webhook {
namespace {

using json::Value;
using Arena = json::Document::AllocatorType;
using Problem = std::optional<Error>;

Value text_value(std::string_view text, Arena& arena) {
  return Value{text.data(), static_cast<rapidjson::SizeType>(text.size()), arena};
}

bool is_json_type(std::string_view type) {
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

Problem take_json(std::string_view text, RequestDocument& out, Value& target) {
  auto parsed = json::parse(text);
  if (!parsed) return parsed.error();
  out.kept.push_back(std::move(*parsed));
  target.Swap(static_cast<Value&>(out.kept.back()));
  return std::nullopt;
}

/// The body as JSON. `parsed`: it has been read before, by a handshake's steps.
Problem take_body_json(RequestDocument& out, Value& parsed) {
  if (parsed.IsNull()) return take_json(out.text, out, out.body);
  out.body = std::move(parsed);  // leaves null: it was used
  return std::nullopt;
}

Problem take_form(std::string_view text, bool raw, RequestDocument& out) {
  auto flat = raw ? parse_raw_form(text, out.arena) : parse_flat_form(text, out.arena);
  if (!flat) return flat.error();
  out.raw_form = std::move(*flat);
  if (raw) {
    out.body.CopyFrom(out.raw_form, out.arena);
    return std::nullopt;
  }
  auto body = parse_form(text, out.arena);
  if (!body) return body.error();
  out.body = std::move(*body);
  return std::nullopt;
}

/// The claims only: who signed them is asked when the request is proven.
Problem take_jwt(std::string_view text, RequestDocument& out) {
  const auto token = split_jws(text);
  if (!token) return Error{Errc::bad_request, "not a compact JWS"};
  return take_json(token->claims, out, out.body);
}

bool is_token(std::string_view text) {
  const auto token = split_jws(text);
  return token && token->header.starts_with('{');
}

/// The first character tells JSON from a form, and a token is neither, whatever its type says;
/// senders that leave out the type, or say text/plain, are many.
Problem take_auto(const std::string& type, RequestDocument& out, Value& parsed) {
  const auto body = trim(out.text);
  if (body.empty()) {
    out.body.CopyFrom(out.query, out.arena);
    return std::nullopt;
  }
  const bool may_be_token = type.empty() || type.starts_with("text/") || type == kFormType ||
                            type == "application/jose" || is_json_type(type);
  if (type == "application/jwt" || (may_be_token && is_token(body))) return take_jwt(out.text, out);
  if (is_json_type(type)) return take_body_json(out, parsed);
  if (type == kFormType) return take_form(out.text, false, out);
  if (!type.empty() && !type.starts_with("text/"))
    return Error{Errc::unsupported_media_type, "neither JSON nor a form"};
  if (body.front() == '{' || body.front() == '[') return take_body_json(out, parsed);
  return take_form(body, false, out);
}

/// Steps are few and bounded, so a walk over the way costs nothing worth a cache.
Value* find_mutable(RequestDocument& document, const Pointer& pointer) {
  Value* at = pointer.root == Root::body       ? &document.body
              : pointer.root == Root::raw_form ? &document.raw_form
                                               : nullptr;
  for (const auto& token : pointer.tokens) {
    if (at == nullptr) return nullptr;
    if (at->IsObject()) {
      const auto it = at->FindMember(Value{
          rapidjson::StringRef(token.data(), static_cast<rapidjson::SizeType>(token.size()))});
      at = it == at->MemberEnd() ? nullptr : &it->value;
    } else if (const auto index = parse_int(token);
               at->IsArray() && index && *index >= 0 && *index < at->Size()) {
      at = &(*at)[static_cast<rapidjson::SizeType>(*index)];
    } else {
      at = nullptr;
    }
  }
  return at;
}

Problem unescape_all(Value& value, Arena& arena) {
  if (value.IsString()) {
    auto plain = percent_decode(json::text(value));
    if (!plain) return std::nullopt;  // a lone % in a value that was never escaped
    if (!is_utf8(*plain)) return Error{Errc::bad_encoding, "an escaped value is not UTF-8"};
    value = text_value(*plain, arena);
  } else if (value.IsArray()) {
    for (auto& item : value.GetArray())
      if (auto problem = unescape_all(item, arena)) return problem;
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject())
      if (auto problem = unescape_all(member.value, arena)) return problem;
  }
  return std::nullopt;
}

void lower_keys(Value& value, Arena& arena) {
  if (value.IsArray())
    for (auto& item : value.GetArray()) lower_keys(item, arena);
  if (!value.IsObject()) return;
  for (auto& member : value.GetObject()) {
    member.name = text_value(to_lower(json::text(member.name)), arena);
    lower_keys(member.value, arena);
  }
}

Problem parse_inside(const Pointer& pointer, RequestDocument& out) {
  Value* at = find_mutable(out, pointer);
  if (at == nullptr || !at->IsString() || is_empty(*at)) return std::nullopt;
  const std::string text{json::text(*at)};
  return take_json(text, out, *at);
}

Problem decode_base64(const Pointer& pointer, RequestDocument& out) {
  Value* at = find_mutable(out, pointer);
  if (at == nullptr || !at->IsString() || is_empty(*at)) return std::nullopt;
  const auto plain = from_base64(trim(json::text(*at)));
  if (!plain) return Error{Errc::bad_request, "not base64"};
  if (!is_utf8(*plain)) return Error{Errc::bad_encoding, "base64 of something that is not UTF-8"};
  *at = text_value(*plain, out.arena);
  return std::nullopt;
}

Problem inflate_body(RequestDocument& out) {
  if (!is_gzip(out.text)) return std::nullopt;
  auto plain = gunzip(out.text, kBodyBytesMax);
  if (!plain) return plain.error();
  out.inflated = std::move(*plain);
  out.text = out.inflated;
  return std::nullopt;
}

Problem run_step(const std::string& type, const Decoding& decoding, RequestDocument& out,
                 Value& parsed) {
  switch (decoding.step) {
    case Decoding::Step::auto_:
      return take_auto(type, out, parsed);
    case Decoding::Step::json:
      if (!type.empty() && !is_json_type(type))
        return Error{Errc::unsupported_media_type, "not JSON"};
      return take_body_json(out, parsed);
    case Decoding::Step::form:
      if (!type.empty() && type != kFormType)
        return Error{Errc::unsupported_media_type, "not a form"};
      return take_form(out.text, false, out);
    case Decoding::Step::formraw:
      return take_form(out.text, true, out);
    case Decoding::Step::query:
      out.body.CopyFrom(out.query, out.arena);
      return std::nullopt;
    case Decoding::Step::jwt:
      return take_jwt(out.text, out);
    case Decoding::Step::blocks: {
      auto blocks = parse_blocks(out.text, out.arena);
      if (!blocks) return blocks.error();
      out.body = std::move(*blocks);
      return std::nullopt;
    }
    case Decoding::Step::gunzip:
      return inflate_body(out);
    case Decoding::Step::none:
      return std::nullopt;
    case Decoding::Step::parse:
      return parse_inside(decoding.at, out);
    case Decoding::Step::b64:
      return decode_base64(decoding.at, out);
    case Decoding::Step::lift:
      if (Value* at = find_mutable(out, decoding.at)) {
        Value lifted{std::move(*at)};
        out.body = std::move(lifted);
      }
      return std::nullopt;
    case Decoding::Step::pct:
      return unescape_all(out.body, out.arena);
    case Decoding::Step::lowerkeys:
      lower_keys(out.body, out.arena);
      return std::nullopt;
  }
  return std::nullopt;
}

Problem open_path(const std::string& rest, RequestDocument& out) {
  out.path.SetArray();
  for (std::string_view left = rest; !left.empty();) {
    const auto slash = left.find('/');
    auto segment = percent_decode(left.substr(0, slash));
    if (!segment) return Error{Errc::bad_request, "the path has a broken escape"};
    if (!is_utf8(*segment)) return Error{Errc::bad_encoding, "the path is not UTF-8"};
    if (out.path.Size() == kPathSegmentsMax)
      return Error{Errc::bad_request, "the path has too many segments"};
    out.path.PushBack(text_value(*segment, out.arena), out.arena);
    left.remove_prefix(slash == std::string_view::npos ? left.size() : slash + 1);
  }
  return std::nullopt;
}

}  // namespace

std::string media_type(const HookRequest& request) {
  for (const auto& [name, value] : request.headers)
    if (name == "content-type")
      return to_lower(trim(std::string_view{value}.substr(0, value.find(';'))));
  return {};
}

Problem open_request(const HookRequest& request, RequestDocument& out) {
  out.raw = request.body;
  out.method = text_value(request.method, out.arena);
  if (auto problem = open_path(request.rest, out)) return problem;
  auto query = parse_form(request.query, out.arena);
  if (!query) return query.error();
  out.query = std::move(*query);
  out.header.SetObject();
  for (const auto& [name, value] : request.headers) {
    // Old proxies add Latin-1 text; a dialect cannot mean such a header.
    if (!is_utf8(name) || !is_utf8(value)) continue;
    const Value key{
        rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))};
    const auto known = out.header.FindMember(key);
    if (known == out.header.MemberEnd()) {
      out.header.AddMember(text_value(name, out.arena), text_value(value, out.arena), out.arena);
    } else {
      known->value = text_value(std::string{json::text(known->value)} + ", " + value, out.arena);
    }
  }
  return std::nullopt;
}

Problem decode_body(const HookRequest& request, const std::vector<Decoding>& steps,
                    RequestDocument& out, HookTrace* trace) {
  const std::string type = media_type(request);
  // A handshake may have read the same text as JSON already.
  Value parsed;
  const bool was_parsed = out.is_parsed && !out.body.IsNull();
  if (was_parsed) parsed = std::move(out.body);
  const std::size_t read_before = out.kept.size();
  out.is_parsed = false;
  out.body.SetObject();
  out.raw_form.SetObject();
  out.text = request.body;
  for (const auto& step : steps) {
    auto problem = run_step(type, step, out, parsed);
    if (trace != nullptr)
      trace->decode.push_back({to_text(step), problem ? to_text(*problem) : ""});
    if (problem) return problem;
  }
  const bool is_json = out.kept.size() == read_before + 1 || (was_parsed && parsed.IsNull());
  out.is_parsed =
      is_json && steps.size() == 1 &&
      (steps[0].step == Decoding::Step::json || (steps[0].step == Decoding::Step::auto_ &&
                                                 type != "application/jwt" && !is_token(out.text)));
  return std::nullopt;
}

}  // namespace hookswitch::webhook
