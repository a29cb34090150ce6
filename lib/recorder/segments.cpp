#include "recorder/segments.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/text.hpp"

namespace hookswitch::segments {
namespace {

constexpr std::string_view kEnding = ".jsonl";

enum class Went { on, away, wrong, stopped };

Went read_lines(const std::string& path, const std::function<bool(std::string_view)>& take) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno == ENOENT ? Went::away : Went::wrong;
  std::string kept;
  bool skipping = false;
  auto went = Went::on;
  std::vector<char> block(256 * 1024);
  while (went == Went::on) {
    const ssize_t size = ::read(fd, block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) went = Went::wrong;
    if (size <= 0) break;
    std::string_view rest{block.data(), static_cast<std::size_t>(size)};
    while (went == Went::on) {
      const auto end = rest.find('\n');
      if (!skipping) kept += rest.substr(0, end);
      if (kept.size() > kLineBytesMax) {
        kept.clear();
        skipping = true;
      }
      if (end == std::string_view::npos) break;
      if (!skipping && !take(kept)) went = Went::stopped;
      kept.clear();
      skipping = false;
      rest.remove_prefix(end + 1);
    }
  }
  ::close(fd);
  return went;
}

}  // namespace

std::string name_of(std::uint64_t number) { return fmt::format("{:06}{}", number, kEnding); }

std::vector<Segment> list(const std::string& folder) {
  std::vector<Segment> out;
  std::error_code problem;
  for (auto it = std::filesystem::directory_iterator{folder, problem};
       !problem && it != std::filesystem::directory_iterator{}; it.increment(problem)) {
    const std::string leaf = it->path().filename().string();
    if (!leaf.ends_with(kEnding)) continue;
    const auto number = parse_int(std::string_view{leaf}.substr(0, leaf.size() - kEnding.size()));
    if (!number || *number < 1 || leaf != name_of(static_cast<std::uint64_t>(*number))) continue;
    struct stat info {};
    if (::stat(it->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    out.push_back({static_cast<std::uint64_t>(*number), it->path().string(),
                   static_cast<std::uint64_t>(info.st_size),
                   info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000});
  }
  std::sort(out.begin(), out.end(),
            [](const Segment& a, const Segment& b) { return a.number < b.number; });
  return out;
}

Result<void> each_line(const std::string& folder,
                       const std::function<bool(std::string_view)>& take) {
  for (const auto& segment : list(folder)) {
    switch (read_lines(segment.path, take)) {
      case Went::wrong:
        return Error{Errc::bad_request,
                     fmt::format("cannot read {}: {}", segment.path, std::strerror(errno))};
      case Went::stopped:
        return {};
      case Went::on:
      case Went::away:  // the daemon has removed the oldest meanwhile
        break;
    }
  }
  return {};
}

}  // namespace hookswitch::segments
