#include "recorder/recorder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.hpp"

namespace hookswitch {
namespace {

constexpr std::uint64_t kSegmentsPerRecording = 16;  // the oldest takes a sixteenth with it
constexpr std::uint64_t kSegmentBytesLeast = 64 * 1024;
constexpr std::uint64_t kSegmentBytesMost = 16 * 1024 * 1024;
constexpr std::uint64_t kPendingBytesMax = 64 * 1024 * 1024;  // one turn's facts and events
constexpr auto kRetryPause = std::chrono::seconds{1};

}  // namespace

Recorder::Recorder(RecorderOptions options, Registry& registry)
    : options_(std::move(options)),
      errors_(registry.counter("hookswitch_recorder_errors_total",
                               "Turns whose inputs and events could not be recorded.")),
      bytes_(registry.gauge("hookswitch_recorder_bytes", "Size of the recording.")) {}

Recorder::~Recorder() { close_segment(); }

void Recorder::settings(Time at, const CallLimits& limits,
                        const std::vector<record::SourceSettings>& sources) {
  if (!on()) return;
  json::Writer out;
  out.begin_object().member("in", "settings");
  record::write_settings(out, at, limits, sources);
  out.end_object();
  settings_ = out.str() + "\n";
  head_changed_ = true;
}

void Recorder::directory(Time at, const Directory& directory,
                         const std::vector<std::string>& orgs) {
  if (!on()) return;
  json::Writer out;
  out.begin_object().member("in", "directory");
  record::write_directory(out, at, directory, orgs);
  out.end_object();
  directory_ = out.str() + "\n";
  head_changed_ = true;
}

std::uint64_t Recorder::raw(const RawInput& raw) {
  if (!on()) return 0;
  line_.clear();
  line_.begin_object().member("in", "raw").member("raw", static_cast<std::int64_t>(++raws_));
  write_raw(line_, raw);
  end_line();
  return raws_;
}

void Recorder::event(const Event& event, std::string_view frame) {
  if (!on()) return;
  line_.clear();
  line_.begin_object().member("out", frame).member("org", std::string_view{event.org});
  if (event.call) line_.member("call", std::string_view{event.call->id});
  record::write_texts(line_, "audience", event.audience);
  end_line();
}

void Recorder::end_line() {
  line_.end_object();
  const auto text = line_.view();
  if (text.size() > segments::kLineBytesMax ||
      pending_.size() + text.size() >= std::min(kPendingBytesMax, options_.bytes_max / 2)) {
    if (!lost_) errors_.add();
    lost_ = true;
    return;
  }
  pending_ += text;
  pending_ += '\n';
}

void Recorder::discard() { pending_.clear(); }

void Recorder::flush(Time now) {
  if (!on()) return;
  if (!stock_taken_) take_stock();
  if (pending_.empty() && !head_changed_ && !lost_) return make_room(now, 0);
  if (failing_ && now < retry_at_) {
    lost_ = true;
    pending_.clear();
    return;
  }
  const std::uint64_t bytes = 2 * (settings_.size() + directory_.size()) + pending_.size();
  const auto segment_max =
      std::min(options_.bytes_max / 2, std::clamp(options_.bytes_max / kSegmentsPerRecording,
                                                  kSegmentBytesLeast, kSegmentBytesMost));
  const bool full = fd_ >= 0 && segments_.back().bytes + bytes > segment_max;
  if (full || now - opened_ > options_.keep / kSegmentsPerRecording || now < opened_)
    close_segment();
  make_room(now, bytes);
  if (fd_ < 0 && !open_segment(now)) return;
  std::string text;
  if (head_changed_) text = settings_ + directory_;
  if (lost_) text += R"({"in":"gap","t":)" + std::to_string(to_unix_ms(now)) + "}\n";
  text += pending_;
  if (!write(text)) return fail(now, std::strerror(errno));
  segments_.back().written_ms = to_unix_ms(now);
  bytes_.set(static_cast<std::int64_t>(total_));
  pending_.clear();
  lost_ = head_changed_ = false;
  if (failing_) log::notice("recorder_recovered");
  failing_ = false;
}

bool Recorder::open_segment(Time now) {
  if (::mkdir(options_.folder.c_str(), 0700) != 0 && errno != EEXIST) {
    fail(now, std::strerror(errno));
    return false;
  }
  const auto number = segments_.empty() ? 1 : segments_.back().number + 1;
  const std::string path = options_.folder + "/" + segments::name_of(number);
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) {
    const std::string why = std::strerror(errno);
    if (errno == EEXIST) take_stock();  // somebody else's; ours is the next
    fail(now, why);
    return false;
  }
  segments_.push_back({number, path, 0, to_unix_ms(now)});
  opened_ = now;
  head_changed_ = false;
  if (write(settings_ + directory_)) return true;
  fail(now, std::strerror(errno));
  return false;
}

bool Recorder::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(fd_, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
    segments_.back().bytes += static_cast<std::uint64_t>(size);
    total_ += static_cast<std::uint64_t>(size);
  }
  return true;
}

void Recorder::close_segment() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Recorder::fail(Time now, const std::string& why) {
  errors_.add();
  if (!failing_) log::warning("recorder_failed", {{"folder", options_.folder}, {"why", why}});
  // Its last line may be torn: nothing may follow in that file.
  close_segment();
  if (!segments_.empty() && segments_.back().bytes == 0) {
    ::unlink(segments_.back().path.c_str());
    segments_.pop_back();
  }
  failing_ = lost_ = true;
  retry_at_ = now + kRetryPause;
  pending_.clear();
}

void Recorder::make_room(Time now, std::uint64_t bytes) {
  const auto oldest_ms = to_unix_ms(now - options_.keep);
  while (!segments_.empty()) {
    const auto& oldest = segments_.front();
    const bool open = fd_ >= 0 && segments_.size() == 1;
    const bool old = oldest.written_ms < oldest_ms;
    if (!old && (open || total_ + bytes <= options_.bytes_max)) break;
    if (open) close_segment();
    ::unlink(oldest.path.c_str());
    total_ -= std::min(total_, oldest.bytes);
    segments_.pop_front();
  }
  bytes_.set(static_cast<std::int64_t>(total_));
}

void Recorder::take_stock() {
  stock_taken_ = true;
  segments_.clear();
  total_ = 0;
  for (auto& segment : segments::list(options_.folder)) {
    total_ += segment.bytes;
    segments_.push_back(std::move(segment));
  }
}

}  // namespace hookswitch
