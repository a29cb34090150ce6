#pragma once

#include <set>
#include <string>
#include <string_view>

#include "model/party.hpp"
#include "sources/sip/dialog_info.hpp"
#include "sources/sip/settings.hpp"

namespace hookswitch::sip {

/// Who is meant. The user part goes to `ext` when it is watched or read_number() takes it for a
/// line, to `number` when it can be dialled, else only to `presented`, which always has it as
/// received. Anonymous forms leave number and aor empty and keep the name. Pure.
Party to_party(const DialogParty& party, const std::set<std::string, std::less<>>& watched,
               const NumberPlan& numbers = default_numbers());

}  // namespace hookswitch::sip
