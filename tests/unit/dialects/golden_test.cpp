#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "dialects/dialect.hpp"
#include "sample_calls.hpp"

namespace hookswitch {
namespace {

using namespace samples;

using Goldens = std::map<std::string, std::string>;  // "rc-embeddable/rc-call-ring-notify" -> frame

void take(Goldens& out, const std::string& dialect, const std::vector<std::string>& frames) {
  const auto names = types(frames);
  for (std::size_t i = 0; i < frames.size(); ++i)
    out[dialect + "/" + names[i]] = frames[i];  // the last of a type stays
}

/// One story: Jane calls, Alice answers, mutes, holds, resumes and hangs up; and Alice calls Jane.
Goldens golden_frames() {
  Goldens out;
  const std::string rc = "rc-embeddable";
  take(out, rc,
       state_burst(Dialect::rc_embeddable, alice(), {}, TelephonyStatus::NoCall, cursor(), false));
  Page page{Dialect::rc_embeddable, alice()};
  Call muted = talking_call();
  muted.legs[1].muted = true;
  Call held = talking_call();
  held.legs[1].state = LegState::held;
  take(out, rc, page.tell(event(EventType::call_started, dialing_call(), {"l1", "l2"}, 1)));
  Page second{Dialect::rc_embeddable, alice()};
  take(out, rc, second.tell(event(EventType::call_answered, talking_call(), {"l2"}, 7)));
  take(out, rc, second.tell(event(EventType::call_muted, muted, {"l2"}, 9)));
  take(out, rc, second.tell(event(EventType::call_held, held, {"l2"}, 10)));
  take(out, rc, second.tell(event(EventType::call_resumed, talking_call(), {"l2"}, 12)));
  const Call over = ended(talking_call(), at(67), Disposition::answered);
  take(out, rc, second.tell(event(EventType::call_ended, over, {"l1", "l2"}, 67)));
  Page third{Dialect::rc_embeddable, alice()};
  take(out, rc, third.tell(event(EventType::call_ringing, ringing_call(), {"l2"}, 2)));
  const auto ask = [](const char* frame) {
    return read(Dialect::rc_embeddable, frame, {talking_call()}).replies;
  };
  take(out, rc, ask(R"({"type":"rc-adapter-webphone-sessions-sync"})"));
  take(out, rc, ask(R"({"type":"rc-adapter-navigate-to","path":"/history"})"));
  take(
      out, rc,
      ask(R"({"type":"rc-adapter-message-request","requestId":"1700000000002","path":"/get-call-log"})"));
  take(out, rc, ask(R"({"type":"rc-adapter-control-call","callAction":"startRecord"})"));

  const std::string dialpad = "opencti-dialpad";
  take(
      out, dialpad,
      state_burst(Dialect::opencti_dialpad, alice(), {}, TelephonyStatus::NoCall, cursor(), false));
  Page fourth{Dialect::opencti_dialpad, alice()};
  take(out, dialpad, fourth.tell(event(EventType::call_ringing, ringing_call(), {"l2"}, 2)));

  Page fifth{Dialect::elma365, alice()};
  take(out, "elma365", fifth.tell(event(EventType::call_ringing, ringing_call(), {"l2"}, 2)));
  Call report = over;
  report.recordings.push_back({"r1", "https://example.com/rec.mp3"});
  report.talk = std::chrono::milliseconds{60'000};
  take(out, "elma365", fifth.tell(event(EventType::call_report, report, {}, 70)));
  return out;
}

TEST(PageExamples, EveryMessageIsWrittenAsItsGoldenExample) {
  for (const auto& [name, frame] : golden_frames()) {
    std::ifstream file{std::string{HOOKSWITCH_SOURCE_DIR} + "/proto/examples/pages/" + name +
                       ".json"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto golden = json::parse(text);
    ASSERT_TRUE(golden) << name;
    EXPECT_EQ(frame, json::to_string(*golden)) << name;
  }
}

TEST(PageExamples, CoverEveryMessageOfTheDialects) { EXPECT_EQ(golden_frames().size(), 24U); }

}  // namespace
}  // namespace hookswitch
