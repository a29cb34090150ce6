#include "hook_request.hpp"
#include "sources/webhook/blocks.hpp"
#include "sources/webhook/form.hpp"
#include "sources/webhook/gzip.hpp"
#include "sources/webhook/jwt.hpp"

/// Any bytes, as each decoder reads them: what it makes is bounded, is valid, and says what came.
/// The first byte names the decoder.
namespace hookswitch {
namespace {

using namespace webhook;

void check_json(const json::Value& value) {
  const std::string text = json::to_string(value);
  fuzz::check(static_cast<bool>(json::parse(text, {64u << 20, 64, 10'000'000})),
              "what a decoder makes writes valid JSON");
}

void form(std::string_view text) {
  json::Document::AllocatorType arena;
  if (const auto fields = form_fields(text)) {
    fuzz::check(fields->size() <= kFormFieldsMax, "fields are bounded");
    std::string again;
    for (const auto& [name, value] : *fields)
      again += percent_encode(name) + "=" + percent_encode(value) + "&";
    const auto twice = form_fields(again);
    fuzz::check(twice && *twice == *fields, "fields that are written read the same");
  }
  for (auto* parse : {&parse_form, &parse_flat_form, &parse_raw_form})
    if (const auto out = parse(text, arena)) check_json(*out);
}

void blocks(std::string_view text) {
  json::Document::AllocatorType arena;
  const auto out = parse_blocks(text, arena);
  if (!out) return;
  check_json(*out);
  for (const auto& block : out->GetArray())
    fuzz::check(block.IsObject() && !block.ObjectEmpty(), "blocks are objects with members");
}

void gzip(std::string_view text) {
  const auto out = gunzip(text, kBodyBytesMax);
  fuzz::check(!out || out->size() <= kBodyBytesMax, "what is inflated is bounded");
  fuzz::check(!out || is_gzip(text), "only gzip is inflated");
}

void token(std::string_view text) {
  const auto out = split_jws(text);
  if (!out) return;
  const std::string again = to_base64url(out->header) + "." + to_base64url(out->claims) + "." +
                            to_base64url(out->signature);
  fuzz::check(again == trim(text), "a token has one spelling");
  (void)is_hs256_by(*out, "k");
}

/// Steps that work on what another step left.
void nested(std::string_view text) {
  static const Hook hook = [] {
    return Hook{
        fuzz::program_of(
            R"({"dialect":"n","decode":["gunzip","auto",{"b64":"/body/b"},{"parse":"/body/b"},{"parse":"/body/p"},
                        {"lift":"/body/p"},"pct","lowerkeys"],"rules":[{"emit":{"type":"updated","variables":"/body"}}]})"),
        {}};
  }();
  HookRequest request{"POST", "", "", {}, std::string{text}, {}};
  fuzz::check_outcome(hook.handle(request));
}

}  // namespace
}  // namespace hookswitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hookswitch;
  if (size == 0) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0]) {
    case 'f':
      form(text);
      break;
    case 'b':
      blocks(text);
      break;
    case 'g':
      gzip(text);
      break;
    case 'j':
      token(text);
      break;
    default:
      nested(text);
  }
  return 0;
}
