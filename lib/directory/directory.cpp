#include "directory/directory.hpp"

#include "base/text.hpp"

namespace hookswitch {

std::string Directory::key(std::string_view org, std::string_view id) {
  std::string out{org};
  out += '\x1f';  // not allowed in either, so "a"+"bc" and "ab"+"c" stay apart
  out += id;
  return out;
}

void Directory::add(Org org) { orgs_[org.id] = std::move(org); }

void Directory::add(User user) {
  const User& added =
      users_.insert_or_assign(key(user.org, user.id), std::move(user)).first->second;
  for (const auto& ext : added.extensions) by_ext_[key(added.org, ext)] = &added;
  if (!added.email.empty()) by_email_[key(added.org, to_lower(added.email))] = &added;
}

const Org* Directory::find_org(std::string_view org) const {
  const auto it = orgs_.find(org);
  return it == orgs_.end() ? nullptr : &it->second;
}

const User* Directory::find_user(std::string_view org, std::string_view id) const {
  const auto it = users_.find(key(org, id));
  return it == users_.end() ? nullptr : &it->second;
}

const User* Directory::find_by_ext(std::string_view org, std::string_view ext) const {
  const auto it = by_ext_.find(key(org, ext));
  return it == by_ext_.end() ? nullptr : it->second;
}

const User* Directory::find_by_email(std::string_view org, std::string_view email) const {
  const auto it = by_email_.find(key(org, to_lower(email)));
  return it == by_email_.end() ? nullptr : it->second;
}

std::vector<const User*> Directory::users() const {
  std::vector<const User*> out;
  for (const auto& [at, user] : users_) out.push_back(&user);
  return out;
}

}  // namespace hookswitch
