#include "sinks/sink_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace hookswitch {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPlaceBytesMax = 4 * 1024 * 1024;
constexpr std::size_t kLetterBytesMax = 2 * kOwnJsonBytesMax;  // a body, escaped

std::string encode(const DeadLetter& letter) {
  json::Writer out;
  out.begin_object().member("id", letter.id).member("lane", letter.lane);
  out.member("type", letter.type).member("call", letter.call).member("cursor", letter.cursor);
  out.member("reason", letter.reason).member("at", to_rfc3339(letter.at));
  out.member("attempts", static_cast<std::int64_t>(letter.attempts)).member("body", letter.body);
  out.end_object();
  return out.str();
}

std::optional<DeadLetter> decode(std::string_view text) {
  const auto document = json::parse(text, {.bytes_max = text.size() + 1});
  if (!document) return std::nullopt;
  DeadLetter out;
  for (const auto& [name, into] :
       {std::pair{"id", &out.id}, std::pair{"lane", &out.lane}, std::pair{"type", &out.type},
        std::pair{"call", &out.call}, std::pair{"cursor", &out.cursor},
        std::pair{"reason", &out.reason}, std::pair{"body", &out.body}}) {
    const auto value = json::find_string(*document, name);
    if (!value) return std::nullopt;
    *into = *value;
  }
  const auto at = json::find_string(*document, "at");
  out.at = parse_rfc3339(at.value_or("")).value_or(Time{});
  out.attempts = static_cast<unsigned>(json::find_int(*document, "attempts").value_or(0));
  return out;
}

Error failure(const std::string& path) {
  return {Errc::journal_io, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
}

}  // namespace

SinkStore::SinkStore(std::string folder, std::string org, std::string name)
    : folder_(std::move(folder)), org_(std::move(org)), name_(std::move(name)) {
  if (folder_.empty()) return;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{folder_ + "/" + name_ + ".dead", ignored}) {
    const std::string file = entry.path().filename().string();
    const auto dash = file.find('-');
    const auto number = parse_int(file.substr(0, dash));
    if (dash == std::string::npos || !number || *number < 1 || !file.ends_with(".json")) continue;
    const auto size = static_cast<std::size_t>(fs::file_size(entry.path(), ignored));
    index_.push_back({static_cast<std::uint64_t>(*number),
                      file.substr(dash + 1, file.size() - dash - 6),
                      size,
                      {}});
    bytes_ += size;
    next_ = std::max(next_, static_cast<std::uint64_t>(*number) + 1);
  }
  std::sort(index_.begin(), index_.end(),
            [](const Entry& a, const Entry& b) { return a.number < b.number; });
}

std::optional<Progress> SinkStore::load() const {
  const std::string path = folder_ + "/" + name_ + ".cursor";
  std::error_code ignored;
  if (folder_.empty() || !fs::exists(path, ignored)) return std::nullopt;
  const auto text = read_file(path, kPlaceBytesMax);
  auto out = text ? Progress::decode(*text, org_) : std::nullopt;
  if (!out) log::error("sink_cursor_unreadable", {{"sink", name_}, {"path", path}});
  return out;
}

Result<void> SinkStore::save(const Progress& progress) {
  if (folder_.empty()) return {};
  return write(folder_, name_ + ".cursor", progress.encode(org_));
}

Result<void> SinkStore::write(const std::string& folder, const std::string& name,
                              std::string_view text) {
  const std::string path = folder + "/" + name, aside = path + ".new";
  for (const auto& each : {folder_, folder})
    if (::mkdir(each.c_str(), 0700) != 0 && errno != EEXIST) return failure(each);
  const int fd = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failure(aside);
  bool good = true;
  while (good && !text.empty()) {
    const auto size = ::write(fd, text.data(), text.size());
    good = size > 0 || (size < 0 && errno == EINTR);
    if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
  }
  good = good && ::fdatasync(fd) == 0;
  const auto why = errno;
  ::close(fd);
  errno = why;
  if (!good || ::rename(aside.c_str(), path.c_str()) != 0) {
    const Error out = failure(path);
    ::unlink(aside.c_str());
    return out;
  }
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    good = ::fsync(directory) == 0;
    ::close(directory);
  }
  if (!good) return failure(folder);
  return {};
}

std::string SinkStore::file_of(const Entry& entry) const {
  return fmt::format("{:012}-{}.json", entry.number, entry.id);
}

std::optional<DeadLetter> SinkStore::read(const Entry& entry) const {
  if (folder_.empty()) return decode(entry.text);
  const auto text = read_file(folder_ + "/" + name_ + ".dead/" + file_of(entry), kLetterBytesMax);
  return text ? decode(*text) : std::nullopt;
}

Result<std::size_t> SinkStore::bury(const DeadLetter& letter) {
  std::string text = encode(letter);
  Entry entry{next_, letter.id, text.size(), {}};
  if (folder_.empty())
    entry.text = std::move(text);
  else if (auto written = write(folder_ + "/" + name_ + ".dead", file_of(entry), text); !written)
    return written.error();
  ++next_;
  raise(letter.id);
  bytes_ += entry.bytes;
  index_.push_back(std::move(entry));
  std::size_t dropped = 0;
  while (index_.size() > kDeadLettersMax || (bytes_ > kDeadBytesMax && index_.size() > 1)) {
    drop(0);
    ++dropped;
  }
  return dropped;
}

std::vector<DeadLetter> SinkStore::letters(std::size_t from, std::size_t most) const {
  std::vector<DeadLetter> out;
  for (std::size_t i = from; i < index_.size() && out.size() < most; ++i)
    if (auto one = read(index_[i])) out.push_back(std::move(*one));
  return out;
}

std::optional<DeadLetter> SinkStore::letter(const std::string& id) const {
  for (const auto& entry : index_)
    if (entry.id == id) return read(entry);
  return std::nullopt;
}

void SinkStore::raise(const std::string& id) {
  for (std::size_t i = 0; i < index_.size(); ++i)
    if (index_[i].id == id) return drop(i);
}

void SinkStore::drop(std::size_t at) {
  const Entry& entry = index_[at];
  if (!folder_.empty()) ::unlink((folder_ + "/" + name_ + ".dead/" + file_of(entry)).c_str());
  bytes_ -= entry.bytes;
  index_.erase(index_.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace hookswitch
