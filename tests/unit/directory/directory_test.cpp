#include "directory/directory.hpp"

#include <gtest/gtest.h>

namespace hookswitch {
namespace {

Directory two_orgs() {
  Directory out;
  out.add(Org{"acme", "US", "+12025550100"});
  out.add(Org{"globex", "DE", ""});
  out.add(User{"acme", "alice", "Alice", "Alice@Example.com", {"101", "201"}});
  out.add(User{"globex", "alice", "Other", "alice@example.com", {"101"}});
  return out;
}

TEST(Directory, FindsPeopleByIdExtensionAndMailWithinTheirOrganisation) {
  const Directory directory = two_orgs();
  EXPECT_EQ(directory.find_user("acme", "alice")->name, "Alice");
  EXPECT_EQ(directory.find_user("globex", "alice")->name, "Other");
  EXPECT_EQ(directory.find_by_ext("acme", "201")->name, "Alice");
  EXPECT_EQ(directory.find_by_ext("globex", "101")->name, "Other");
  EXPECT_EQ(directory.find_by_ext("globex", "201"), nullptr);
  EXPECT_EQ(directory.find_by_email("acme", "ALICE@example.COM")->name, "Alice");
  EXPECT_EQ(directory.find_by_email("globex", "alice@example.com")->name, "Other");
  EXPECT_EQ(directory.find_org("acme")->number, "+12025550100");
}

TEST(Directory, AnswersNothingForStrangers) {
  const Directory directory = two_orgs();
  EXPECT_EQ(directory.find_org("initech"), nullptr);
  EXPECT_EQ(directory.find_org(""), nullptr);
  EXPECT_EQ(directory.find_user("acme", "bob"), nullptr);
  EXPECT_EQ(directory.find_user("", ""), nullptr);
  EXPECT_EQ(directory.find_by_ext("acme", ""), nullptr);
  EXPECT_EQ(directory.find_by_email("acme", ""), nullptr);
}

TEST(Directory, JoinedNamesOfTwoOrganisationsStayApart) {
  Directory directory;
  directory.add(User{"a", "bc", "One", "", {"1"}});
  directory.add(User{"ab", "c", "Two", "", {"1"}});
  EXPECT_EQ(directory.find_user("a", "bc")->name, "One");
  EXPECT_EQ(directory.find_user("ab", "c")->name, "Two");
  EXPECT_EQ(directory.users().size(), 2U);
}

TEST(Directory, UsersWithoutMailAreNotFoundByNoMail) {
  Directory directory;
  directory.add(User{"acme", "bob", "Bob", "", {}});
  EXPECT_EQ(directory.find_by_email("acme", ""), nullptr);
}

}  // namespace
}  // namespace hookswitch
