#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "sinks/progress.hpp"
#include "sinks/retry_after.hpp"
#include "sinks/signature.hpp"
#include "sinks/sink_store.hpp"
#include "support/temp_folder.hpp"

namespace hookswitch {
namespace {

// The example of the specification's own libraries: a key, an id, a time and a body.
TEST(WebhookSignature, IsThatOfTheSpecification) {
  const auto key = signing_key(Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
  ASSERT_TRUE(key);
  EXPECT_EQ(webhook_signature({*key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                              R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_EQ(webhook_signature({*key, *key}, "a", 1, "b").find(" v1,"), 47U);
}

TEST(SigningKey, IsBase64OfEnoughBytesWithItsPrefix) {
  const auto of = [](std::size_t bytes) { return "whsec_" + to_base64(std::string(bytes, 'k')); };
  EXPECT_TRUE(signing_key(Secret{of(24)}));
  EXPECT_TRUE(signing_key(Secret{of(64)}));
  for (const auto& text : {of(23), of(65), to_base64(std::string(32, 'k')), std::string{"whsec_"},
                           std::string{"whsec_not base64!!"}, of(32) + "\n"})
    EXPECT_FALSE(signing_key(Secret{text}));
}

TEST(WebhookId, IsOneForEachMessageOfEachSink) {
  const Cursor cursor{"3f9c1a7e", 1532};
  std::set<std::string> ids;
  for (const char* org : {"acme", "acm"})
    for (const char* sink : {"crm", "ecrm", "crm2"})
      for (const auto& place : {cursor, Cursor{"3f9c1a7e", 153}, Cursor{"3f9c1a7f", 1532}})
        for (const std::size_t part : {0U, 1U, 2U}) ids.insert(webhook_id(org, sink, place, part));
  EXPECT_EQ(ids.size(), 2U * 3 * 3 * 3);
  EXPECT_EQ(webhook_id("acme", "crm", cursor, 0), webhook_id("acme", "crm", cursor, 0));
  EXPECT_EQ(ids.begin()->find('.'), std::string::npos);
}

TEST(Progress, PassesNoEventThatIsNotDealtWith) {
  Progress place{"e", 10};
  place.done(12);
  place.done(14, 16);
  EXPECT_EQ(place.accepted(), 10U);
  EXPECT_TRUE(place.is_done(12));
  EXPECT_FALSE(place.is_done(13));
  EXPECT_EQ(place.stretches(), 2U);
  place.done(13);
  EXPECT_EQ(place.stretches(), 1U);
  place.done(11);
  EXPECT_EQ(place.accepted(), 16U);
  EXPECT_EQ(place.stretches(), 0U);
  place.done(3, 9);
  EXPECT_EQ(place.accepted(), 16U);
}

TEST(Progress, AgreesWithASetOfEvents) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL;
    Progress place{"e", 0};
    std::set<std::uint64_t> done;
    for (int i = 0; i < 40; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      const std::uint64_t first = (state >> 33) % 60 + 1, last = first + (state >> 50) % 4;
      place.done(first, last);
      for (auto at = first; at <= last; ++at) done.insert(at);
      std::uint64_t accepted = 0;
      while (done.contains(accepted + 1)) ++accepted;
      ASSERT_EQ(place.accepted(), accepted) << seed;
      for (std::uint64_t at = 1; at < 66; ++at) {
        ASSERT_EQ(place.is_done(at), done.contains(at)) << seed;
        std::uint64_t skip = at;
        while (done.contains(skip + 1)) ++skip;
        ASSERT_EQ(place.skip(at), skip) << seed << " " << at;
      }
      const auto again = Progress::decode(place.encode("acme"), "acme");
      ASSERT_TRUE(again);
      ASSERT_EQ(again->encode("acme"), place.encode("acme"));
    }
  }
}

TEST(Progress, IsReadOnlyWhereItIsWholeAndOfThisOrganisation) {
  const std::string good = Progress{"e", 7}.encode("acme");
  EXPECT_TRUE(Progress::decode(good, "acme"));
  EXPECT_FALSE(Progress::decode(good, "other"));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(Progress::decode(good.substr(0, size), "acme"));
  for (const char* text : {R"({"org":"acme","epoch":"e","accepted":-1,"done":[]})",
                           R"({"org":"acme","epoch":"e","accepted":1,"done":[[1]]})",
                           R"({"org":"acme","epoch":"e","accepted":1,"done":[[-1,2]]})",
                           R"({"org":"acme","epoch":"e","accepted":1})", R"([])"})
    EXPECT_FALSE(Progress::decode(text, "acme")) << text;
}

TEST(RetryAfter, IsSecondsOrADateFromNowOn) {
  const Time now = *parse_rfc3339("1994-11-06T08:49:07Z");
  using std::chrono::seconds;
  EXPECT_EQ(parse_retry_after("120", now), seconds{120});
  EXPECT_EQ(parse_retry_after(" 1 ", now), seconds{1});
  EXPECT_EQ(parse_retry_after("99999999", now), kRetryAfterMax);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), seconds{30});
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 2094 08:49:37 GMT", now), kRetryAfterMax);
  for (const char* text : {"", "0", "-5", "soon", "1.5", "Sun, 06 Nov 1994 08:49:06 GMT",
                           "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Xxx 1994 08:49:37 GMT",
                           "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 99 Nov 2094 08:49:37 GMT"})
    EXPECT_FALSE(parse_retry_after(text, now)) << text;
}

DeadLetter letter(const std::string& id, std::size_t bytes = 10) {
  return {id,
          "call c1",
          "call.ended",
          "c1",
          "e.7",
          "status 400",
          std::string(bytes, 'b'),
          12,
          *parse_rfc3339("2026-11-20T15:00:00Z")};
}

TEST(SinkStore, RemembersPlaceAndLetters) {
  const testing_support::TempFolder folder;
  {
    SinkStore store{folder.path("sinks"), "acme", "crm"};
    EXPECT_FALSE(store.load());
    Progress place{"e", 5};
    place.done(9);
    ASSERT_TRUE(store.save(place));
    ASSERT_TRUE(store.bury(letter("msg_1")));
    ASSERT_TRUE(store.bury(letter("msg_2")));
    ASSERT_TRUE(store.bury(letter("msg_1")));  // once more after a crash
  }
  SinkStore store{folder.path("sinks"), "acme", "crm"};
  ASSERT_TRUE(store.load());
  EXPECT_EQ(store.load()->accepted(), 5U);
  EXPECT_TRUE(store.load()->is_done(9));
  ASSERT_EQ(store.dead(), 2U);
  EXPECT_EQ(store.letters(0, 10)[0].id, "msg_2");
  EXPECT_EQ(store.letters(1, 10)[0].id, "msg_1");
  EXPECT_EQ(store.letter("msg_1")->body, letter("msg_1").body);
  EXPECT_EQ(store.letter("msg_1")->at, letter("msg_1").at);
  store.raise("msg_2");
  EXPECT_EQ((SinkStore{folder.path("sinks"), "acme", "crm"}.dead()), 1U);
  EXPECT_FALSE((SinkStore{folder.path("sinks"), "other", "crm"}.load()));
  struct stat info {};
  ASSERT_EQ(::stat(folder.path("sinks/crm.cursor").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(SinkStore, TheOldestLettersMakeRoom) {
  SinkStore store{"", "acme", "crm"};
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < kDeadLettersMax + 5; ++i)
    dropped += *store.bury(letter("msg_" + std::to_string(i)));
  EXPECT_EQ(dropped, 5U);
  EXPECT_EQ(store.dead(), kDeadLettersMax);
  EXPECT_FALSE(store.letter("msg_4"));
  EXPECT_TRUE(store.letter("msg_5"));
  EXPECT_EQ(*store.bury(letter("large", kDeadBytesMax)), kDeadLettersMax);
  EXPECT_EQ(store.dead(), 1U);
}

TEST(SinkStore, SaysWhereItCannotWrite) {
  const testing_support::TempFolder folder;
  const std::string file = folder.write("a-file", "x");
  SinkStore store{file + "/sinks", "acme", "crm"};
  EXPECT_FALSE(store.save({"e", 1}));
  const auto buried = store.bury(letter("msg_1"));
  ASSERT_FALSE(buried);
  EXPECT_EQ(buried.error().code, Errc::journal_io);
  EXPECT_EQ(store.dead(), 0U);
}

TEST(SinkStore, AFileThatIsNoPlaceIsNone) {
  const testing_support::TempFolder folder;
  SinkStore store{folder.path(), "acme", "crm"};
  folder.write("crm.cursor", "{");
  EXPECT_FALSE(store.load());
  std::filesystem::create_directories(folder.path("crm.dead"));
  folder.write("crm.dead/000000000001-msg_1.json", "not json");
  folder.write("crm.dead/notes.txt", "");
  SinkStore again{folder.path(), "acme", "crm"};
  EXPECT_EQ(again.dead(), 1U);
  EXPECT_TRUE(again.letters(0, 10).empty());
}

}  // namespace
}  // namespace hookswitch
