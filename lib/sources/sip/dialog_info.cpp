#include "sources/sip/dialog_info.hpp"

#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace hookswitch::sip {
namespace {

constexpr std::array<std::string_view, 5> kStateWords{"trying", "proceeding", "early", "confirmed",
                                                      "terminated"};
constexpr std::string_view kNamespace = "urn:ietf:params:xml:ns:dialog-info";

std::string_view local_name(const char* qualified) {
  const std::string_view name{qualified};
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

class Reader {
 public:
  explicit Reader(DialogInfo& out) : out_(out) {}

  void anomaly(std::string_view word) {
    const auto known = std::find(out_.anomalies.begin(), out_.anomalies.end(), word);
    if (known == out_.anomalies.end() && out_.anomalies.size() < kAnomaliesMax)
      out_.anomalies.emplace_back(word);
  }

  /// Character references can spell what the bytes may not: check again after decoding.
  std::string clean(std::string_view raw, std::size_t bytes_max) {
    std::string text{trim(raw)};
    if (!is_utf8(text)) {
      anomaly("text is not UTF-8");
      return {};
    }
    if (text.size() > bytes_max) {
      anomaly("text is too long");
      text.resize(bytes_max);
      while (!text.empty() && !is_utf8(text)) text.pop_back();
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte < 0x20 || byte == 0x7f) text[i] = ' ';
      if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0)
        text.replace(i, 2, "  ");
    }
    return text;
  }

  std::string attribute(const pugi::xml_node& node, std::string_view name,
                        std::size_t bytes_max = kIdBytesMax) {
    std::optional<std::string> found;
    for (const auto& item : node.attributes()) {
      if (local_name(item.name()) != name) continue;
      if (found) {
        anomaly("attribute twice");
        break;
      }
      found = clean(item.value(), bytes_max);
    }
    return found.value_or(std::string{});
  }

  /// The first child of that local name; empty node when there is none.
  pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
    for (const auto& item : node.children())
      if (item.type() == pugi::node_element && local_name(item.name()) == name) return item;
    return {};
  }

  std::string text(const pugi::xml_node& node) {
    std::string all;
    for (const auto& item : node.children())
      if (item.type() == pugi::node_pcdata || item.type() == pugi::node_cdata) all += item.value();
    return clean(all, kTextBytesMax);
  }

  DialogParty party(const pugi::xml_node& node) {
    DialogParty out;
    if (const auto identity = child(node, "identity")) {
      out.identity = text(identity);
      out.display = attribute(identity, "display", kTextBytesMax);
    }
    if (const auto target = child(node, "target")) {
      out.target = attribute(target, "uri", kTextBytesMax);
      for (const auto& param : target.children()) {
        if (local_name(param.name()) != "param") continue;
        const std::string name = attribute(param, "pname");
        if (!equals_ignore_case(name, "+sip.rendering") &&
            !equals_ignore_case(name, "sip.rendering"))
          continue;
        // The schema of RFC 4235 says pval, its examples and all PBXes say pvalue.
        std::string value = attribute(param, "pvalue");
        if (value.empty()) value = attribute(param, "pval");
        if (equals_ignore_case(value, "no"))
          out.rendering = false;
        else if (equals_ignore_case(value, "yes"))
          out.rendering = true;
        else if (!equals_ignore_case(value, "unknown"))
          anomaly("rendering word");
      }
    }
    return out;
  }

  void state(const pugi::xml_node& node, Dialog& out) {
    const auto element = child(node, "state");
    const std::string word = to_lower(text(element));
    const auto known = std::find(kStateWords.begin(), kStateWords.end(), word);
    if (known == kStateWords.end()) {
      anomaly(word.empty() ? "dialog without state" : "state word");
      return;
    }
    out.state = static_cast<DialogState>(known - kStateWords.begin());
    out.event = to_lower(attribute(element, "event"));
    const std::string code = attribute(element, "code");
    if (code.empty()) return;
    const auto number = parse_int(code);
    if (number && *number >= 100 && *number < 700)
      out.code = static_cast<int>(*number);
    else
      anomaly("state code");
  }

  std::string call_id(const pugi::xml_node& node) {
    std::string id = attribute(node, "call-id", kCallIdBytesMax + 1);
    if (id.size() <= kCallIdBytesMax) return id;
    anomaly("call-id is too long");
    return {};
  }

  void dialog(const pugi::xml_node& node) {
    Dialog out;
    out.id = attribute(node, "id", kCallIdBytesMax);
    out.call_id = call_id(node);
    if (out.id.empty()) anomaly("dialog without id");
    out.local_tag = attribute(node, "local-tag");
    out.remote_tag = attribute(node, "remote-tag");
    const std::string direction = attribute(node, "direction");
    if (equals_ignore_case(direction, "initiator"))
      out.direction = DialogDirection::initiator;
    else if (equals_ignore_case(direction, "recipient"))
      out.direction = DialogDirection::recipient;
    else if (!direction.empty())
      anomaly("direction word");
    state(node, out);
    out.local = party(child(node, "local"));
    out.remote = party(child(node, "remote"));
    if (const auto replaces = child(node, "replaces")) out.replaces = call_id(replaces);
    if (const auto referred = child(node, "referred-by")) out.referred_by = text(referred);
    out_.dialogs.push_back(std::move(out));
  }

  void version(const pugi::xml_node& root) {
    const std::string word = attribute(root, "version");
    const auto number = parse_int(word);
    if (number && *number >= 0 && *number <= 0x7fffffff)
      out_.version = static_cast<std::uint32_t>(*number);
    else
      anomaly("version");
  }

 private:
  DialogInfo& out_;
};

/// Walks without recursion: the depth is the sender's choice.
std::optional<Error> check_shape(const pugi::xml_node& root) {
  std::size_t depth = 1;
  for (pugi::xml_node node = root; node;) {
    std::size_t attributes = 0;
    for ([[maybe_unused]] const auto& item : node.attributes())
      if (++attributes > kDialogInfoAttributesMax)
        return Error{Errc::too_many_fields, "an element has too many attributes"};
    if (depth > kDialogInfoDepthMax) return Error{Errc::too_deep, "the document is too deep"};
    if (const auto first = node.first_child()) {
      node = first;
      ++depth;
      continue;
    }
    while (node != root && !node.next_sibling()) {
      node = node.parent();
      --depth;
    }
    if (node == root) break;
    node = node.next_sibling();
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(DialogState state) {
  return kStateWords[static_cast<std::size_t>(state)];
}

Result<DialogInfo> parse_dialog_info(std::string_view xml) {
  if (xml.size() > kDialogInfoBytesMax)
    return Error{Errc::body_too_large, "the document is too large"};
  if (xml.find('\0') != std::string_view::npos || !is_utf8(xml))
    return Error{Errc::bad_encoding, "the document is not UTF-8"};

  pugi::xml_document document;
  const auto parsed = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_default | pugi::parse_doctype, pugi::encoding_utf8);
  if (!parsed) return Error{Errc::bad_request, "the document is not well-formed"};
  pugi::xml_node root;
  for (const auto& node : document.children()) {
    if (node.type() == pugi::node_doctype)
      return Error{Errc::bad_request, "the document has a DTD"};
    if (node.type() != pugi::node_element) continue;
    if (root) return Error{Errc::bad_request, "the document has two roots"};
    root = node;
  }
  if (!root || local_name(root.name()) != "dialog-info")
    return Error{Errc::bad_request, "the root is not dialog-info"};
  if (auto problem = check_shape(root)) return *problem;

  DialogInfo out;
  Reader reader{out};
  const std::string_view name{root.name()};
  const auto colon = name.find(':');
  const std::string declared = colon == std::string_view::npos
                                   ? std::string{"xmlns"}
                                   : "xmlns:" + std::string{name.substr(0, colon)};
  if (root.attribute(declared.c_str()).value() != kNamespace) reader.anomaly("namespace");
  out.entity = reader.attribute(root, "entity", kTextBytesMax);
  if (out.entity.empty()) reader.anomaly("entity");
  reader.version(root);
  const std::string state = reader.attribute(root, "state");
  out.full = !equals_ignore_case(state, "partial");
  if (out.full && !equals_ignore_case(state, "full")) reader.anomaly("document state");
  for (const auto& node : root.children()) {
    if (node.type() != pugi::node_element || local_name(node.name()) != "dialog") continue;
    if (out.dialogs.size() == kDialogsMax) return Error{Errc::too_many_fields, "too many dialogs"};
    reader.dialog(node);
  }
  return out;
}

}  // namespace hookswitch::sip
