#pragma once

#include "base/shared_text.hpp"

namespace hookswitch {

/// One side of a call as a source tells it. An empty member means "not told".
struct Party {
  Text number;     ///< E.164 with '+' where it is one, else the cleaned digits
  Text presented;  ///< as received
  Text ext;
  Text name;
  Text aor;  ///< SIP address of record, "sip:101@example.com", or the id of a user

  bool empty() const {
    return number.empty() && presented.empty() && ext.empty() && name.empty() && aor.empty();
  }
  friend bool operator==(const Party&, const Party&) = default;
};

}  // namespace hookswitch
