#pragma once

#include <cstdint>
#include <deque>

#include "base/secret.hpp"
#include "sources/feed/esl_reader.hpp"
#include "sources/feed/protocol.hpp"

namespace hookswitch::feed {

/// FreeSWITCH's event socket, inbound mode, seen from a client: auth, subscription in JSON, then
/// events. What lives is asked by `api show channels as json`.
class EslProtocol : public FeedProtocol {
 public:
  /// `username`: user@domain of the directory, or empty for the socket's own password.
  EslProtocol(std::string username, Secret password);

  void on_bytes(std::string_view bytes, FeedStep& step) override;
  void ask(FeedStep& step) override;
  void keep_alive(FeedStep& step) override;
  std::size_t skipped() const override { return reader_.skipped(); }

 private:
  enum class Asked : std::uint8_t { auth, events, list, sign_of_life };

  void on_frame(EslFrame frame, FeedStep& step);
  void on_reply(const EslFrame& frame, FeedStep& step);
  void on_answer(const EslFrame& frame, FeedStep& step);
  void say(const std::string& command, Asked what, FeedStep& step);

  const std::string username_;
  const Secret password_;
  EslReader reader_;
  std::deque<Asked> replies_, answers_;  ///< what command/reply and api/response will answer
  bool live_ = false, listing_ = false;
};

/// The rows of `show channels as json`, each with what its events would have said. Errors: those of
/// json::parse, bad_request for another document.
Result<std::vector<ListedChannel>> read_esl_list(std::string_view text);

}  // namespace hookswitch::feed
