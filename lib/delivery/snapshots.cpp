#include "delivery/snapshots.hpp"

namespace hookswitch {

const std::string& Snapshots::Entry::json() const {
  if (json_.empty()) {
    json::Writer out;
    write_json(out, *call);
    json_ = out.str();
  }
  return json_;
}

const std::vector<Snapshots::Entry>& Snapshots::of(const std::string& org) {
  const auto [it, fresh] = orgs_.try_emplace(org);
  if (fresh)
    for (auto& call : history_.live(org)) {
      Entry entry;
      entry.people = people_in(*call);
      entry.call = std::move(call);
      it->second.push_back(std::move(entry));
    }
  return it->second;
}

std::shared_ptr<const FrameRest> Snapshots::whole(const std::string& org, const std::string& end) {
  auto& out = wholes_[{org, end}];
  if (out) return out;
  json::Writer array;
  array.begin_array();
  for (const auto& entry : of(org)) array.raw(entry.json());
  array.end_array();
  out = std::make_shared<const FrameRest>(array.str() + end);
  return out;
}

}  // namespace hookswitch
