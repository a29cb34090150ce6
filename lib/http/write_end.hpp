#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace hookswitch::http {

/// Where a connection's bytes go: a socket, or what a test puts in its place.
class WriteEnd {
 public:
  virtual ~WriteEnd() = default;
  /// Takes bytes from the front, without waiting. How many; 0: it would have to wait; -1: the
  /// connection is over.
  virtual long try_write(std::span<const iovec> pieces) = 0;
  /// So many bytes of the last try have been promised to the other end: the next try must begin
  /// with the same. 0 but for TLS.
  virtual std::size_t promised() const { return 0; }
};

}  // namespace hookswitch::http
