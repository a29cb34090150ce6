#pragma once

#include <cstdint>

#include "sources/feed/ami_reader.hpp"
#include "sources/feed/dial_settings.hpp"
#include "sources/feed/protocol.hpp"

namespace hookswitch::feed {

/// Asterisk's manager interface, seen from a client: banner, challenge, login, then events. What
/// lives is asked by CoreShowChannels (its user needs `write = reporting` or `system`).
class AmiProtocol : public FeedProtocol {
 public:
  AmiProtocol(std::string username, Secret password, bool plain_login);

  void on_bytes(std::string_view bytes, FeedStep& step) override;
  void ask(FeedStep& step) override;
  void keep_alive(FeedStep& step) override;
  std::size_t skipped() const override { return reader_.skipped(); }

 private:
  enum class State : std::uint8_t { banner, challenge, login, live };

  void on_banner(FeedStep& step);
  void on_response(const AmiBlock& block, FeedStep& step);
  void on_event(AmiBlock block, FeedStep& step);
  void log_in(const std::string& key, FeedStep& step);
  void take_listed(AmiBlock block, FeedStep& step);

  const std::string username_;
  const Secret password_;
  const bool plain_login_;
  AmiReader reader_;
  State state_ = State::banner;
  std::string list_id_;  ///< ActionID of the list that is being made; empty: none
  std::uint64_t asked_ = 0;
  std::vector<ListedChannel> listed_;
  std::size_t list_bytes_ = 0;
};

}  // namespace hookswitch::feed
