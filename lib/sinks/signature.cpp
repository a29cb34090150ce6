#include "sinks/signature.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

constexpr std::string_view kKeyPrefix = "whsec_";
constexpr std::size_t kKeyBytesMin = 24, kKeyBytesMax = 64;
constexpr std::size_t kIdHashBytes = 16;

}  // namespace

Result<Secret> signing_key(const Secret& written) {
  const auto text = written.reveal();
  const auto bytes =
      text.starts_with(kKeyPrefix) ? from_base64(text.substr(kKeyPrefix.size())) : std::nullopt;
  if (!bytes || bytes->size() < kKeyBytesMin || bytes->size() > kKeyBytesMax)
    return Error{Errc::bad_request,
                 "must hold whsec_ and the base64 of 24 to 64 bytes; make one with: echo "
                 "whsec_$(openssl rand -base64 32)"};
  return Secret{*bytes};
}

std::string webhook_signature(const std::vector<Secret>& keys, std::string_view id,
                              std::int64_t seconds, std::string_view body) {
  std::string text{id};
  text += '.';
  text += std::to_string(seconds);
  text += '.';
  text += body;
  std::string out;
  for (const auto& key : keys) {
    if (!out.empty()) out += ' ';
    out += "v1," + to_base64(hmac(HashKind::sha256, key.reveal(), text));
  }
  return out;
}

std::string webhook_id(std::string_view org, std::string_view sink, const Cursor& cursor,
                       std::size_t part) {
  std::string text;
  for (const std::string_view one : {org, sink, std::string_view{cursor.epoch}})
    text += std::to_string(one.size()) + ":" + std::string{one};
  text += std::to_string(cursor.offset) + "." + std::to_string(part);
  // Without a dot: one would end the id in what is signed.
  return "msg_" + to_hex(digest(HashKind::sha256, text).substr(0, kIdHashBytes));
}

}  // namespace hookswitch
