#include "sources/feed/ami_protocol.hpp"

#include <utility>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace hookswitch::feed {
namespace {

/// What a dialect may have a use for; which of them come, `read` of the user says.
constexpr std::string_view kEvents = "call,agent,dialplan";
constexpr std::string_view kBanner = "Asterisk Call Manager/";

std::string event_as(AmiBlock block, std::string_view name) {
  std::erase_if(block.fields, [](const auto& field) { return field.first == "actionid"; });
  block.fields.front().second = name;
  return to_json(block);
}

}  // namespace

AmiProtocol::AmiProtocol(std::string username, Secret password, bool plain_login)
    : username_(std::move(username)), password_(std::move(password)), plain_login_(plain_login) {}

void AmiProtocol::on_bytes(std::string_view bytes, FeedStep& step) {
  while (!step.end) {
    auto block = reader_.next(bytes);
    if (state_ == State::banner && reader_.banner()) on_banner(step);
    if (!block) return;
    if (block->is_response()) on_response(*block, step);
    if (block->is_event()) on_event(std::move(*block), step);
  }
}

void AmiProtocol::on_banner(FeedStep& step) {
  if (!reader_.banner()->starts_with(kBanner)) {
    step.end = FeedEnd{"it is no Asterisk manager interface"};
    return;
  }
  state_ = State::challenge;
  if (plain_login_) return log_in("Secret: " + std::string{password_.reveal()}, step);
  step.send += "Action: Challenge\r\nActionID: challenge\r\nAuthType: MD5\r\n\r\n";
}

void AmiProtocol::log_in(const std::string& key, FeedStep& step) {
  state_ = State::login;
  step.send += "Action: Login\r\nActionID: login\r\nUsername: " + username_ + "\r\n" + key +
               "\r\nEvents: " + std::string{kEvents} + "\r\n\r\n";
}

void AmiProtocol::on_response(const AmiBlock& block, FeedStep& step) {
  const bool good = equals_ignore_case(block["response"], "success");
  const auto id = block["actionid"];
  if (state_ == State::challenge && id == "challenge") {
    const auto challenge = block["challenge"];
    if (!good || challenge.empty()) {
      step.end =
          FeedEnd{"it gives no challenge (plain_login = true would send the password)", true};
      return;
    }
    const auto proof = to_hex(md5(std::string{challenge} + std::string{password_.reveal()}));
    return log_in("AuthType: MD5\r\nKey: " + proof, step);
  }
  if (state_ == State::login && id == "login") {
    if (!good) {
      step.end = FeedEnd{"it refuses the username or the password", true};
      return;
    }
    state_ = State::live;
    step.logged_in = true;
    return ask(step);
  }
  if (!list_id_.empty() && id == list_id_ && !good) {
    list_id_.clear();
    step.note = "CoreShowChannels is refused: the user needs write = reporting";
  }
}

void AmiProtocol::on_event(AmiBlock block, FeedStep& step) {
  if (state_ != State::live) return;
  const bool of_list = !list_id_.empty() && block["actionid"] == list_id_;
  if (!of_list) {
    // A list that we gave up, or that another question of ours brought.
    if (block["actionid"].empty()) step.events.push_back(to_json(block));
    return;
  }
  if (equals_ignore_case(block["event"], "CoreShowChannel"))
    return take_listed(std::move(block), step);
  if (!equals_ignore_case(block["event"], "CoreShowChannelsComplete")) return;
  list_id_.clear();
  step.list = std::exchange(listed_, {});
}

/// A listed channel has the fields of Newchannel and Newstate.
void AmiProtocol::take_listed(AmiBlock block, FeedStep& step) {
  ListedChannel channel{std::string{block["uniqueid"]}, {}};
  if (channel.leg.empty()) return;
  const auto state = parse_int(block["channelstate"]).value_or(0);
  channel.events.push_back(event_as(block, "Newchannel"));
  if (state >= 5) channel.events.push_back(event_as(std::move(block), "Newstate"));
  for (const auto& event : channel.events) list_bytes_ += event.size();
  if (list_bytes_ > kListBytesMax) {
    list_id_.clear();
    listed_.clear();
    step.note = "the list of channels is too long: calls of before are not checked";
    return;
  }
  listed_.push_back(std::move(channel));
}

void AmiProtocol::ask(FeedStep& step) {
  if (state_ != State::live || !list_id_.empty()) return;
  list_id_ = "list-" + std::to_string(++asked_);
  listed_.clear();
  list_bytes_ = 0;
  step.asked = true;
  step.send += "Action: CoreShowChannels\r\nActionID: " + list_id_ + "\r\n\r\n";
}

void AmiProtocol::keep_alive(FeedStep& step) {
  if (state_ == State::live) step.send += "Action: Ping\r\nActionID: ping\r\n\r\n";
}

}  // namespace hookswitch::feed
