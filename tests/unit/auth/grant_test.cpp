#include "auth/grant.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hookswitch {
namespace {

using Audience = std::vector<Text>;

Grant grant(std::string org, std::string user, std::string_view scopes) {
  Grant out;
  out.org = std::move(org);
  out.user = std::move(user);
  out.scopes = parse_scopes(scopes).value();
  return out;
}

TEST(Scopes, AreTheContractsWords) {
  const Grant all = grant("acme", "alice", "events:own events:org commands publish users admin");
  for (const Scope scope : {Scope::events_own, Scope::events_org, Scope::commands, Scope::publish,
                            Scope::users, Scope::admin})
    EXPECT_TRUE(all.allows(scope));
  const Grant one = grant("acme", "alice", "commands");
  EXPECT_TRUE(one.allows(Scope::commands));
  EXPECT_FALSE(one.allows(Scope::events_own));
  EXPECT_FALSE(one.allows(Scope::admin));
  EXPECT_EQ(parse_scopes(""), 0);
}

TEST(Scopes, UnknownWordsRefuseTheWhole) {
  for (const char* text : {"events", "events:all", "events:own x", "EVENTS:OWN",
                           "events:own,commands", "events:*", "*", "events:own\tcommands"})
    EXPECT_EQ(parse_scopes(text), std::nullopt) << text;
}

TEST(Scopes, TextRoundTripsForEverySet) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    const auto scopes = static_cast<std::uint8_t>(bits);
    EXPECT_EQ(parse_scopes(scopes_text(scopes)), scopes) << scopes_text(scopes);
  }
}

TEST(Grant, EndsAtItsTimeNotAfterIt) {
  Grant one;
  EXPECT_FALSE(one.expired(from_unix_ms(INT64_MAX)));
  one.expires = from_unix_ms(1000);
  EXPECT_FALSE(one.expired(from_unix_ms(999)));
  EXPECT_TRUE(one.expired(from_unix_ms(1000)));
}

TEST(MaySee, NobodySeesAnotherOrganisation) {
  const Audience audience{"alice"};
  for (const char* scopes : {"events:own", "events:org", "events:own events:org admin users"})
    EXPECT_FALSE(may_see(grant("globex", "alice", scopes), "acme", audience)) << scopes;
  EXPECT_FALSE(may_see(grant("acm", "alice", "events:org"), "acme", audience));
  EXPECT_FALSE(may_see(grant("", "alice", "events:org"), "acme", audience));
}

TEST(MaySee, OrgScopeSeesAllOwnScopeSeesOwn) {
  const Audience alices{"alice", "bob"}, nobodys;
  EXPECT_TRUE(may_see(grant("acme", "carol", "events:org"), "acme", alices));
  EXPECT_TRUE(may_see(grant("acme", "", "events:org"), "acme", nobodys));
  EXPECT_TRUE(may_see(grant("acme", "bob", "events:own"), "acme", alices));
  EXPECT_FALSE(may_see(grant("acme", "carol", "events:own"), "acme", alices));
  EXPECT_FALSE(may_see(grant("acme", "bo", "events:own"), "acme", alices));
  EXPECT_FALSE(may_see(grant("acme", "bob", "events:own"), "acme", nobodys));
}

TEST(MaySee, WithoutAnEventsScopeNothingIsSeen) {
  const Audience audience{"alice"};
  for (const char* scopes : {"", "commands", "admin", "commands publish users admin"})
    EXPECT_FALSE(may_see(grant("acme", "alice", scopes), "acme", audience)) << scopes;
}

}  // namespace
}  // namespace hookswitch
