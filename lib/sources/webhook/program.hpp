#pragma once

#include <re2/re2.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "numbers/numbers.hpp"
#include "sources/webhook/dialect_file.hpp"
#include "sources/webhook/shape.hpp"
#include "sources/webhook/time_zone.hpp"

/// What a dialect file compiles to. Private to the room.
namespace hookswitch::webhook {

// Bounds of one request, beside those of base/limits.hpp.
inline constexpr std::size_t kEachItemsMax =
    64;  // members of a snapshot; the largest PBX ring group is 60
inline constexpr std::size_t kFormNestingMax = 8;  // a[b][c]: Bitrix24 uses two
inline constexpr std::size_t kWorkMax = 200'000;   // steps of evaluation; a usual request takes 100
inline constexpr std::size_t kPathSegmentsMax = 16;
inline constexpr std::size_t kDecodeStepsMax = 8;
inline constexpr std::size_t kSignaturesMax = 8;  // in one header while the sender changes its key
inline constexpr std::size_t kSecretTriesMax = 16;  // two live values of four names
inline constexpr std::size_t kInflateRatioMax =
    100;  // JSON of calls shrinks to a tenth; a bomb to a thousandth
inline constexpr std::size_t kInflateSlackBytes =
    4096;  // ... but a short text may be all repetition
inline constexpr std::size_t kBlockLinesMax =
    256;  // a manager event with all its variables has under 100
inline constexpr std::size_t kBlockFieldsMax = 10'000;  // of all blocks of one body
inline constexpr std::chrono::seconds kTokenSkew{60};   // between a token's maker's clock and ours

// Bounds of one file: a table is compiled anew wherever it is used, so a short file could make a
// program of any size.
inline constexpr std::size_t kProgramPartsMax =
    20'000;  // expressions, conditions, values; the largest of ours makes 320
inline constexpr std::size_t kProblemsMax = 100;  // told of one file: more than a person reads
inline constexpr std::size_t kPartBytes = 256;    // of text to a part: one part holds about as much
inline constexpr std::size_t kTableDepthMax = 8;  // tables that name tables; shipped ones use one

enum class Root { method, path, query, header, body, raw_form, index, item };

inline constexpr std::array<std::pair<std::string_view, Root>, 8> kRoots{
    {{"method", Root::method},
     {"path", Root::path},
     {"query", Root::query},
     {"header", Root::header},
     {"body", Root::body},
     {"raw_form", Root::raw_form},
     {"index", Root::index},
     {"item", Root::item}}};

/// RFC 6901, split; the first token is the root.
struct Pointer {
  Root root = Root::body;
  std::vector<std::string> tokens;
};

using Regex = std::shared_ptr<const RE2>;

/// C of the grammar.
struct Condition {
  enum class Test { all, any, none, equal, absent, present, matches, above, same };
  Test test = Test::all;
  std::vector<Condition> parts;     // all, any, none
  Pointer at, other;                // `other` for same
  std::vector<std::string> values;  // equal: any of them, as text
  bool wanted = true;               // present
  double bound = 0;                 // above
  Regex regex;
};

/// E of the grammar: a tree by value. `of` and `otherwise` hold one or none.
struct Expr {
  enum class Op {
    nothing,
    literal,
    pointer,
    list,
    object,
    first,
    map,
    choose,
    phone,
    time,
    integer,
    boolean,
    multiply,
    seconds,
    match,
    join,
    find,
  };
  Op op = Op::nothing;
  std::shared_ptr<const json::Document> literal;
  Pointer pointer;
  std::vector<std::string> names;      // object: members; map: keys
  std::vector<Expr> parts;             // object and map: by names; list, first, join
  std::vector<Expr> of, otherwise;     // argument; default or else
  std::optional<Condition> condition;  // choose, find
  Regex regex;
  int group = 0;
  std::string text;  // time: format; join: separator
  double factor = 1;
  bool loose = false;  // map: blanks, '_' and '-' do not count
  bool party = false;  // object: a Party, whose number goes on as it was sent
};

struct Decoding {
  enum class Step {
    auto_,
    json,
    form,
    formraw,
    query,
    jwt,
    blocks,
    none,
    parse,
    b64,
    lift,
    pct,
    lowerkeys,
    gunzip
  };
  Step step = Step::auto_;
  Pointer at;
};

inline constexpr std::array<std::pair<std::string_view, Decoding::Step>, 11> kPlainSteps{
    {{"auto", Decoding::Step::auto_},
     {"json", Decoding::Step::json},
     {"form", Decoding::Step::form},
     {"formraw", Decoding::Step::formraw},
     {"query", Decoding::Step::query},
     {"jwt", Decoding::Step::jwt},
     {"blocks", Decoding::Step::blocks},
     {"gunzip", Decoding::Step::gunzip},
     {"none", Decoding::Step::none},
     {"pct", Decoding::Step::pct},
     {"lowerkeys", Decoding::Step::lowerkeys}}};
inline constexpr std::array<std::pair<std::string_view, Decoding::Step>, 3> kStepsAt{
    {{"parse", Decoding::Step::parse},
     {"b64", Decoding::Step::b64},
     {"lift", Decoding::Step::lift}}};

struct Signed {
  enum class What { raw, url, secret, value };
  What what = What::raw;
  std::string secret;
  Expr value;
};

struct Auth {
  enum class Scheme {
    equals,
    bearer,
    basic,
    hmac,
    hash,
    ed25519,
    jwt_header,
    jwt_body,
    twilio,
    plivo_v3
  };
  enum class Encode { hex, b64, b64hex };
  enum class Key { text, hex, b64, whsec };
  Scheme scheme = Scheme::equals;
  Condition when;
  Pointer at;  // where the proof is
  std::string prefix;
  Regex pick;
  std::string secret, user;
  HashKind hash = HashKind::sha256;
  Encode encode = Encode::hex;
  Key key = Key::text;
  std::vector<Signed> parts;
  std::optional<Expr> timestamp;
  std::chrono::seconds tolerance{300};
  std::string body_hash;  // claim that holds the body's SHA-256 in hex
  bool is_dated = false;  // the claim iat must lie within the tolerance
};

inline constexpr std::array<std::pair<std::string_view, Auth::Scheme>, 10> kSchemes{
    {{"equals", Auth::Scheme::equals},
     {"bearer", Auth::Scheme::bearer},
     {"basic", Auth::Scheme::basic},
     {"hmac", Auth::Scheme::hmac},
     {"hash", Auth::Scheme::hash},
     {"ed25519", Auth::Scheme::ed25519},
     {"jwt_header", Auth::Scheme::jwt_header},
     {"jwt_body", Auth::Scheme::jwt_body},
     {"twilio", Auth::Scheme::twilio},
     {"plivo_v3", Auth::Scheme::plivo_v3}}};

struct Handshake {
  Condition when;
  std::vector<Decoding> decode;
  unsigned status = 200;
  std::string content_type = "text/plain";
  std::vector<std::pair<std::string, Expr>> headers;
  Expr body;
};

struct Rule {
  Condition when, filter;
  std::optional<Pointer> each;
  Expr emit;
  bool also = false;
};

struct DecodingByType {
  std::string type;  // lower case; "*" for all others
  std::vector<Decoding> steps;
};

}  // namespace hookswitch::webhook

namespace hookswitch {

class DialectProgram {
 public:
  std::string name;
  std::vector<std::string> event_methods{"POST"};
  std::vector<std::string> all_methods;
  std::vector<webhook::Handshake> handshakes;
  std::vector<webhook::Decoding> decode;
  std::vector<webhook::DecodingByType> decode_by_type;
  std::vector<webhook::Auth> auth;
  bool auth_reads_body = false;  ///< else proven before the body is looked at
  webhook::Expr base;
  std::vector<webhook::Rule> rules;
  std::optional<webhook::Pointer> facts;  ///< instead of rules: facts as they are
  webhook::Expr dedupe;                   ///< the vendor's id of a delivery
  bool repeats_are_news = false;  ///< dedupe false: the same bytes may come again and mean it
  std::string tz;
  bool retries = true;
  NumberPlan numbers;  ///< what the vendor writes; a source may say more
  std::vector<std::string> secrets;
};

}  // namespace hookswitch
