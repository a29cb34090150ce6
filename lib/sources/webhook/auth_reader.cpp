#include "sources/webhook/auth_reader.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sources/webhook/condition_reader.hpp"
#include "sources/webhook/expr_reader.hpp"

namespace hookswitch::webhook {
namespace {

using json::Value;

std::optional<Auth::Scheme> scheme_of(std::string_view word) {
  for (const auto& [name, scheme] : kSchemes)
    if (name == word) return scheme;
  return std::nullopt;
}

std::string scheme_names() {
  std::string out;
  for (const auto& [name, scheme] : kSchemes) out.append(out.empty() ? "" : " ").append(name);
  return out;
}

class AuthReader {
 public:
  explicit AuthReader(FileReader& in) : in_(in) {}
  Auth auth(const Value& value, const std::string& at);

 private:
  void read_place(const Value& value, const std::string& at, Auth& out);
  bool read_tolerance(const Value& value, const std::string& at, Auth& out);
  void read_timestamp(const Value& value, const std::string& at, Auth& out);
  void read_hash(const Value& value, const std::string& at, Auth& out);
  std::vector<Signed> signed_parts(const Value& object, const std::string& at);
  std::string secret_name(const Value& object, const std::string& at);

  FileReader& in_;
};

std::string AuthReader::secret_name(const Value& object, const std::string& at) {
  const auto name = in_.text(object, at, "secret");
  if (!name || name->empty()) in_.problem(at, "needs the key secret: the name of one");
  in_.note_secret(name.value_or(""));
  return name.value_or("");
}

std::vector<Signed> AuthReader::signed_parts(const Value& object, const std::string& at) {
  std::vector<Signed> out;
  in_.each_of(object, at, "signed", [&](const Value& value, const std::string& place) {
    Signed part;
    const Value* secret = json::find(value, "$secret");
    if (value.IsString() && json::text(value) == "$raw") {
      part.what = Signed::What::raw;
    } else if (value.IsString() && json::text(value) == "$url") {
      part.what = Signed::What::url;
    } else if (value.IsString() && json::text(value).starts_with('$')) {
      in_.problem(place, "must be $raw, $url, {\"$secret\": name} or an expression");
    } else if (secret != nullptr) {
      in_.is_object_of(value, place, {"$secret"});
      part.what = Signed::What::secret;
      part.secret = in_.text(value, place, "$secret").value_or("");
      if (part.secret.empty()) in_.problem(place, "needs the name of a secret");
      in_.note_secret(part.secret);
    } else {
      part.what = Signed::What::value;
      part.value = read_expr(in_, value, place, nullptr);
    }
    out.push_back(std::move(part));
  });
  if (out.empty()) in_.problem(at, "needs the key signed: a list of what is signed");
  return out;
}

void AuthReader::read_hash(const Value& value, const std::string& at, Auth& out) {
  out.hash = in_.word_of(value, at, "hash", {"sha1", "sha256"}, "sha256") == "sha1"
                 ? HashKind::sha1
                 : HashKind::sha256;
  const auto encode = in_.word_of(value, at, "encode", {"hex", "b64", "b64hex"}, "hex");
  out.encode = encode == "b64"      ? Auth::Encode::b64
               : encode == "b64hex" ? Auth::Encode::b64hex
                                    : Auth::Encode::hex;
  out.parts = signed_parts(value, at);
}

void AuthReader::read_place(const Value& value, const std::string& at, Auth& out) {
  const Value *place = json::find(value, "at"), *header = json::find(value, "header");
  if ((place == nullptr) == (header == nullptr))
    return in_.problem(at, "needs one of the keys at and header");
  if (place != nullptr) {
    out.at = in_.pointer(*place, under(at, "at"));
  } else {
    out.at = Pointer{Root::header, {to_lower(in_.text(value, at, "header").value_or(""))}};
  }
  if (const auto prefix = in_.text(value, at, "prefix")) out.prefix = *prefix;
  if (const Value* pick = json::find(value, "pick"))
    out.pick = in_.regex(*pick, under(at, "pick"), 1, 1);
}

/// True if the file gives one.
bool AuthReader::read_tolerance(const Value& value, const std::string& at, Auth& out) {
  const Value* tolerance = json::find(value, "tolerance");
  if (tolerance == nullptr) return false;
  if (!tolerance->IsInt() || tolerance->GetInt() < 1 || tolerance->GetInt() > 86'400) {
    in_.problem(under(at, "tolerance"), "must be 1..86400 seconds");
  } else {
    out.tolerance = std::chrono::seconds{tolerance->GetInt()};
  }
  return true;
}

void AuthReader::read_timestamp(const Value& value, const std::string& at, Auth& out) {
  if (const Value* timestamp = json::find(value, "timestamp"))
    out.timestamp = read_expr(in_, *timestamp, under(at, "timestamp"), nullptr);
  if (read_tolerance(value, at, out) && !out.timestamp)
    in_.problem(under(at, "tolerance"), "means nothing without timestamp");
}

Auth AuthReader::auth(const Value& value, const std::string& at) {
  using Scheme = Auth::Scheme;
  Auth out;
  if (!value.IsObject()) {
    in_.problem(at, "must be an object");
    return out;
  }
  const auto scheme = scheme_of(in_.text(value, at, "scheme").value_or(""));
  if (!scheme) {
    in_.problem(under(at, "scheme"), fmt::format("must be one of: {}", scheme_names()));
    return out;
  }
  out.scheme = *scheme;
  out.when = read_when(in_, value, at);
  const auto known = [&](Names names) {
    std::vector<std::string_view> all{"scheme", "when"};
    all.insert(all.end(), names);
    in_.is_object_of(value, at, all);
  };
  switch (out.scheme) {
    case Scheme::equals:
      known({"at", "header", "prefix", "secret"});
      read_place(value, at, out);
      break;
    case Scheme::bearer:
    case Scheme::basic:
      known({"secret", out.scheme == Scheme::basic ? "user" : "secret"});
      out.prefix = out.scheme == Scheme::basic ? "Basic " : "Bearer ";
      out.at = Pointer{Root::header, {"authorization"}};
      out.user = in_.text(value, at, "user").value_or("");
      break;
    case Scheme::hmac: {
      known({"hash", "encode", "at", "header", "pick", "prefix", "signed", "secret", "key",
             "timestamp", "tolerance"});
      read_place(value, at, out);
      read_hash(value, at, out);
      const auto key = in_.word_of(value, at, "key", {"text", "hex", "b64", "whsec"}, "text");
      out.key = key == "hex"     ? Auth::Key::hex
                : key == "b64"   ? Auth::Key::b64
                : key == "whsec" ? Auth::Key::whsec
                                 : Auth::Key::text;
      read_timestamp(value, at, out);
      break;
    }
    case Scheme::hash: {
      known({"hash", "encode", "at", "header", "pick", "prefix", "signed"});
      read_place(value, at, out);
      read_hash(value, at, out);
      const auto is_secret = [](const Signed& part) { return part.what == Signed::What::secret; };
      if (std::none_of(out.parts.begin(), out.parts.end(), is_secret))
        in_.problem(at, "a hash without {\"$secret\": name} in signed proves nothing");
      return out;
    }
    case Scheme::ed25519:
      known({"encode", "at", "header", "pick", "prefix", "signed", "secret", "key", "timestamp",
             "tolerance"});
      read_place(value, at, out);
      out.encode = in_.word_of(value, at, "encode", {"b64", "hex"}, "b64") == "hex"
                       ? Auth::Encode::hex
                       : Auth::Encode::b64;
      out.key = in_.word_of(value, at, "key", {"b64", "hex"}, "b64") == "hex" ? Auth::Key::hex
                                                                              : Auth::Key::b64;
      out.parts = signed_parts(value, at);
      read_timestamp(value, at, out);
      break;
    case Scheme::jwt_header:
      known({"at", "header", "prefix", "secret", "body_hash", "tolerance"});
      read_place(value, at, out);
      out.body_hash = in_.text(value, at, "body_hash").value_or("");
      out.is_dated = read_tolerance(value, at, out);
      break;
    case Scheme::jwt_body:
      known({"secret"});
      break;
    case Scheme::twilio:
    case Scheme::plivo_v3:
      known({"secret"});
      out.at =
          Pointer{Root::header,
                  {out.scheme == Scheme::twilio ? "x-twilio-signature" : "x-plivo-signature-v3"}};
      break;
  }
  out.secret = secret_name(value, at);
  return out;
}

}  // namespace

Auth read_auth(FileReader& in, const Value& value, const std::string& at) {
  return AuthReader{in}.auth(value, at);
}

}  // namespace hookswitch::webhook
