#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/encoded_frame.hpp"
#include "base/error.hpp"

namespace hookswitch::http {

class PushConnection;

/// Why a connection is closed, and what is said of it beside the name of that.
struct Farewell {
  Errc why = Errc::internal_error;
  std::string detail{};
};

/// What other threads want of one connection.
struct Letter {
  enum class Kind : std::uint8_t { frame, drain_notice, close, released, read_on };
  PushConnection* to;
  std::uint32_t kind : 3;    ///< a Kind
  std::uint32_t value : 29;  ///< frame, close: its place in Letters::frames, farewells
  std::uint32_t next;        ///< for who reads them: the next frame of the same connection
};

/// What came in between two turns of a thread, in order. One event goes to many: its frame is held
/// once.
struct Letters {
  std::vector<Letter> letters;
  std::vector<Frame> frames;
  std::vector<Farewell> farewells;

  /// Keeps its memory for the next turn, but not that of an uncommon one.
  void clear() {
    letters.clear();
    frames.clear();
    std::vector<Farewell>{}.swap(farewells);
    if (letters.capacity() > kCommon) std::vector<Letter>{}.swap(letters);
    if (frames.capacity() > kCommon) std::vector<Frame>{}.swap(frames);
  }

 private:
  static constexpr std::size_t kCommon = 262'144;
};

/// Letters on their way to one thread. It holds no connection alive: a connection stays until its
/// `released`, the last letter to it, has been read. Any thread.
class Mailbox {
 public:
  enum class Put { stored, first, full };
  /// What letters on their way to one thread, and the list of their frames, may take; beyond, the
  /// receiver of the next frame is called slow. An event for ten thousand is 160 kB of it, so it
  /// holds some four hundred of them while the thread is in one turn.
  static constexpr std::size_t kBytesMax = 64 * 1024 * 1024;

  /// first: nothing was waiting, so the reader must be woken. full: it is not taken.
  Put put(PushConnection& to, const Frame& frame);
  Put put(PushConnection& to, Farewell farewell);
  /// `kind`: drain_notice or released.
  Put put(PushConnection& to, Letter::Kind kind);
  /// All that is there, in exchange for an empty `into`.
  void take(Letters& into);
  /// From now on everything is thrown away.
  void close();

 private:
  std::mutex mutex_;
  bool closed_ = false;
  Letters letters_;
};

}  // namespace hookswitch::http
