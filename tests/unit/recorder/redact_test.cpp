#include "recorder/redact.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "recorder/redact_names.hpp"
#include "recorder/replay.hpp"
#include "unit/recorder/recording_bench.hpp"

namespace hookswitch::recorder_test {
namespace {

/// A call in which every member of a fact that can tell of somebody tells of somebody.
Fact full(FactType type, std::int64_t ms) {
  Fact out = say(type, ms, "vendor-call-8a2f17");
  out.ids.leg = "vendor-leg-8a2f17-2";
  out.ids.sip.emplace_back("a84b4c76e66710@gw.jane-telecom.example");
  out.ids.session = "AB30317F1A784DC48FF824D0D3715D86;remote=00000000000000000000000000000000";
  out.direction = Direction::inbound;
  out.from.number = "+442079460018";
  out.from.presented = "020 7946 0018";
  out.from.name = "Jane Q. Caller";
  out.from.aor = "sip:+442079460018@sbc.jane-telecom.example:5070;user=phone";
  out.to.number = "+12025550100";
  out.to.presented = "12025550100";
  out.to.ext = "101";
  out.to.name = "Alice Agent";
  out.to.aor = "sip:101@pbx.acme.example";
  out.did = "+12025550100";
  out.agent.ext = "101";
  out.agent.id = "alice";
  out.agent.name = "Alice Agent";
  out.agent.email = "Alice@Acme.Example";
  out.customer.number = "+442079460018";
  out.customer.name = "Jane Quincy Caller";
  out.queue = "Acme Gold Customers";
  out.reason = "Jane hung up";
  out.headers = {{"X-Subject", "Order of Jane Caller"}, {"X-CID", "cid-77-jane"}};
  out.variables = {{"order-id", "4711"}, {"caller", "+442079460018"}, {"00442079460018", "vip"}};
  out.custom_data = R"({"contact":"jane.caller@mail.example","phone":"020 7946 0018"})";
  return out;
}

RecordingBench& rich() {
  static RecordingBench* const kBench = [] {
    auto* bench = new RecordingBench;
    Fact recording = full(FactType::recording, 61'000);
    recording.recording.id = "rec-of-jane-1";
    recording.recording.url = "https://files.acme.example/rec-of-jane-1.wav?who=jane";
    Fact other = full(FactType::ringing, 2000);
    other.ids = {};
    other.ids.call.emplace_back("vendor-call-9b3e");
    other.headers["X-CID"] = "cid-78-jane";
    other.agent.ext = other.to.ext = "102";
    other.to.name = other.agent.name = "Bob Builder";
    other.agent.id = "bob";
    other.agent.email = "bob@acme.example";
    Fact same = full(FactType::answered, 4000);
    same.ids.call.emplace_back("vendor-call-9b3e");
    Fact transfer = full(FactType::transferred, 50'000);
    transfer.transfer.kind = "blind";
    transfer.transfer.to.ext = "103";
    transfer.transfer.to.name = "Carol Clerk";
    transfer.transfer.to.number = "+12025550177";
    RawInput raw{"acme", "pbx", at_ms(0), "POST", "/v1/hooks/pbx", {}, "caller=%2B442079460018"};
    bench->raw = bench->recorder.raw(raw);
    bench->turn({full(FactType::started, 0)});
    bench->feed({full(FactType::ringing, 1000), other, same, full(FactType::held, 9000),
                 full(FactType::resumed, 11'000), transfer, full(FactType::ended, 60'000),
                 recording});
    return bench;
  }();
  return *kBench;
}

Bundle rich_bundle() {
  auto out = rich().bundle("vendor-call-8a2f17");
  EXPECT_TRUE(out) << out.error().detail;
  return out ? *out : Bundle{};
}

Bundle redacted(const Bundle& bundle) {
  auto out = redact(bundle);
  EXPECT_TRUE(out) << out.error().detail;
  return out ? *out : Bundle{};
}

/// Every text of every line, also of the JSON in it, with the name of its member.
void each_text(const json::Value& value, const std::string& name,
               const std::function<void(const std::string&, const std::string&)>& see) {
  if (value.IsString()) {
    const std::string text{json::text(value)};
    if (name == "out") {
      const auto frame = json::parse(text);
      ASSERT_TRUE(frame);
      return each_text(*frame, "", see);
    }
    return see(name, text);
  }
  if (value.IsArray())
    for (const auto& item : value.GetArray()) each_text(item, name, see);
  if (value.IsObject())
    for (const auto& item : value.GetObject()) {
      see("", std::string{json::text(item.name)});
      each_text(item.value, std::string{json::text(item.name)}, see);
    }
}

void each_text(const Bundle& bundle,
               const std::function<void(const std::string&, const std::string&)>& see) {
  const std::string text = write_bundle(bundle);
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    const auto line = json::parse(rest.substr(0, rest.find('\n')), own_line_limits());
    ASSERT_TRUE(line);
    each_text(*line, "", see);
  }
}

TEST(Redaction, RichBundleReplaysBeforeAndAfter) {
  const Bundle before = rich_bundle();
  ASSERT_GT(before.events.size(), 8u);
  ASSERT_EQ(before.calls.size(), 2u);  // a merge is in it
  EXPECT_EQ(before.known_problem, "");
  const Bundle after = redacted(before);
  const auto difference = replay(after).difference;
  EXPECT_FALSE(difference) << difference->text();
  EXPECT_EQ(after.events.size(), before.events.size());
  EXPECT_TRUE(after.redacted);
}

/// The proof: nothing that a person, a number, a host or an id was called by is in the bytes.
TEST(Redaction, NoNumberAndNoNameIsInTheBytes) {
  const std::string bytes = write_bundle(redacted(rich_bundle()));
  for (const char* text :
       {"442079460018", "2079460018", "7946",     "12025550100", "2025550100",  "2025550177",
        "Jane",         "jane",       "JANE",     "Quincy",      "Caller",      "Alice",
        "alice",        "Bob",        "bob",      "Builder",     "Carol",       "carol",
        "Clerk",        "Acme",       "acme",     "Gold",        "vendor-call", "vendor-leg",
        "8a2f17",       "a84b4c76",   "AB30317F", "ab30317f",    "telecom",     "files.",
        "rec-of",       "cid-7",      "Order",    "4711",        "hung",        "\"pbx\"",
        "3f9c1a7e",     "vip"})
    EXPECT_EQ(bytes.find(text), std::string::npos) << text;
}

TEST(Redaction, EveryTextThatWasCollectedIsGone) {
  const Bundle before = rich_bundle();
  const auto hidden = private_texts(before);
  ASSERT_GT(hidden.size(), 40u);
  const std::set<std::string> texts{hidden.begin(), hidden.end()};
  std::size_t seen = 0;
  each_text(redacted(before), [&](const std::string& name, const std::string& text) {
    ++seen;
    EXPECT_FALSE(texts.contains(text)) << name << ": " << text;
    for (const auto& one : hidden) {
      if (one.size() >= 6) {
        EXPECT_EQ(text.find(one), std::string::npos) << name << ": " << text;
      }
    }
  });
  EXPECT_GT(seen, 500u);
}

/// The collector itself is held against the bundle: what it does not collect must be harmless.
TEST(Redaction, WhatIsNotCollectedIsAWordATimeOrALeg) {
  const Bundle before = rich_bundle();
  const auto hidden = private_texts(before);
  const std::set<std::string> texts{hidden.begin(), hidden.end()};
  const std::set<std::string> harmless{"US", "1.0", "application/json", kVersion, "blind", "x-cid"};
  Bundle bare = before;
  for (auto& input : bare.inputs) input.raw.clear();
  each_text(bare, [&](const std::string& name, const std::string& text) {
    if (name.empty() || texts.contains(text) || harmless.contains(text) || text.empty()) return;
    const bool composed = name == "aor" || name == "session" || name == "cursor" ||
                          name == "email" || name == "id" || name == "source" || name == "value";
    const bool of_leg = text.size() == 2 && text.front() == 'l';
    const bool word = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz._") == std::string::npos;
    EXPECT_TRUE(composed || of_leg || word || parse_rfc3339(text)) << name << ": " << text;
  });
}

TEST(Redaction, SameIsSameAndDifferentIsDifferent) {
  const Bundle after = redacted(rich_bundle());
  const Fact& first = after.inputs[2].fact;
  EXPECT_TRUE(first.from.number == first.customer.number);
  EXPECT_TRUE(first.to.number == first.did);
  EXPECT_FALSE(first.from.number == first.to.number);
  EXPECT_TRUE(first.to.ext == first.agent.ext);
  EXPECT_EQ(std::string{std::string_view{first.to.ext}}.size(), 3u);
  const auto& directory = *after.inputs[1].directory;
  const std::string org{std::string_view{first.org}}, ext{std::string_view{first.to.ext}},
      id{std::string_view{first.agent.id}};
  ASSERT_NE(directory.find_by_ext(org, ext), nullptr);
  EXPECT_EQ(directory.find_by_ext(org, ext)->id, id);
  EXPECT_EQ(directory.find_org(org)->country, "US");
}

TEST(Redaction, SaysWhatItDroppedAndIsTheSameEveryTime) {
  const Bundle before = rich_bundle();
  EXPECT_FALSE(before.inputs[2].raw.empty());
  const Bundle after = redacted(before);
  EXPECT_TRUE(after.inputs[2].raw.empty());
  EXPECT_EQ(after.notes, std::vector<std::string>{"1 raw inputs were dropped"});
  EXPECT_EQ(write_bundle(after), write_bundle(redacted(before)));
}

TEST(Redaction, TimesAndCountsStay) {
  const Bundle before = rich_bundle(), after = redacted(before);
  ASSERT_EQ(after.inputs.size(), before.inputs.size());
  for (std::size_t i = 0; i < after.inputs.size(); ++i)
    EXPECT_EQ(after.inputs[i].at, before.inputs[i].at);
  EXPECT_NE(after.events[0].frame.find(".1500\""), std::string::npos);
}

TEST(Redaction, TextAtAnUnknownPlaceIsReplacedToo) {
  Bundle bundle = rich_bundle();
  auto& frame = bundle.events[0].frame;
  frame.insert(frame.size() - 2, R"(,"novelty":{"who":["Mallory"],"state":"ended"})");
  const Bundle after = redacted(bundle);
  EXPECT_EQ(after.events[0].frame.find("Mallory"), std::string::npos);
  EXPECT_NE(after.events[0].frame.find(R"("novelty":{"who":["text)"), std::string::npos);
  EXPECT_NE(after.events[0].frame.find(R"("state":"ended"})"), std::string::npos);
}

TEST(Redaction, AmendmentsAreReplacedByWhatTheirFieldTells) {
  Bundle bundle = rich_bundle();
  auto& frame = bundle.events[0].frame;
  frame.insert(frame.size() - 2,
               R"(,"amended":[{"field":"legs.l2.user","old":"alice","new":"bob"},)"
               R"({"field":"disposition","old":"busy","new":null},)"
               R"({"field":"customer.number","old":"+442079460018","new":"+12025550177"}])");
  const Bundle after = redacted(bundle);
  const std::string& told = after.events[0].frame;
  const Fact& fact = after.inputs[2].fact;
  EXPECT_NE(told.find(R"("old":")" + std::string{std::string_view{fact.agent.id}} + "\""),
            std::string::npos);
  EXPECT_NE(told.find(R"("old":"busy","new":null)"), std::string::npos);
  EXPECT_NE(told.find(R"("old":")" + std::string{std::string_view{fact.from.number}} + "\""),
            std::string::npos);
  EXPECT_EQ(told.find("alice"), std::string::npos);
}

TEST(Redaction, OddAddressesEndToo) {
  Bundle bundle = rich_bundle();
  const std::vector<std::string> odd{
      "sip:", "sips:@", "@", "sip:sip:sip:x", "tel:", "sip:jane", "jane@", ":;@:;", "sip:a@b@c"};
  for (std::size_t i = 0; i < odd.size(); ++i) {
    bundle.inputs[2].fact.from.aor = odd[i];
    bundle.inputs[2].fact.from.name = odd[odd.size() - 1 - i];
    const std::string bytes = write_bundle(redacted(bundle));
    EXPECT_EQ(bytes.find("jane"), std::string::npos) << odd[i];
  }
}

// --- pseudonyms ------------------------------------------------------------------------------

std::vector<std::string> names_for(Telling kind, const std::vector<std::string>& texts) {
  Pseudonyms names;
  for (const auto& text : texts) names.add(kind, text);
  names.assign();
  std::vector<std::string> out;
  for (const auto& text : texts) out.push_back(names.of(text));
  return out;
}

TEST(Pseudonyms, FormsOfOneNumberStayFormsOfOneNumber) {
  EXPECT_EQ(names_for(Telling::number, {"+442079460018", "442079460018", "00442079460018",
                                        "02079460018", "2079460018", "020 7946 0018"}),
            (std::vector<std::string>{"+12025550100", "12025550100", "0012025550100", "02025550100",
                                      "2025550100", "020 2555 0100"}));
}

TEST(Pseudonyms, ShortFormOfTwoNumbersIsNeither) {
  const auto out = names_for(Telling::number, {"+12025551234", "+13035551234", "5551234"});
  EXPECT_EQ(std::set(out.begin(), out.end()).size(), 3u);
  EXPECT_NE(out[0].substr(5), out[2]);
  EXPECT_NE(out[1].substr(5), out[2]);
}

TEST(Pseudonyms, NumbersThatAreFictitiousAlreadyAreReplacedByOthers) {
  std::vector<std::string> texts;
  for (int i = 100; i < 150; ++i) texts.push_back("+12025550" + std::to_string(i));
  const std::set<std::string> before{texts.begin(), texts.end()};
  for (const auto& name : names_for(Telling::number, texts)) {
    EXPECT_FALSE(before.contains(name)) << name;
    EXPECT_TRUE(name.starts_with("+12025550")) << name;
  }
}

TEST(Pseudonyms, BeyondAHundredNumbersOtherAreaCodesAreSaid) {
  Pseudonyms names;
  for (int i = 0; i < 5000; ++i)
    names.add(Telling::number, "+4920100" + std::to_string(10'000 + i));
  names.assign();
  ASSERT_EQ(names.notes().size(), 1u);
  std::string last;
  std::set<std::string> all;
  for (const auto& [text, kind] : names.texts()) {
    EXPECT_LT(last, names.of(text));  // they sort as the numbers do
    last = names.of(text);
    all.insert(last);
  }
  EXPECT_EQ(all.size(), 5000u);
}

TEST(Pseudonyms, ExtensionsBecomeOthersOfTheSameLengthInTheSameOrder) {
  const std::vector<std::string> texts{"101", "102", "200", "201", "999", "1000", "0042", "7"};
  const auto out = names_for(Telling::number, texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(out[i].size(), texts[i].size());
    EXPECT_EQ(std::count(texts.begin(), texts.end(), out[i]), 0) << out[i];
    if (i > 0 && i < 5) {
      EXPECT_LT(out[i - 1], out[i]);
    }
  }
  EXPECT_LT(out[6], out[5]);
}

TEST(Pseudonyms, AllExtensionsOfALengthBecomeLonger) {
  std::vector<std::string> texts;
  for (int i = 0; i < 10; ++i) texts.push_back(std::to_string(i));
  const auto out = names_for(Telling::number, texts);
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
  EXPECT_EQ(std::set(out.begin(), out.end()).size(), 10u);
  EXPECT_EQ(out.front().size(), 3u);
}

TEST(Pseudonyms, WithinAKindTheySortAsTheTextsDo) {
  for (const auto kind : {Telling::name, Telling::id, Telling::user, Telling::text, Telling::source,
                          Telling::host, Telling::call_id, Telling::hex_id}) {
    const auto out = names_for(kind, {"A", "B", "a", "aa", "b", "\xc3\xa4"});
    EXPECT_TRUE(std::is_sorted(out.begin(), out.end())) << static_cast<int>(kind);
    EXPECT_EQ(std::set(out.begin(), out.end()).size(), 6u);
  }
}

TEST(Pseudonyms, CallIdsKeepTheTimeTheySortBy) {
  const std::string id = make_ulid(at_ms(0), 1, 2), later = make_ulid(at_ms(1), 0, 0);
  const auto out = names_for(Telling::call_id, {id, later});
  EXPECT_EQ(out[0].substr(0, 10), id.substr(0, 10));
  EXPECT_EQ(out[0].size(), 26u);
  EXPECT_LT(out[0], out[1]);
}

}  // namespace
}  // namespace hookswitch::recorder_test
