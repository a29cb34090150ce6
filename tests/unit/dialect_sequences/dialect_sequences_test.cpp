#include <gtest/gtest.h>
#include <rapidjson/pointer.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "unit/dialect_sequences/sequence.hpp"

/// What vendors send, through the shipped dialects and the fold: tests/data/payloads/README.md.
namespace hookswitch::dialect_sequences {
namespace {

using scenarios::Arrival;
using scenarios::Runner;
using scenarios::Scenario;

constexpr std::uint64_t kEveryOrderUpTo = 720;  // 6 requests
constexpr std::uint64_t kRandomOrders = 200;

/// HOOKSWITCH_PRINT=1 shows the facts and the calls, to be judged and then kept.
bool prints() { return std::getenv("HOOKSWITCH_PRINT") != nullptr; }  // NOLINT

std::uint64_t first_seed() {
  const char* wish = std::getenv("HOOKSWITCH_SEED");  // NOLINT(concurrency-mt-unsafe)
  return wish == nullptr ? 1 : std::strtoull(wish, nullptr, 10);
}

std::string lines_of(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += "  " + line + "\n";
  return out;
}

std::string text_of(const Fact& fact) {
  json::Writer writer;
  write_json(writer, fact);
  return writer.str();
}

/// As sequences.json has them: a list of facts.
std::string text_of(const std::vector<Fact>& facts) {
  std::string out;
  for (const auto& fact : facts) out += (out.empty() ? "" : ",\n     ") + text_of(fact);
  return "[" + out + "]";
}

/// Exactly these facts, whatever the order of their members.
void expect_facts(const json::Value& wanted, const std::vector<Fact>& facts,
                  const std::string& where) {
  std::string list = "[";
  for (const auto& fact : facts) list += (list.size() > 1 ? "," : "") + text_of(fact);
  const auto is = json::parse(list + "]");
  ASSERT_TRUE(is) << where;
  EXPECT_TRUE(wanted == *is) << where << "\nwanted: " << json::to_string(wanted)
                             << "\nis:     " << text_of(facts);
}

unsigned status_of(const Result<HookOutcome>& outcome) {
  return outcome ? outcome->reply.status : hookswitch::outcome(outcome.error().code).http;
}

std::string calls_list(std::string lines) {
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  std::replace(lines.begin(), lines.end(), '\n', ',');
  return "[" + lines + "]";
}

class DialectSequences : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder = read_folder(GetParam());
    ASSERT_EQ(folder.problem, "") << GetParam();
    program = hookswitch::testing::shipped(GetParam());
    ASSERT_NE(program, nullptr);
  }

  Hook hook() const { return Hook{program, folder.options}; }

  /// The facts of a sequence, request by request; not judged here.
  std::vector<Given> given_by(const json::Value& sequence) {
    std::vector<Given> out;
    for (const auto& name : texts_of(json::find(sequence, "requests"))) {
      auto outcome = hook().handle(request_of(folder, name));
      if (!outcome)
        ADD_FAILURE() << GetParam() << "/" << name << ": "
                      << hookswitch::outcome(outcome.error().code).name << ", "
                      << outcome.error().detail;
      else
        EXPECT_TRUE(outcome->matched) << GetParam() << "/" << name << ": no rule takes it";
      out.push_back({name, outcome ? std::move(outcome->facts) : std::vector<Fact>{}});
    }
    return out;
  }

  template <class See>
  void each_sequence(See see) {
    const json::Value* list = folder.list("sequences");
    if (list == nullptr) return;
    for (const auto& sequence : list->GetArray()) {
      ASSERT_EQ(
          unknown_member(sequence, {"name", "origin", "requests", "facts", "call", "calls", "times",
                                    "first", "shuffled", "doubled", "told_in_every_order", "why"}),
          "");
      see(sequence,
          GetParam() + "/" + std::string{json::find_string(sequence, "name").value_or("?")});
    }
  }

  Folder folder;
  DialectProgramPtr program;
};

TEST_P(DialectSequences, RequestsGiveExactlyTheirFacts) {
  each_sequence([&](const json::Value& sequence, const std::string& where) {
    const auto given = given_by(sequence);
    if (prints()) {
      std::cout << "--- " << where << "\n   \"facts\": [\n";
      for (std::size_t i = 0; i < given.size(); ++i)
        std::cout << "    " << text_of(given[i].facts) << (i + 1 < given.size() ? "," : "") << "\n";
      std::cout << "   ],\n";
    }
    const json::Value* wanted = json::find(sequence, "facts");
    ASSERT_TRUE(wanted != nullptr && wanted->IsArray() && wanted->Size() == given.size())
        << where << ": one list of facts a request";
    for (rapidjson::SizeType i = 0; i < wanted->Size(); ++i)
      expect_facts((*wanted)[i], given[i].facts, where + ", " + given[i].request);
  });
}

TEST_P(DialectSequences, EndInTheRightCall) {
  each_sequence([&](const json::Value& sequence, const std::string& where) {
    const auto given = given_by(sequence);
    Scenario scenario = scenario_of(folder, sequence, given);
    scenario.times = true;
    ASSERT_FALSE(scenario.facts.empty()) << where;
    Runner runner{scenario, folder.people};
    std::vector<Event> events;
    const auto outcome = runner.in_order(&events);
    if (prints())
      std::cout << "--- " << where << "\n"
                << outcome.calls << lines_of(scenarios::story_of(events));
    EXPECT_EQ(lines_of(outcome.problems), "") << where;
    EXPECT_EQ(lines_of(outcome.rewrites), "") << where;
    const auto calls = json::parse(calls_list(outcome.calls));
    ASSERT_TRUE(calls) << where;
    const json::Value* one = json::find(sequence, "call");
    const json::Value* several = json::find(sequence, "calls");
    ASSERT_NE(one == nullptr, several == nullptr) << where << ": call or calls";
    json::Document wanted;
    wanted.SetArray();
    if (one != nullptr)
      wanted.PushBack(json::Value{*one, wanted.GetAllocator()}, wanted.GetAllocator());
    else
      wanted.CopyFrom(*several, wanted.GetAllocator());
    EXPECT_TRUE(scenarios::matches_set(wanted, *calls, true))
        << where << "\nwanted: " << json::to_string(wanted) << "\nis:\n"
        << outcome.calls << "told:\n"
        << lines_of(scenarios::story_of(events));
  });
}

TEST_P(DialectSequences, EndInTheSameCallDoubledAndInEveryOrder) {
  each_sequence([&](const json::Value& sequence, const std::string& where) {
    const auto given = given_by(sequence);
    const Scenario scenario = scenario_of(folder, sequence, given);
    ASSERT_FALSE(scenario.facts.empty()) << where;
    const bool doubled = json::find_bool(sequence, "doubled").value_or(true);
    const bool shuffled = json::find_bool(sequence, "shuffled").value_or(true);
    const bool told = json::find_bool(sequence, "told_in_every_order").value_or(true);
    EXPECT_TRUE((doubled && shuffled && told) || json::find_string(sequence, "why"))
        << where << ": say why not";
    const auto first = static_cast<std::size_t>(json::find_int(sequence, "first").value_or(0));
    ASSERT_LE(first, given.size()) << where;
    Runner runner{scenario, folder.people};
    const std::string wanted = runner.in_order(nullptr).calls;
    int failures = 0;
    const auto look = [&](const std::vector<std::size_t>& order, const std::string& seed,
                          std::size_t in_time) {
      const auto outcome = runner.play(arrivals_of(scenario, given, order, in_time));
      if (outcome.calls == wanted &&
          (!told || (outcome.problems.empty() && outcome.rewrites.empty())))
        return;
      if (failures++ > 0) return;  // the first is the one to look at
      std::string requests;
      for (const std::size_t at : order) requests += "  " + given[at].request + "\n";
      ADD_FAILURE() << where << ", " << seed << ", these requests:\n"
                    << requests << scenarios::first_difference(outcome.calls, wanted) << "\n"
                    << lines_of(outcome.problems) << lines_of(outcome.rewrites);
    };
    std::vector<std::size_t> order(given.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto in_order = order;
    if (doubled) {
      std::vector<std::size_t> each_twice, all_twice{order};
      for (const std::size_t at : order) each_twice.insert(each_twice.end(), {at, at});
      all_twice.insert(all_twice.end(), order.begin(), order.end());
      look(each_twice, "each twice", each_twice.size());
      look(all_twice, "all twice", order.size());
    }
    if (!shuffled) return;
    const auto keep = static_cast<std::ptrdiff_t>(first);
    if (scenarios::orders_of(order.size() - first) <= kEveryOrderUpTo) do
        look(order, "one of every order", first);
      while (std::next_permutation(order.begin() + keep, order.end()));
    const std::uint64_t from = first_seed();
    for (std::uint64_t seed = from; seed < from + kRandomOrders; ++seed) {
      std::mt19937_64 random{seed};
      order = in_order;
      for (std::size_t i = 0; doubled && i < in_order.size(); ++i)
        if (random() % 4 == 0) order.push_back(in_order[i]);
      for (std::size_t i = order.size(); i > first + 1; --i)
        std::swap(order[i - 1], order[first + random() % (i - first)]);
      look(order, "HOOKSWITCH_SEED=" + std::to_string(seed), first);
    }
    EXPECT_EQ(failures, 0) << where << ": orders that end in another call, or tell it wrongly";
  });
}

TEST_P(DialectSequences, SingleRequestsAreAnsweredAsSaid) {
  const json::Value* list = folder.list("single");
  if (list == nullptr) return;
  for (const auto& single : list->GetArray()) {
    ASSERT_EQ(unknown_member(single, {"request", "status", "reply", "facts", "matched", "why"}),
              "");
    const std::string name{json::find_string(single, "request").value_or("")};
    const std::string where = GetParam() + "/" + name;
    const auto outcome = hook().handle(request_of(folder, name));
    EXPECT_EQ(status_of(outcome), json::find_int(single, "status").value_or(200)) << where;
    if (prints() && outcome)
      std::cout << "--- " << where << "\n  " << text_of(outcome->facts) << "\n";
    if (!outcome) {
      EXPECT_EQ(json::find(single, "facts"), nullptr) << where << ": an error gives no facts";
      continue;
    }
    EXPECT_EQ(outcome->matched, json::find_bool(single, "matched").value_or(true)) << where;
    if (const json::Value* facts = json::find(single, "facts"))
      expect_facts(*facts, outcome->facts, where);
    else
      EXPECT_TRUE(outcome->facts.empty()) << where << " " << text_of(outcome->facts);
    const json::Value* reply = json::find(single, "reply");
    if (reply == nullptr) continue;
    ASSERT_EQ(unknown_member(*reply, {"body", "content_type", "headers"}), "") << where;
    EXPECT_EQ(outcome->reply.body, json::find_string(*reply, "body").value_or("")) << where;
    EXPECT_EQ(outcome->reply.content_type, json::find_string(*reply, "content_type").value_or(""))
        << where;
    std::map<std::string, std::string> headers;
    for (const auto& [header, value] : outcome->reply.headers) headers[to_lower(header)] = value;
    if (const json::Value* wanted = json::find(*reply, "headers")) {
      for (const auto& header : wanted->GetObject())
        EXPECT_EQ(headers[to_lower(json::text(header.name))], json::text(header.value)) << where;
    }
  }
}

/// Refused, and for a reason that tells that nothing of it was believed.
bool is_refusal(const Result<HookOutcome>& outcome) {
  return !outcome && outcome.error().code == Errc::signature_invalid;
}

TEST_P(DialectSequences, FlippedBytesAreRefused) {
  const json::Value* source = json::find(folder.document, "source");
  if (source == nullptr || json::find(*source, "secrets") == nullptr) return;
  const Names proofs = texts_of(json::find(folder.document, "proof"));
  ASSERT_FALSE(proofs.empty()) << GetParam()
                               << ": name the headers (or query, or /pointer into "
                                  "the body) that prove it";
  const Names open = texts_of(json::find(folder.document, "unsigned"));
  Names requests;
  each_sequence([&](const json::Value& sequence, const std::string&) {
    for (const auto& name : texts_of(json::find(sequence, "requests")))
      if (std::find(requests.begin(), requests.end(), name) == requests.end())
        requests.push_back(name);
  });
  std::map<std::string, std::size_t> proven;
  std::set<std::string> believed;
  const Hook tested = hook();
  for (const auto& name : requests) {
    const HookRequest original = request_of(folder, name);
    const std::string where = GetParam() + "/" + name;
    ASSERT_TRUE(tested.handle(original)) << where;
    std::vector<Range> ranges;
    for (const auto& what : open) {
      if (what == "body") ranges.push_back({0, original.body.size(), what});
      const auto fields = form_field(original.body, what);
      ranges.insert(ranges.end(), fields.begin(), fields.end());
    }
    HookRequest request = original;
    for (std::size_t i = 0; i < request.body.size(); ++i) {
      request.body[i] = static_cast<char>(request.body[i] ^ 1);
      const auto outcome = tested.handle(request);
      request.body[i] = original.body[i];
      const auto within = [&](std::size_t at) {
        return std::find_if(ranges.begin(), ranges.end(),
                            [&](const Range& each) { return at >= each.begin && at < each.end; });
      };
      auto range = within(i);
      if (original.body[i] == '&' && i > 0 && within(i - 1) != ranges.end()) range = within(i + 1);
      if (range == ranges.end())
        EXPECT_TRUE(is_refusal(outcome)) << where << ": byte " << i << " of the body, "
                                         << original.body.substr(i > 10 ? i - 10 : 0, 20);
      else if (outcome)
        believed.insert(range->what);
      if (range == ranges.end()) ++proven["body"];
    }
    for (const auto& proof : proofs) {
      const auto flip = [&](std::string& bytes, std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
          const char kept = bytes[i];
          bytes[i] = static_cast<char>(kept ^ 1);
          EXPECT_TRUE(is_refusal(tested.handle(request)))
              << where << ": " << proof << ", byte " << i;
          bytes[i] = kept;
          ++proven[proof];
        }
      };
      if (proof == "body") {  // a signed token: all its bytes were flipped above
        proven[proof] += request.body.size();
      } else if (proof.starts_with("query:")) {
        for (const auto& field : form_field(request.query, proof.substr(6)))
          flip(request.query, field.begin, field.end);
      } else if (proof == "query") {
        flip(request.query, 0, request.query.size());
      } else if (proof.starts_with('/')) {
        const auto document = json::parse(original.body);
        const json::Value* value =
            document ? rapidjson::Pointer{proof.c_str()}.Get(*document) : nullptr;
        if (value == nullptr || !value->IsString()) continue;
        const auto at = original.body.find("\"" + std::string{json::text(*value)} + "\"");
        if (at != std::string::npos) flip(request.body, at + 1, at + 1 + json::text(*value).size());
      } else {
        for (auto& [header, value] : request.headers)
          if (header == proof) flip(value, 0, value.size());
      }
    }
  }
  for (const auto& proof : proofs)
    EXPECT_GT(proven[proof], 0U) << GetParam() << ": no request has " << proof;
  for (const auto& what : open)
    EXPECT_TRUE(believed.contains(what)) << GetParam() << ": " << what << " is signed after all";
}

TEST_P(DialectSequences, EveryRequestOfTheFolderIsUsed) {
  std::set<std::string> used;
  each_sequence([&](const json::Value& sequence, const std::string&) {
    for (const auto& name : texts_of(json::find(sequence, "requests"))) used.insert(name);
  });
  if (const json::Value* list = folder.list("single"))
    for (const auto& single : list->GetArray())
      used.emplace(json::find_string(single, "request").value_or(""));
  for (const auto& file : std::filesystem::directory_iterator{payload_folder() / GetParam()})
    EXPECT_TRUE(file.path().extension() != ".headers" || used.contains(file.path().stem().string()))
        << file.path();
  EXPECT_FALSE(used.empty()) << GetParam();
}

TEST(ShippedDialects, OfVendorsThatNeverSendAgainSaySo) {
  for (const auto& name : folder_names()) {
    const bool once =
        name == "bitrix24" || name == "ivozprovider" || name == "telphin" || name == "telecomx";
    EXPECT_EQ(retries(*hookswitch::testing::shipped(name)), !once) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, DialectSequences, ::testing::ValuesIn(folder_names()), [](const auto& each) {
      std::string name = each.param;
      std::replace_if(
          name.begin(), name.end(),
          [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
      return name;
    });

}  // namespace
}  // namespace hookswitch::dialect_sequences
