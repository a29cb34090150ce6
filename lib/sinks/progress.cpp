#include "sinks/progress.hpp"

#include <algorithm>
#include <iterator>

#include "base/json.hpp"

namespace hookswitch {

bool Progress::is_done(std::uint64_t offset) const {
  if (offset <= accepted_) return true;
  auto it = beyond_.upper_bound(offset);
  return it != beyond_.begin() && std::prev(it)->second >= offset;
}

void Progress::done(std::uint64_t first, std::uint64_t last) {
  first = std::max(first, accepted_ + 1);
  if (last < first) return;
  // Takes in what it touches.
  auto it = beyond_.upper_bound(first);
  if (it != beyond_.begin() && std::prev(it)->second + 1 >= first) --it;
  while (it != beyond_.end() && it->first <= last + 1) {
    first = std::min(first, it->first);
    last = std::max(last, it->second);
    it = beyond_.erase(it);
  }
  if (first == accepted_ + 1)
    accepted_ = last;
  else
    beyond_[first] = last;
}

std::uint64_t Progress::skip(std::uint64_t offset) const {
  if (offset < accepted_) return accepted_;
  const auto it = beyond_.upper_bound(offset + 1);
  if (it == beyond_.begin()) return offset;
  const auto& [first, last] = *std::prev(it);
  return first <= offset + 1 ? std::max(last, offset) : offset;
}

std::string Progress::encode(std::string_view org) const {
  json::Writer out;
  out.begin_object().member("org", org).member("epoch", epoch_);
  out.member("accepted", static_cast<std::int64_t>(accepted_)).key("done").begin_array();
  for (const auto& [first, last] : beyond_) {
    out.begin_array();
    out.integer(static_cast<std::int64_t>(first)).integer(static_cast<std::int64_t>(last));
    out.end_array();
  }
  out.end_array().end_object();
  return out.str();
}

std::optional<Progress> Progress::decode(std::string_view text, std::string_view org) {
  const auto document = json::parse(text, {.bytes_max = text.size() + 1});
  if (!document) return std::nullopt;
  const auto whose = json::find_string(*document, "org"),
             epoch = json::find_string(*document, "epoch");
  const auto accepted = json::find_int(*document, "accepted");
  const json::Value* done = json::find(*document, "done");
  if (whose != org || !epoch || !accepted || *accepted < 0 || done == nullptr || !done->IsArray())
    return std::nullopt;
  Progress out{std::string{*epoch}, static_cast<std::uint64_t>(*accepted)};
  for (const auto& each : done->GetArray()) {
    if (!each.IsArray() || each.Size() != 2 || !each[0].IsUint64() || !each[1].IsUint64())
      return std::nullopt;
    out.done(each[0].GetUint64(), each[1].GetUint64());
  }
  return out;
}

}  // namespace hookswitch
