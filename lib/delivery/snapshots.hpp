#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

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
  void forget() { orgs_.clear(); }

 private:
  const History& history_;
  std::unordered_map<std::string, std::vector<Entry>> orgs_;
};

}  // namespace hookswitch
