#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hookswitch::http_client {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
  unsigned status = 0;
  Headers headers;  ///< names in lower case
  std::string body;

  /// First value of a header (name in lower case); empty when there is none.
  std::string_view header(std::string_view name) const;
};

/// Reads one response from the bytes of a connection, strictly (RFC 9112): a status line of
/// HTTP/1.0 or 1.1, no line folding, no bare CR or LF, one plain Content-Length or exactly
/// `chunked`. Interim answers are passed over, a few of them; an upgrade is refused. What a server
/// may make us hold or do is bounded. Pure.
class ResponseReader {
 public:
  struct Limits {
    std::size_t head_bytes_max = 16 * 1024;
    std::size_t lines_max = 100;  ///< headers and trailers
    std::size_t body_bytes_max = 64 * 1024;
  };
  enum class State : std::uint8_t { head, body, done, bad, too_large };

  /// `has_body`: false for the answer to HEAD.
  ResponseReader(Limits limits, bool has_body) : limits_(limits), expects_body_(has_body) {}

  /// Takes bytes; what comes after the end of the response makes the connection unfit for another.
  State feed(std::string_view bytes);
  /// The server ended the connection.
  State end();
  State state() const { return state_; }
  /// The head is read and the status stands, whatever becomes of the body.
  bool has_status() const { return has_status_; }
  /// After `done`: another request may go over the connection.
  bool keeps() const { return state_ == State::done && keeps_; }
  Response& response() { return response_; }

 private:
  enum class Part : std::uint8_t {
    start,
    header,
    sized,
    chunk_size,
    chunk,
    chunk_end,
    trailer,
    to_end
  };
  State fail(State state = State::bad) { return state_ = state; }
  /// One line without its end. False: failed.
  bool take_line(std::string_view line);
  bool take_start(std::string_view line);
  bool take_header(std::string_view line);
  bool take_chunk_size(std::string_view line);
  bool end_head();
  bool take_body(std::string_view& bytes);

  Limits limits_;
  bool expects_body_;
  State state_ = State::head;
  Part part_ = Part::start;
  bool has_status_ = false, keeps_ = true, is_1_1_ = false;
  bool has_length_ = false, is_chunked_ = false, says_close_ = false, says_keep_ = false;
  int interim_ = 0;
  std::size_t head_bytes_ = 0, lines_ = 0;
  std::uint64_t length_ = 0;  ///< still to come, of the body or the chunk
  std::string line_;
  Response response_;
};

}  // namespace hookswitch::http_client
