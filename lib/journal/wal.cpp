#include "journal/wal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

namespace hookswitch {
namespace {

constexpr std::size_t kHeaderBytes = kWalHeaderBytes, kFrameHeaderBytes = 24,
                      kPageBytes = kJournalPageBytes;

std::uint32_t big_endian(const unsigned char* at) {
  return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
         static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

/// The log's own running sum.
class Sum {
 public:
  explicit Sum(bool big) : big_(big) {}
  void add(const unsigned char* bytes, std::size_t size) {
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
      first_ += word(bytes + at) + second_;
      second_ += word(bytes + at + 4) + first_;
    }
  }
  bool stands_at(const unsigned char* at) const {
    return big_endian(at) == first_ && big_endian(at + 4) == second_;
  }

 private:
  std::uint32_t word(const unsigned char* at) const {
    const auto number = big_endian(at);
    return big_ ? number : __builtin_bswap32(number);
  }
  bool big_;
  std::uint32_t first_ = 0, second_ = 0;
};

class File {
 public:
  File(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC)), error_(fd_ < 0 ? errno : 0) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  /// Of the open, or of any read since; the end of the file is none.
  int error() const { return error_; }
  /// False: not all of it is there, or error().
  bool read(std::uint64_t at, std::vector<unsigned char>& out) {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto got =
          ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(at + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error_ = errno;
      if (got <= 0) return false;
      done += static_cast<std::size_t>(got);
    }
    return true;
  }

 private:
  int fd_, error_;
};

/// Whether a log without a readable header holds nothing that the file does not: the header is
/// written anew, and synced before anything behind it, when all has been moved.
bool is_all_in_file(File& log, File& database) {
  std::vector<unsigned char> frame(kFrameHeaderBytes + kPageBytes), page(kPageBytes), first;
  std::map<std::uint32_t, std::uint64_t> newest;  // page -> where
  for (std::uint64_t at = kHeaderBytes; log.read(at, frame); at += frame.size()) {
    if (first.empty()) first = frame;
    if (std::equal(frame.begin() + 8, frame.begin() + 16, first.begin() + 8))
      newest[big_endian(frame.data())] = at;
  }
  return std::all_of(newest.begin(), newest.end(), [&](const auto& one) {
    return one.first > 0 && log.read(one.second, frame) &&
           database.read(std::uint64_t{one.first - 1} * kPageBytes, page) &&
           std::equal(page.begin(), page.end(), frame.begin() + kFrameHeaderBytes);
  });
}

WalReport unreadable(int error) {
  WalReport out;
  out.error = std::string{"the journal's log cannot be read: "} + std::strerror(error);
  return out;
}

}  // namespace

WalReport examine_wal(const std::string& database) {
  WalReport out;
  File file{database + "-wal", O_RDONLY};
  std::vector<unsigned char> header(kHeaderBytes);
  if (file.error() == ENOENT) return out;
  if (file.error() == 0 && !file.read(0, header) && file.error() == 0) return out;
  if (file.error() != 0) return unreadable(file.error());
  const auto magic = big_endian(header.data());
  const auto page = big_endian(header.data() + 8);
  Sum sum{(magic & 1) != 0};
  sum.add(header.data(), 24);
  if ((magic & ~1U) != 0x377f0682 || !sum.stands_at(header.data() + 24) || page < 512 ||
      page > 65536) {
    File pages{database, O_RDONLY};
    out.is_damaged = !is_all_in_file(file, pages);
    if (file.error() != 0) return unreadable(file.error());
    if (pages.error() != 0 && pages.error() != ENOENT) return unreadable(pages.error());
    return out;
  }
  const auto salt = big_endian(header.data() + 16), second_salt = big_endian(header.data() + 20);
  out.has_header = true;
  out.salt = salt;
  out.good_bytes = kHeaderBytes;
  bool good = true;
  int lost_commits = 0;
  std::vector<unsigned char> frame(kFrameHeaderBytes + page);
  std::uint64_t count = 0;
  for (std::uint64_t at = kHeaderBytes; file.read(at, frame); at += frame.size()) {
    const bool first_same = big_endian(frame.data() + 8) == salt;
    const bool second_same = big_endian(frame.data() + 12) == second_salt;
    const bool is_commit = big_endian(frame.data() + 4) != 0;
    if (good) {
      sum.add(frame.data(), 8);
      sum.add(frame.data() + kFrameHeaderBytes, page);
      good = first_same && second_same && sum.stands_at(frame.data() + 16);
    }
    ++count;
    if (good && is_commit) {
      out.good_bytes = at + frame.size();
      out.good_frames = count;
    } else if (!good && (first_same || second_same)) {  // else left over from before it began anew
      out.is_tail_dropped = true;
      lost_commits += is_commit ? 1 : 0;
    }
  }
  if (file.error() != 0) return unreadable(file.error());
  out.is_damaged = lost_commits > 1;
  return out;
}

std::uint32_t wal_salt(const unsigned char* header) { return big_endian(header + 16); }

bool cut_wal(const std::string& path, std::uint64_t bytes) {
  const File file{path, O_RDWR};
  if (file.fd() < 0) return file.error() == ENOENT;
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0) return false;
  if (static_cast<std::uint64_t>(info.st_size) <= bytes) return true;
  return ::ftruncate(file.fd(), static_cast<off_t>(bytes)) == 0 && ::fsync(file.fd()) == 0;
}

}  // namespace hookswitch
