#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "model/fact.hpp"
#include "sources/sip/dialog_info.hpp"
#include "sources/sip/dialog_tracker.hpp"

namespace hookswitch::sip::test {

inline std::filesystem::path data_folder() {
  return std::filesystem::path{HOOKSWITCH_SOURCE_DIR} / "tests/unit/sources_sip/data";
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// The recorded bodies of a scenario for one extension, in order.
inline std::vector<std::string> recorded(const std::string& scenario, const std::string& ext) {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : std::filesystem::directory_iterator{data_folder()}) {
    const std::string name = file.path().filename().string();
    if (name.starts_with(scenario + "-") && name.ends_with("-dialog-" + ext + ".xml"))
      paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> out;
  for (const auto& path : paths) out.push_back(read_file(path));
  return out;
}

inline std::string document(int version, std::string_view dialogs,
                            std::string_view state = "full") {
  return "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" "
         "version=\"" +
         std::to_string(version) + "\" state=\"" + std::string{state} +
         "\" entity=\"sip:102@example.com\">" + std::string{dialogs} + "</dialog-info>";
}

/// One <dialog> of a call from 101 to 102 as 102 sees it, unless told otherwise.
struct DialogXml {
  std::string id = "d1", call_id = "call-1", direction = "recipient", state = "early",
              attributes = "", rendering = "";
  std::string str() const {
    std::string out = "<dialog id=\"" + id + "\"";
    if (!call_id.empty()) out += " call-id=\"" + call_id + "\"";
    if (!direction.empty()) out += " direction=\"" + direction + "\"";
    out += "><state" + attributes + ">" + state +
           "</state><local><identity>sip:102@example.com</identity>";
    if (!rendering.empty())
      out += "<target uri=\"sip:102@192.0.2.7\"><param pname=\"+sip.rendering\" pvalue=\"" +
             rendering + "\"/></target>";
    return out +
           "</local><remote><identity display=\"Jane "
           "Doe\">sip:101@example.com</identity></remote></dialog>";
  }
};

inline std::string dialog(DialogXml xml) { return xml.str(); }

/// A tracker with its documents and clock.
struct Feed {
  explicit Feed(std::string ext = "102") : tracker(std::move(ext), watched) {}

  std::vector<Fact> xml(std::string_view text) {
    const auto info = parse_dialog_info(text);
    if (!info) return {};
    return tracker.feed(*info, time);
  }
  /// A full document of the next version.
  std::vector<Fact> full(std::string_view dialogs) { return xml(document(++version, dialogs)); }
  std::vector<Fact> partial(std::string_view dialogs) {
    return xml(document(++version, dialogs, "partial"));
  }
  void pass(milliseconds some) { time += some; }

  std::set<std::string, std::less<>> watched{"101", "102", "103"};
  Time time = from_unix_ms(1'800'000'000'000);
  int version = 0;
  DialogTracker tracker;
};

/// "ringing answered ended"
inline std::string types(const std::vector<Fact>& facts) {
  std::string out;
  for (const Fact& fact : facts) {
    if (!out.empty()) out += ' ';
    out += to_string(fact.type);
  }
  return out;
}

}  // namespace hookswitch::sip::test
