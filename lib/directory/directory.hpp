#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hookswitch {

struct Org {
  std::string id;
  std::string country;  ///< ISO 3166-1 alpha-2, empty if not told
  std::string number;   ///< main number in E.164, empty if not told
};

struct User {
  std::string org, id, name, email;
  std::vector<std::string> extensions;  ///< the first is the one shown to pages
};

/// Who there is: organisations, people and their extensions. Built once from the settings and then
/// never changed, so any thread may read it; a reload makes a new one.
class Directory {
 public:
  Directory() = default;
  Directory(Directory&&) = default;  // pointers into it stay good
  Directory& operator=(Directory&&) = default;
  void add(Org org);
  /// The user's extensions must not belong to another user of the organisation yet (the settings
  /// reader checks).
  void add(User user);

  const Org* find_org(std::string_view org) const;
  const User* find_user(std::string_view org, std::string_view id) const;
  /// nullptr: nobody of that organisation has this extension.
  const User* find_by_ext(std::string_view org, std::string_view ext) const;
  const User* find_by_email(std::string_view org, std::string_view email) const;
  std::vector<const User*> users() const;

 private:
  static std::string key(std::string_view org, std::string_view id);
  std::map<std::string, Org, std::less<>> orgs_;
  std::map<std::string, User> users_;                      // its nodes stay where they are
  std::unordered_map<std::string, const User*> by_ext_;    // org, ext
  std::unordered_map<std::string, const User*> by_email_;  // org, email
};

}  // namespace hookswitch
