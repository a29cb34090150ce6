#include "sources/hep/sip_message.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "hep_test_support.hpp"

namespace hookswitch::hep {
namespace {

using test::lines;

const std::vector<std::string> kInvite{
    "INVITE sip:102@pbx.example.com SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKproxy;rport",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKphone",
    "From: \"Doe; <Jane>\" <sip:101@pbx.example.com>;tag=a1",
    "To: <sip:102@pbx.example.com>",
    "Call-ID: call-1@192.0.2.1",
    "CSeq: 7 INVITE",
    "X-Subject: Order #42",
};

std::string why(std::string text) {
  const auto message = read_sip(text);
  return message ? "read" : message.error().detail;
}

std::string with(std::size_t line, const std::string& text) {
  auto changed = kInvite;
  changed[line] = text;
  return lines(changed);
}

std::optional<Media> audio(const std::string& sdp) {
  auto all = kInvite;
  all.push_back("c: application/sdp;charset=x");
  std::string text = lines(all, sdp);
  return audio_of(*read_sip(text));
}

TEST(SipMessage, TellsWhatATrackerNeeds) {
  std::string text = lines(kInvite, "body");
  const auto m = read_sip(text);
  ASSERT_TRUE(m) << m.error().detail;
  EXPECT_TRUE(m->request);
  EXPECT_EQ("INVITE", m->method);
  EXPECT_EQ("sip:102@pbx.example.com", m->uri);
  EXPECT_EQ("z9hG4bKproxy", m->branch);
  EXPECT_EQ(2U, m->vias);
  EXPECT_EQ("call-1@192.0.2.1", m->call_id);
  EXPECT_EQ(7U, m->cseq);
  EXPECT_EQ("a1", m->from_tag);
  EXPECT_EQ("", m->to_tag);
  EXPECT_EQ("sip:101@pbx.example.com", header_uri(m->from));
  ASSERT_EQ(1U, m->extra.size());
  EXPECT_EQ("Order #42", m->extra[0].second);
  EXPECT_EQ("body", m->body);
}

TEST(SipMessage, ReadsResponsesCompactNamesFoldsAndBareLineFeeds) {
  std::string text =
      "\r\n\nSIP/2.0 180 Ringing now\nv: SIP/2.0/TCP a;branch=z1,\n  SIP/2.0/UDP b;branch=z2\n"
      "f: sip:101@a;tag=x\nt:\r\n\t<sip:102@a>;tag=y\ni: c1\nCSeq: 1\r\n INVITE\n\n";
  const auto m = read_sip(text);
  ASSERT_TRUE(m) << m.error().detail;
  EXPECT_EQ(180, m->status);
  EXPECT_EQ("INVITE", m->method);
  EXPECT_EQ(2U, m->vias);
  EXPECT_EQ("z1", m->branch);
  EXPECT_EQ("y", m->to_tag);
}

TEST(SipMessage, IsStrictWhereItIsBelieved) {
  EXPECT_EQ("read", why(lines(kInvite)));
  EXPECT_EQ("start line", why(with(0, "INVITE sip:102 @pbx SIP/2.0")));
  EXPECT_EQ("start line", why(with(0, "INVITE sip:102@pbx SIP/7.0")));
  EXPECT_EQ("start line", why(with(0, "SIP/2.0 99 What")));
  EXPECT_EQ("start line", why(with(0, "SIP/2.0 2000 What")));
  EXPECT_EQ("header twice", why(with(7, "i: other")));
  EXPECT_EQ("header twice", why(with(7, "CSeq: 8 INVITE")));
  EXPECT_EQ("cseq", why(with(6, "CSeq: 7 BYE")));
  EXPECT_EQ("cseq", why(with(6, "CSeq: 4294967296 INVITE")));
  EXPECT_EQ("cseq", why(with(6, "CSeq: -1 INVITE")));
  EXPECT_EQ("call-id", why(with(5, "X-Other: 1")));
  EXPECT_EQ("call-id", why(with(5, "Call-ID: " + std::string(257, 'x'))));
  EXPECT_EQ("call-id", why(with(5, "Call-ID: caf\xc3\xa9")));
  EXPECT_EQ("call-id", why(with(5, std::string{"Call-ID: b\0c", 12})));
  EXPECT_EQ("header", why(with(7, "no colon")));
  EXPECT_EQ("id", why(with(4, "To: <sip:102@a>;tag=a b")));
  EXPECT_EQ("no end of head", why("INVITE sip:102@pbx SIP/2.0\r\nCall-ID: 1\r\n"));
  EXPECT_EQ("empty", why("\r\n\r\n"));
  auto many = kInvite;
  many.resize(kHeaderLinesMax + 8, "X-Y: 1");
  EXPECT_EQ("too many headers", why(lines(many)));
}

TEST(SipMessage, FoldingWithoutEndCostsLinearTime) {
  std::string text = "INVITE sip:102@pbx SIP/2.0\r\nX-A: 1";
  while (text.size() < 65'000) text += "\n ";
  EXPECT_EQ("no end of head", why(text));
}

TEST(SipMessage, AQuotedTagIsNoTag) {
  EXPECT_EQ("t1", header_param("\"x;tag=no\" <sip:a@b;tag=no>;tag=t1;x=\"a;tag=no\"", "tag"));
  EXPECT_EQ("", header_param("\"x;tag=no\" <sip:a@b;tag=no>", "tag"));
  EXPECT_EQ("sip:a@b", header_uri("\"<sip:no@b>\" <sip:a@b>;tag=1"));
}

TEST(SipMessage, ReplacesIsReadPlainAndFromAReferTo) {
  const auto plain = read_replaces("c1@a;to-tag=t;from-tag=f;early-only");
  ASSERT_TRUE(plain);
  EXPECT_EQ("c1@a", plain->call_id);
  EXPECT_EQ("t", plain->to_tag);
  EXPECT_EQ("f", plain->from_tag);
  const auto escaped =
      replaces_of_refer_to("<sip:103@a?X=1&Replaces=c1%40a%3Bto-tag%3Dt%3Bfrom-tag%3Df>;x");
  ASSERT_TRUE(escaped);
  EXPECT_EQ("c1@a", escaped->call_id);
  EXPECT_EQ("f", escaped->from_tag);
  EXPECT_FALSE(replaces_of_refer_to("<sip:103@a>"));
  EXPECT_FALSE(replaces_of_refer_to("<sip:103@a?Replaces=%0d%0aX>"));
  EXPECT_FALSE(replaces_of_refer_to("<sip:103@a?Replaces=%zz>"));
}

TEST(SipMessage, TheFirstAudioStreamSaysWhoIsHeard) {
  EXPECT_EQ(Media::sendrecv, audio("v=0\r\nm=audio 4000 RTP/AVP 0\r\n"));
  EXPECT_EQ(Media::sendonly, audio("v=0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"));
  EXPECT_EQ(Media::inactive, audio("v=0\na=inactive\nm=audio 4000 RTP/AVP 0\n"));
  EXPECT_EQ(Media::sendrecv, audio("a=inactive\nm=audio 4000 RTP/AVP 0\na=sendrecv\n"));
  EXPECT_EQ(Media::recvonly,
            audio("m=video 1 RTP/AVP 9\na=sendonly\nm=audio 4000 RTP/AVP 0\na=recvonly\n"));
  EXPECT_EQ(Media::sendrecv, audio("m=audio 4000 RTP/AVP 0\nm=video 1 RTP/AVP 9\na=inactive\n"));
  EXPECT_EQ(Media::sendonly, audio("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n"));
  EXPECT_EQ(Media::sendrecv,
            audio("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.1\n"));
  EXPECT_EQ(std::nullopt, audio("m=audio 0 RTP/AVP 0\na=inactive\n"));
  EXPECT_EQ(std::nullopt, audio("v=0\n"));
  EXPECT_EQ(Media::sendrecv, audio("m=audio 1 FOO ;\n"));
}

TEST(SipMessage, ASipfragTellsItsStatus) {
  EXPECT_EQ(503, sipfrag_status("SIP/2.0 503 Service Unavailable\r\n"));
  EXPECT_EQ(200, sipfrag_status("SIP/2.0 200"));
  EXPECT_EQ(std::nullopt, sipfrag_status("INVITE sip:a SIP/2.0"));
  EXPECT_EQ(std::nullopt, sipfrag_status(""));
}

// ---- the messages of others, read in place where they are
std::vector<std::filesystem::path> corpus(const std::string& name, const std::string& ending) {
  std::vector<std::filesystem::path> out;
  const char* told = std::getenv("HOOKSWITCH_CORPORA");
  const std::filesystem::path root =
      told != nullptr ? std::filesystem::path{told}
                      : std::filesystem::path{HOOKSWITCH_SOURCE_DIR} / "../shared/corpora";
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator{root / name, none})
    if (entry.path().extension() == ending) out.push_back(entry.path());
  return out;
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(SipMessage, ReadsTheValidTortureMessagesOfRfc4475) {
  const auto files = corpus("rfc4475", ".dat");
  if (files.empty())
    GTEST_SKIP() << "SKIPPED: no corpora/rfc4475 (HOOKSWITCH_CORPORA names its folder)";
  std::ifstream table{files[0].parent_path() / "EXPECTED.tsv"};
  std::size_t valid = 0, read = 0;
  std::string left;
  for (std::string line; std::getline(table, line);) {
    const auto name_at = line.find('\t') + 1, class_at = line.find('\t', name_at) + 1;
    if (line.starts_with('#') || !line.substr(class_at).starts_with("valid")) continue;
    ++valid;
    const auto name = line.substr(name_at, class_at - 1 - name_at);
    const auto told = why(slurp(files[0].parent_path() / name));
    read += told == "read";
    if (told != "read") left += " " + name + ": " + told;
  }
  EXPECT_GE(valid, 13U);
  EXPECT_EQ(valid, read) << left;
}

TEST(SipMessage, SurvivesEveryTortureMessageWholeAndCut) {
  auto files = corpus("jsip-torture", ".sip");
  for (const auto& more : corpus("rfc4475", ".dat")) files.push_back(more);
  if (files.empty()) GTEST_SKIP() << "SKIPPED: no corpora (HOOKSWITCH_CORPORA names their folder)";
  std::size_t read = 0;
  std::map<std::string, int> refused;
  for (const auto& file : files) {
    const std::string whole = slurp(file);
    const auto told = why(whole);
    read += told == "read";
    ++refused[told];
    for (std::size_t size = 0; size < whole.size(); size += 7) why(whole.substr(0, size));
  }
  for (const auto& [reason, count] : refused) std::printf("%4d %s\n", count, reason.c_str());
  EXPECT_GT(read, 0U);
}

}  // namespace
}  // namespace hookswitch::hep
