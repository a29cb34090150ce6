#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/encoded_frame.hpp"
#include "delivery/history.hpp"

namespace hookswitch {

/// The calls now, each looked up and written once for all who come between two commits. Broker
/// thread.
class Snapshots {
 public:
  struct Entry {
    std::shared_ptr<const Call> call;
    std::vector<Text> people;  ///< who may see it
    const std::string& json() const;

   private:
    mutable std::string json_;
  };

  explicit Snapshots(const History& history) : history_(history) {}
  /// Lives until forget().
  const std::vector<Entry>& of(const std::string& org);
  /// All of them as a JSON array with `end` behind it, written once for all who may see all.
  std::shared_ptr<const FrameRest> whole(const std::string& org, const std::string& end);
  void forget() {
    orgs_.clear();
    wholes_.clear();
  }

 private:
  const History& history_;
  std::unordered_map<std::string, std::vector<Entry>> orgs_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const FrameRest>> wholes_;
};

}  // namespace hookswitch
