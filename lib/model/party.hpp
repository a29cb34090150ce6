#pragma once

#include <string>

namespace hookswitch {

/// One side of a call as a source tells it. An empty member means "not told".
struct Party {
  std::string number;     ///< E.164 with '+' where it is one, else the cleaned digits
  std::string presented;  ///< as received
  std::string ext;
  std::string name;
  std::string aor;  ///< SIP address of record, "sip:101@example.com"

  bool empty() const {
    return number.empty() && presented.empty() && ext.empty() && name.empty() && aor.empty();
  }
  friend bool operator==(const Party&, const Party&) = default;
};

}  // namespace hookswitch
