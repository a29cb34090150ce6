#include "sources/sip/watcher.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "sources/sip/dialog_info.hpp"
#include "sources/sip/dialog_tracker.hpp"
#include "sources/sip/retry.hpp"

#define NUA_MAGIC_T hookswitch::sip::Watcher::Impl
#define NUA_HMAGIC_T hookswitch::sip::Subscription
namespace hookswitch::sip {
struct Subscription;
}
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/nua.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_tagarg.h>

namespace hookswitch::sip {

using Clock = std::chrono::steady_clock;

/// One watched extension.
struct Subscription {
  enum class State { due, asked, active };

  Subscription(std::string extension, const std::set<std::string, std::less<>>& watched,
               const NumberPlan& numbers)
      : ext(std::move(extension)), tracker(ext, watched, numbers) {}

  std::string ext;
  DialogTracker tracker;
  Retry retry;
  State state = State::due;
  Clock::time_point due{};
  Clock::time_point active_since{};
  Clock::time_point refreshed{};
  bool lived = false;
  bool wants_refresh = false;
  int challenges = 0;  ///< answered since the last 2xx
  std::string expires;
  nua_handle_t* handle = nullptr;
  std::string trouble;
};

namespace {

constexpr int kChallengesMax = 2;  // one, and one more for a stale nonce
constexpr std::chrono::seconds kRefreshEvery{5};
constexpr std::size_t kReasonBytesMax = 120;
constexpr unsigned kMessageBytesMax = 256 * 1024;

/// What a peer wrote, fit for a log line or a health reason.
std::string cleaned(const char* text) {
  std::string out =
      text == nullptr ? "" : std::string{std::string_view{text}.substr(0, kReasonBytesMax)};
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out;
}

/// Our address on the way to the server: the Contact must be one the server can reach, not the
/// first of the machine.
std::string local_address(const ServerAddress& server) {
  if (!server.literal) return "0.0.0.0";
  sockaddr_storage address{};
  socklen_t size = 0;
  if (server.host.front() == '[') {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(5060);
    inet_pton(AF_INET6, server.host.substr(1, server.host.size() - 2).c_str(), &in6->sin6_addr);
    size = sizeof(sockaddr_in6);
  } else {
    auto* in4 = reinterpret_cast<sockaddr_in*>(&address);
    in4->sin_family = AF_INET;
    in4->sin_port = htons(5060);
    inet_pton(AF_INET, server.host.c_str(), &in4->sin_addr);
    size = sizeof(sockaddr_in);
  }
  const int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "0.0.0.0";
  char text[INET6_ADDRSTRLEN] = "";
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    if (address.ss_family == AF_INET6)
      inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr, text, sizeof text);
    else
      inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&address)->sin_addr, text, sizeof text);
  }
  close(fd);
  if (text[0] == '\0') return "0.0.0.0";
  return address.ss_family == AF_INET6 ? fmt::format("[{}]", text) : std::string{text};
}

/// Whether the message under way came from the server's address; true when the server is a name and
/// cannot be compared.
bool from_server(nua_t* nua, const ServerAddress& server) {
  if (!server.literal) return true;
  msg_t* msg = nua_current_request(nua);
  const su_sockaddr_t* from = msg == nullptr ? nullptr : msg_addr(msg);
  if (from == nullptr) return false;
  char text[INET6_ADDRSTRLEN] = "";
  if (from->su_family == AF_INET) inet_ntop(AF_INET, &from->su_sin.sin_addr, text, sizeof text);
  unsigned char expected[16];
  if (from->su_family == AF_INET6) {
    const std::string host =
        server.host.front() == '[' ? server.host.substr(1, server.host.size() - 2) : "";
    return inet_pton(AF_INET6, host.c_str(), expected) == 1 &&
           std::equal(expected, expected + 16, from->su_sin6.sin6_addr.s6_addr);
  }
  return server.host == text;
}

/// The realm of a Digest challenge; nullopt when there is none that we may answer.
std::optional<std::string> challenge_realm(const msg_auth_t* challenge,
                                           const std::string& configured) {
  for (; challenge != nullptr; challenge = challenge->au_next) {
    if (challenge->au_scheme == nullptr || !equals_ignore_case(challenge->au_scheme, "Digest"))
      continue;
    const char* raw = msg_params_find(challenge->au_params, "realm=");
    std::string_view realm = raw == nullptr ? "" : raw;
    if (realm.size() >= 2 && realm.front() == '"' && realm.back() == '"')
      realm = realm.substr(1, realm.size() - 2);
    if (!is_safe_realm(realm)) continue;
    if (configured.empty() || configured == realm) return std::string{realm};
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> seconds_of(const char* text) {
  const auto number = parse_int(text == nullptr ? "" : text);
  if (!number || *number < 0 || *number > 1'000'000) return std::nullopt;
  return std::chrono::seconds{*number};
}

}  // namespace

struct Watcher::Impl {
  Impl(std::size_t source_index, const SourceSettings& source, WatcherOwner& to)
      : index(source_index),
        settings(source),
        owner(to),
        watched(source.watch.begin(), source.watch.end()) {}

  // ---- asking
  void subscribe(Subscription& sub) {
    const std::string uri = fmt::format("sip:{}@{}", uri_user(sub.ext), domain);
    const std::string to = fmt::format("<{}>", uri);
    const std::string user = settings.username.empty() ? "hookswitch" : uri_user(settings.username);
    const std::string from = fmt::format("<sip:{}@{}>", user, domain);
    sub.handle = nua_handle(nua, &sub, NUTAG_URL(uri.c_str()), SIPTAG_TO_STR(to.c_str()),
                            SIPTAG_FROM_STR(from.c_str()), TAG_END());
    if (sub.handle == nullptr) {
      sub.due = Clock::now() + kRetryMost;
      return;
    }
    sub.state = Subscription::State::asked;
    sub.challenges = 0;
    sub.tracker.new_subscription();
    sub.wants_refresh = false;  // its first document is a full one anyway
    ask(sub);
  }

  void ask(Subscription& sub) {
    sub.refreshed = Clock::now();
    nua_subscribe(sub.handle, SIPTAG_EVENT_STR("dialog"),
                  SIPTAG_ACCEPT_STR("application/dialog-info+xml"),
                  SIPTAG_EXPIRES_STR(sub.expires.c_str()), TAG_END());
  }

  void authenticate(Subscription& sub, int status, const sip_t* sip) {
    const auto realm = sip == nullptr ? std::nullopt
                                      : challenge_realm(status == 401 ? sip->sip_www_authenticate
                                                                      : sip->sip_proxy_authenticate,
                                                        settings.realm);
    if (settings.username.empty())
      return failed(sub, {.status = status}, "the server asks for a password, but none is set");
    if (!realm)
      return failed(sub, {.status = status},
                    "the server asks for a password in a realm or way that is not ours");
    if (!from_server(nua, server))
      return failed(sub, {.status = status}, "a challenge that is not from the server");
    if (sub.challenges++ >= kChallengesMax)
      return failed(sub, {.status = status}, "the server refuses the user name or password");
    const std::string credentials =
        fmt::format("Digest:\"{}\":{}:{}", *realm, settings.username, settings.password.reveal());
    nua_authenticate(sub.handle, NUTAG_AUTH(credentials.c_str()), TAG_END());
  }

  // ---- answers
  void on_answer(Subscription& sub, int status, const char* phrase, const sip_t* sip) {
    if (status < 200) return;
    if (status == 401 || status == 407) return authenticate(sub, status, sip);
    if (status < 300) {
      sub.challenges = 0;
      return;
    }
    // sofia's own 904: the server gave the challenge again that we had answered.
    if (status == 904)
      return failed(sub, {.status = 401}, "the server refuses the user name or password");
    Ending ending{.status = status};
    if (sip != nullptr && sip->sip_retry_after != nullptr)
      ending.after = std::chrono::seconds{sip->sip_retry_after->af_delta};
    if (status == 423 && sip != nullptr && sip->sip_min_expires != nullptr &&
        sip->sip_min_expires->me_delta <= static_cast<unsigned>(kExpiresMax))
      sub.expires = std::to_string(sip->sip_min_expires->me_delta);
    failed(sub, ending, fmt::format("{} {}", status, cleaned(phrase)));
  }

  void on_notify(Subscription& sub, const sip_t* sip) {
    ++notifies;
    const sip_subscription_state_t* state = sip->sip_subscription_state;
    const std::string word =
        to_lower(state == nullptr || state->ss_substate == nullptr ? "active" : state->ss_substate);
    if (sub.state != Subscription::State::active && word == "active") {
      sub.state = Subscription::State::active;
      sub.active_since = Clock::now();
      sub.lived = false;
      sub.trouble.clear();
    }
    on_body(sub, sip, word == "active");
    if (word == "terminated") {
      const std::string reason = to_lower(cleaned(state->ss_reason));
      failed(sub, {.reason = reason, .after = seconds_of(state->ss_retry_after)},
             "the server ended the subscription: " + reason);
    } else if (sub.tracker.take_wants_refresh() && Clock::now() - sub.refreshed > kRefreshEvery) {
      ask(sub);
    }
  }

  void on_body(Subscription& sub, const sip_t* sip, bool active) {
    const sip_payload_t* payload = sip->sip_payload;
    if (payload == nullptr || payload->pl_len == 0) {
      // A pending subscription has no state yet, an ended one no longer: only an active one says
      // "nothing".
      if (active) tell(sub.tracker.feed_nothing(now()));
      return;
    }
    const sip_content_type_t* type = sip->sip_content_type;
    if (type == nullptr || type->c_type == nullptr ||
        !equals_ignore_case(type->c_type, "application/dialog-info+xml"))
      return odd(sub, "NOTIFY of another content type");
    // The payload dies with the callback.
    const std::string body{payload->pl_data, payload->pl_len};
    const auto info = parse_dialog_info(body);
    if (!info) return odd(sub, info.error().detail);
    if (!info->anomalies.empty()) odd(sub, info->anomalies.front());
    tell(sub.tracker.feed(*info, now()));
  }

  void failed(Subscription& sub, Ending ending, std::string why) {
    const auto at = Clock::now();
    ending.was_active = sub.state == Subscription::State::active;
    if (ending.was_active)
      ending.lived = std::chrono::duration_cast<milliseconds>(at - sub.active_since);
    const milliseconds wait = sub.retry.after(ending, static_cast<std::uint32_t>(random_u64()));
    owner.on_log("debug", "sip_subscription_lost", index, why);
    sub.trouble = std::move(why);
    sub.state = Subscription::State::due;
    sub.due = at + wait;
    nua_handle_t* handle = std::exchange(sub.handle, nullptr);
    if (handle != nullptr) nua_handle_destroy(handle);
  }

  void odd(Subscription& sub, std::string_view why) {
    if (++anomalies == 1)
      owner.on_log("info", "sip_document_odd", index,
                   fmt::format("first of its kind, extension {}: {}", sub.ext, why));
  }

  void tell(std::vector<Fact> facts) {
    if (!facts.empty()) owner.on_facts(index, std::move(facts));
  }

  void on_event(nua_event_t event, int status, const char* phrase, nua_handle_t* nh,
                Subscription* sub, const sip_t* sip) {
    if (event == nua_r_shutdown) {
      if (status >= 200) shut = true;
      return;
    }
    // A destroyed handle may still have events under way.
    if (sub == nullptr || sub->handle == nullptr || sub->handle != nh || stopping) return;
    if (event == nua_r_subscribe) on_answer(*sub, status, phrase, sip);
    if (event == nua_i_notify && sip != nullptr) on_notify(*sub, sip);
  }

  std::size_t index;
  SourceSettings settings;
  WatcherOwner& owner;
  std::set<std::string, std::less<>> watched;
  ServerAddress server;
  std::string domain;
  std::vector<std::unique_ptr<Subscription>> subs;
  std::size_t next = 0;
  nua_t* nua = nullptr;
  std::int64_t notifies = 0, anomalies = 0;
  bool stopping = false, shut = false;
};

namespace {

// noexcept: an exception must not unwind through sofia's C frames.
extern "C" void hookswitch_sip_on_nua_event(nua_event_t event, int status, const char* phrase,
                                            nua_t*, nua_magic_t* watcher, nua_handle_t* nh,
                                            nua_hmagic_t* sub, const sip_t* sip, tagi_t*) noexcept {
  watcher->on_event(event, status, phrase, nh, sub, sip);
}

}  // namespace

Watcher::Watcher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Watcher::~Watcher() = default;

std::unique_ptr<Watcher> Watcher::create(su_root_s* root, std::size_t index,
                                         const SourceSettings& settings, WatcherOwner& owner) {
  auto impl = std::make_unique<Impl>(index, settings, owner);
  const auto server = parse_server(settings.server);
  if (!server) return nullptr;
  impl->server = *server;
  impl->domain = settings.domain.empty() ? server->host : settings.domain;
  const char* transport = server->tcp ? "tcp" : "udp";
  const std::string local = fmt::format("sip:{}:*;transport={}", local_address(*server), transport);
  const std::string port = server->port == 0 ? "" : fmt::format(":{}", server->port);
  const std::string proxy = fmt::format("sip:{}{};transport={}", server->host, port, transport);
  impl->nua = nua_create(root, hookswitch_sip_on_nua_event, impl.get(), NUTAG_URL(local.c_str()),
                         NUTAG_PROXY(proxy.c_str()), NUTAG_MEDIA_ENABLE(0),
                         SIPTAG_ALLOW_STR("NOTIFY, OPTIONS"), SIPTAG_USER_AGENT_STR("hookswitch"),
                         NUTAG_ENABLEINVITE(0), NUTAG_ENABLEMESSAGE(0),
                         NTATAG_MAXSIZE(kMessageBytesMax), TAG_END());
  if (impl->nua == nullptr) return nullptr;
  for (const std::string& ext : settings.watch) {
    impl->subs.push_back(
        std::make_unique<Subscription>(ext, impl->watched, impl->settings.numbers));
    impl->subs.back()->expires = std::to_string(settings.expires_s);
  }
  return std::unique_ptr<Watcher>{new Watcher{std::move(impl)}};
}

void Watcher::restore(const Fact& fact) {
  for (const auto& sub : impl_->subs)
    if (sub->ext == fact.agent.ext) sub->tracker.restore(fact);
}

void Watcher::refresh(const std::vector<std::string>& extensions) {
  for (const auto& sub : impl_->subs) {
    if (std::find(extensions.begin(), extensions.end(), sub->ext) == extensions.end()) continue;
    sub->tracker.confirm_next();
    sub->wants_refresh = true;
  }
}

int Watcher::turn(int budget) {
  const auto at = Clock::now();
  const Time wall = now();
  int sent = 0;
  for (std::size_t i = 0; i < impl_->subs.size(); ++i) {
    Subscription& sub = *impl_->subs[(impl_->next + i) % impl_->subs.size()];
    if (const auto due = sub.tracker.due(); due && *due <= wall)
      impl_->tell(sub.tracker.tick(wall));
    if (sub.state == Subscription::State::active && !sub.lived &&
        at - sub.active_since >= kShortLife) {
      sub.lived = true;
      sub.retry.succeeded();
    }
    if (sub.state == Subscription::State::active && sub.wants_refresh && sent < budget &&
        !impl_->stopping) {
      sub.wants_refresh = false;
      impl_->ask(sub);
      ++sent;
    }
    if (sub.state != Subscription::State::due || sub.due > at || sent == budget || impl_->stopping)
      continue;
    impl_->subscribe(sub);
    ++sent;
  }
  // The next turn begins elsewhere, so that no extension waits for ever behind others.
  impl_->next = (impl_->next + 1) % impl_->subs.size();
  return sent;
}

Health Watcher::health() const {
  Health out;
  out.source = impl_->index;
  out.watched = static_cast<std::int64_t>(impl_->subs.size());
  out.notifies = impl_->notifies;
  out.anomalies = impl_->anomalies;
  for (const auto& sub : impl_->subs) {
    if (sub->state == Subscription::State::active)
      ++out.subscriptions_active;
    else if (out.reason.empty())
      out.reason = sub->trouble;
  }
  out.up = out.subscriptions_active > 0;
  return out;
}

void Watcher::stop() {
  if (std::exchange(impl_->stopping, true)) return;
  nua_shutdown(impl_->nua);
}

bool Watcher::stopped() const { return impl_->shut; }

}  // namespace hookswitch::sip
