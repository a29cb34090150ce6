#include "sources/sip/dialog_info.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sip_test_support.hpp"

namespace hookswitch::sip {
namespace {

using test::document;

Errc refusal(std::string_view xml) {
  const auto info = parse_dialog_info(xml);
  return info ? Errc::internal_error : info.error().code;
}

Dialog only_dialog(std::string_view dialog) {
  const auto info = parse_dialog_info(document(1, dialog));
  return info && info->dialogs.size() == 1 ? info->dialogs.front() : Dialog{};
}

TEST(DialogInfo, EveryRecordedBodyIsReadWithoutAnomaly) {
  int bodies = 0;
  for (const auto& file : std::filesystem::directory_iterator{test::data_folder()}) {
    if (file.path().extension() != ".xml") continue;
    const auto info = parse_dialog_info(test::read_file(file.path()));
    ASSERT_TRUE(info) << file.path();
    EXPECT_TRUE(info->anomalies.empty()) << file.path() << ": " << info->anomalies.front();
    EXPECT_FALSE(info->dialogs.empty()) << file.path();
    ++bodies;
  }
  EXPECT_EQ(bodies, 42);
}

TEST(DialogInfo, AllPartsOfADialogAreRead) {
  const auto info = parse_dialog_info(document(
      7, R"(<dialog id="a" call-id="c@h" local-tag="l" remote-tag="r" direction="initiator">
      <state event="replaced" code="200">terminated</state>
      <local><identity display="Me">sip:102@h</identity><target uri="sip:102@d"><param pname="+sip.rendering" pvalue="no"/></target></local>
      <remote><identity>sip:101@h</identity><target uri="sip:101@d"/></remote>
      <replaces call-id="old@h" local-tag="x" remote-tag="y"/><referred-by>sip:103@h</referred-by></dialog>)",
      "partial"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->entity, "sip:102@example.com");
  EXPECT_EQ(info->version, 7U);
  EXPECT_FALSE(info->full);
  ASSERT_EQ(info->dialogs.size(), 1U);
  const Dialog expected{.id = "a",
                        .call_id = "c@h",
                        .local_tag = "l",
                        .remote_tag = "r",
                        .direction = DialogDirection::initiator,
                        .state = DialogState::terminated,
                        .event = "replaced",
                        .code = 200,
                        .local = {"sip:102@h", "Me", "sip:102@d", false},
                        .remote = {"sip:101@h", "", "sip:101@d", std::nullopt},
                        .replaces = "old@h",
                        .referred_by = "sip:103@h"};
  EXPECT_EQ(info->dialogs.front(), expected);
}

TEST(DialogInfo, StateWordsAreReadWithoutRegardToCase) {
  EXPECT_EQ(only_dialog("<dialog id='1'><state>Trying</state></dialog>").state,
            DialogState::trying);
  EXPECT_EQ(only_dialog("<dialog id='1'><state> EARLY\n</state></dialog>").state,
            DialogState::early);
}

TEST(DialogInfo, UnknownStateWordIsAnAnomalyNotAnError) {
  const auto info =
      parse_dialog_info(document(1, "<dialog id='1'><state>ringing</state></dialog>"));
  ASSERT_TRUE(info);
  EXPECT_FALSE(info->dialogs.at(0).state);
  EXPECT_EQ(info->anomalies.at(0), "state word");
}

TEST(DialogInfo, RenderingIsReadFromBothSpellingsAndSilenceIsNoAnswer) {
  const auto rendering = [](const std::string& param) {
    return only_dialog("<dialog id='1'><state>confirmed</state><local><target uri='sip:1@h'>" +
                       param + "</target></local></dialog>")
        .local.rendering;
  };
  EXPECT_EQ(rendering("<param pname='+sip.rendering' pvalue='no'/>"), false);
  EXPECT_EQ(rendering("<param pname='+sip.rendering' pval='YES'/>"), true);
  EXPECT_EQ(rendering("<param pname='+sip.rendering' pvalue='unknown'/>"), std::nullopt);
  EXPECT_EQ(rendering("<param pname='+sip.byeless' pvalue='no'/>"), std::nullopt);
}

TEST(DialogInfo, AnyNamespacePrefixAndCdataAreRead) {
  const auto info = parse_dialog_info(
      "<?xml version='1.0'?><!-- c --><di:dialog-info "
      "xmlns:di='urn:ietf:params:xml:ns:dialog-info' version='0' state='full' "
      "entity='sip:1@h'><di:dialog "
      "id='1'><di:state><![CDATA[early]]></di:state></di:dialog></di:dialog-info>");
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->anomalies.empty());
  EXPECT_EQ(info->dialogs.at(0).state, DialogState::early);
}

TEST(DialogInfo, WrongNamespaceVersionAndStateAreAnomalies) {
  const auto info = parse_dialog_info(
      "<dialog-info xmlns='urn:other' version='99999999999999999999' "
      "state='half'><dialog/></dialog-info>");
  ASSERT_TRUE(info);
  EXPECT_FALSE(info->version);
  EXPECT_TRUE(info->full);
  EXPECT_EQ(info->anomalies,
            (std::vector<std::string>{"namespace", "entity", "version", "document state",
                                      "dialog without id", "dialog without state"}));
}

TEST(DialogInfo, DoctypeIsRefusedWhateverItHolds) {
  const std::string root =
      "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='0' state='full' "
      "entity='&a;'/>";
  EXPECT_EQ(refusal("<!DOCTYPE dialog-info>" + root), Errc::bad_request);
  EXPECT_EQ(
      refusal("<?xml version='1.0'?><!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>" +
              root),
      Errc::bad_request);
  EXPECT_EQ(refusal("<!DOCTYPE d [<!ENTITY % a SYSTEM 'http://127.0.0.1/x'> %a;]>" + root),
            Errc::bad_request);
}

TEST(DialogInfo, UnknownEntityIsNotExpanded) {
  EXPECT_EQ(only_dialog("<dialog id='&lol;'><state>early</state></dialog>").id, "&lol;");
}

TEST(DialogInfo, SizeDepthAttributesAndDialogsAreBounded) {
  EXPECT_EQ(refusal(document(1, std::string(kDialogInfoBytesMax, ' '))), Errc::body_too_large);
  std::string deep, attributes, dialogs;
  for (int i = 0; i < 10'000; ++i) deep += "<a>";
  for (int i = 0; i < 10'000; ++i) deep += "</a>";
  for (int i = 0; i < 65; ++i) attributes += " a" + std::to_string(i) + "='x'";
  for (int i = 0; i < 257; ++i) dialogs += "<dialog id='" + std::to_string(i) + "'/>";
  EXPECT_EQ(refusal(document(1, deep)), Errc::too_deep);
  EXPECT_EQ(refusal(document(1, "<x" + attributes + "/>")), Errc::too_many_fields);
  EXPECT_EQ(refusal(document(1, dialogs)), Errc::too_many_fields);
}

TEST(DialogInfo, WhatIsNoDialogInfoIsRefused) {
  EXPECT_EQ(refusal(""), Errc::bad_request);
  EXPECT_EQ(refusal("<presence/>"), Errc::bad_request);
  EXPECT_EQ(refusal(document(1, "<dialog id='1'>")), Errc::bad_request);
  EXPECT_EQ(refusal(document(1, "") + "<x/>"), Errc::bad_request);
  EXPECT_EQ(refusal("\xff\xfe<\0d\0"), Errc::bad_encoding);
  EXPECT_EQ(refusal(document(1, "<dialog id='\xc3\x28'/>")), Errc::bad_encoding);
  EXPECT_EQ(refusal(document(1, std::string{"<dialog id='a\0b'/>", 18})), Errc::bad_encoding);
}

TEST(DialogInfo, ControlCharactersDoNotSurvive) {
  EXPECT_EQ(only_dialog("<dialog id='1'><state>early</state><remote><identity "
                        "display='x&#13;&#10;Evil: 1&#x7f;&#x85;'>sip:1@h"
                        "</identity></remote></dialog>")
                .remote.display,
            "x  Evil: 1   ");
}

TEST(DialogInfo, LoneSurrogateReferenceGivesNoInvalidText) {
  const Dialog dialog = only_dialog(
      "<dialog id='1'><state>early</state><remote><identity "
      "display='a&#xD83D;b'>sip:1@h</identity></remote></dialog>");
  EXPECT_EQ(dialog.remote.display, "");
  EXPECT_EQ(dialog.remote.identity, "sip:1@h");
}

TEST(DialogInfo, CallIdBeyondItsLimitCountsAsMissing) {
  EXPECT_EQ(only_dialog("<dialog id='1' call-id='" + std::string(kCallIdBytesMax, 'c') + "'/>")
                .call_id.size(),
            kCallIdBytesMax);
  EXPECT_EQ(only_dialog("<dialog id='1' call-id='" + std::string(kCallIdBytesMax + 1, 'c') + "'/>")
                .call_id,
            "");
}

}  // namespace
}  // namespace hookswitch::sip
