#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hookswitch {

/// The first condition of a `when` or `if` that did not hold.
struct HookMiss {
  std::string pointer;  ///< "/body/event"; "$not" for a condition that held and must not
  std::string
      wanted;  ///< "one of: NOTIFY_START", "present", "above 5", "match ^a", "same as /body/x"
  std::string found;  ///< what is there, as JSON, cut at 200 bytes; "nothing" if nothing is
  bool operator==(const HookMiss&) const = default;
};

/// What one request went through, in order; what was not reached is not there. Holds request data:
/// for the operator who ran it on a request of their own, never for a log or an answer. Secrets and
/// expected signatures are not in it.
struct HookTrace {
  struct Step {
    std::string name;   ///< as in the file: "form", "parse /body/json"
    std::string error;  ///< empty: done. Else the outcome's name and why: "bad_json: …"
  };
  struct Proof {
    std::string place;   ///< "/auth/0"
    std::string scheme;  ///< "hmac"
    bool applied = false, passed = false;
    /// Empty if it passed. Else one of: "when does not hold", "no live secret", "no proof in the
    /// request", "cannot be computed", "does not fit", "too old or too new".
    std::string why;
    HookMiss miss;  ///< of `when`
  };
  struct Try {
    std::string place;  ///< "/handshake/0", "/rules/3"
    bool taken = false;
    HookMiss miss;          ///< of `when`, if it was not taken
    std::size_t items = 0;  ///< looked at by a rule that was taken: 1, or those of `each`
    std::size_t facts = 0;  ///< that came of them
    /// What became of items without a fact, in their order, at most 64 lines: "if does not hold",
    /// "ignored", "no type", "each names no list".
    std::vector<std::string> notes;
    HookMiss item_miss;  ///< of the first `if` that did not hold
  };

  std::vector<Try> handshakes;
  bool method_allowed = false;
  std::vector<Step> decode;  ///< of the body, not of handshakes
  /// What pointers see after decoding, as JSON text: {"method","path","query","header","body",
  /// "raw_form"}; cut at 64 KiB.
  std::string document;
  bool needs_proof = false;  ///< the source has secrets
  std::vector<Proof> auth;
  bool authentic = false;
  std::vector<Try> rules;
};

}  // namespace hookswitch
