#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "model/fact.hpp"
#include "sources/hep/listener.hpp"
#include "sources/sip/settings.hpp"

/// What the daemon and its SIP worker say to each other over a stream socket: 4 bytes of length,
/// big-endian, then that many bytes of JSON, an object with the member `op`. The README of this
/// folder lists the frames. Pure; any thread.
namespace hookswitch::sip {

inline constexpr std::size_t kFrameBytesMax =
    256 * 1024;  // a source with 5000 watched extensions of 32 characters

/// To the worker. Sources are named by their place in the order in which `configure` named them.
struct Configure {
  std::vector<SourceSettings> sources;
  std::vector<hep::SourceSettings> hep{};  ///< behind `sources`
};                                         ///< may come more than once before start; adds
struct Known {
  std::size_t source = 0;
  Fact fact;
};  ///< a leg that had not ended when the last worker died
struct Start {};
struct Stop {};
struct Ping {
  std::int64_t n = 0;
};
struct Refresh {
  std::size_t source = 0;
  std::vector<std::string> extensions;
};  ///< ask for their state now and tell it also where it is no news
using ToWorker = std::variant<Configure, Known, Start, Stop, Ping, Refresh>;

/// To the daemon.
struct FactFrame {
  std::size_t source = 0;
  Fact fact;
};
struct Health {
  std::size_t source = 0;
  bool up = false;
  std::string reason;  ///< why not, or why not all of it
  std::int64_t watched = 0, subscriptions_active = 0;
  std::int64_t notifies = 0, anomalies = 0;  ///< since the worker began
  friend bool operator==(const Health&, const Health&) = default;
};
/// Of a mirrored source, beside its Health.
struct HepCounts {
  std::size_t source = 0;
  hep::Counts counts;  ///< since the worker began
};
struct Pong {
  std::int64_t n = 0;
};
struct LogLine {
  std::string level;  ///< "warning", "info" or "debug"
  std::string event;  ///< the event word
  std::optional<std::size_t> source;
  std::string why;
};
using ToDaemon = std::variant<FactFrame, Health, HepCounts, Pong, LogLine>;

/// The whole frame with its length. Empty when the message would be larger than kFrameBytesMax.
std::string encode(const ToWorker& message);
std::string encode(const ToDaemon& message);

/// Reads the JSON of one frame. Errors: those of json::parse; bad_message for an unknown `op` or a
/// member of the wrong kind.
Result<ToWorker> decode_to_worker(std::string_view json);
Result<ToDaemon> decode_to_daemon(std::string_view json);

/// Cuts a byte stream into frames. After an error nothing more comes out: the stream has lost its
/// place.
class FrameReader {
 public:
  void feed(std::string_view bytes);
  /// The JSON of the next whole frame, valid until the next call of feed(); nullopt: more bytes are
  /// needed, or failed().
  std::optional<std::string_view> next();
  /// A length of 0 or above kFrameBytesMax was announced.
  bool failed() const { return failed_; }

 private:
  std::string buffer_;
  std::size_t read_ = 0;
  bool failed_ = false;
};

}  // namespace hookswitch::sip
