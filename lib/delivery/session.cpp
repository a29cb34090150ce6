#include "delivery/session.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

#include "base/ids.hpp"
#include "delivery/control_frames.hpp"

namespace hookswitch {
namespace {

std::atomic<ClientId> g_next_client{1};

/// Whose token this is, by these rules.
Result<Grant> verified(const SessionRules& rules, std::string_view token, Time now) {
  auto grant = rules.verifier->verify(token, now);
  if (grant && rules.directory && rules.directory->find_org(grant->org) == nullptr)
    return Error{Errc::auth_invalid, "no such organisation"};
  return grant;
}

bool hears_events(const Grant& grant) {
  return grant.allows(Scope::events_own) || grant.allows(Scope::events_org);
}

std::optional<Tab> tab_from_json(const json::Value& object) {
  const auto id = json::find_string(object, "id");
  const auto visible = json::find_bool(object, "visible");
  const auto focused = json::find_bool(object, "focused");
  if (!id || id->empty() || id->size() > kIdBytesMax || !visible || !focused) return std::nullopt;
  return Tab{std::string{*id}, *visible, *focused};
}

}  // namespace

/// The highest place of one epoch that the hub has not been told yet. The io thread raises it, the
/// broker's takes it.
struct Session::PendingAck {
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  explicit PendingAck(std::string of) : epoch(std::move(of)) {}

  /// False: it was taken, or never there, and somebody has to come for it again.
  bool raise(std::uint64_t offset) {
    offset = std::min(offset, kNone - 1);
    for (auto now = highest.load(); now != kNone;)
      if (now >= offset || highest.compare_exchange_weak(now, offset)) return true;
    highest.store(offset);
    return false;
  }

  const std::string epoch;
  std::atomic<std::uint64_t> highest{kNone};
};

Result<Grant> admit(const SessionRules& rules, std::string_view token, bool own_host, Time now) {
  if (token.empty()) {
    if (rules.anonymous && own_host) return *rules.anonymous;
    return Error{Errc::auth_missing, "no token"};
  }
  return verified(rules, token, now);
}

Session::Session(std::shared_ptr<const SessionRules> rules, HubPort& port, Registry& registry,
                 std::shared_ptr<FrameSink> sink, Dialect dialect, std::string header_token,
                 bool own_host, Clock::time_point opened)
    : Session(RulesNow{[rules = std::move(rules)] { return rules; }}, port, registry,
              std::move(sink), dialect, std::move(header_token), own_host, opened) {}

Session::Session(RulesNow rules, HubPort& port, Registry& registry, std::shared_ptr<FrameSink> sink,
                 Dialect dialect, std::string header_token, bool own_host, Clock::time_point opened)
    : rules_(std::move(rules)),
      port_(port),
      registry_(registry),
      sink_(std::move(sink)),
      dialect_(dialect),
      header_token_(std::move(header_token)),
      own_host_(own_host),
      opened_(opened),
      id_(g_next_client++),
      place_told_(opened) {}

Session::~Session() { on_closed(); }

void Session::post(std::function<void(Hub&)> work) {
  if (on_the_way_->fetch_add(1) >= kSessionWorkMax) {
    --*on_the_way_;
    return refuse(Errc::overload);
  }
  port_.post([work = std::move(work), count = on_the_way_](Hub& hub) {
    --*count;
    work(hub);
  });
}

void Session::say(std::string text) {
  // By way of the hub, so that it comes after the welcome and after every event that was published
  // before.
  post([id = id_, text = std::move(text)](Hub& hub) { hub.say(id, text); });
}

void Session::complain(Errc why, std::string_view id, std::string_view detail) {
  if (dialect_ == Dialect::native) say(error_frame(why, id, detail));
}

void Session::refuse(Errc why) {
  if (closed_) return;
  registry_
      .counter("hookswitch_client_refusals_total",
               "Clients refused or closed for what they sent, by reason.",
               {{"code", outcome(why).name}})
      .add();
  closed_ = true;
  if (grant_)
    port_.post([id = id_, why](Hub& hub) { hub.close(id, why); });
  else
    sink_->close(why, {});
}

void Session::on_closed() {
  if (closed_) return;
  closed_ = true;
  if (grant_) port_.post([id = id_](Hub& hub) { hub.detach(id); });
}

void Session::on_tick(Clock::time_point at, Time now) {
  if (closed_) return;
  if (!grant_) {
    if (at - opened_ >= kHelloTime) refuse(Errc::auth_missing);
  } else if (grant_->expired(now) || !still_stands()) {
    refuse(Errc::auth_expired);
  } else if (stream_ && at - place_told_ >= kStreamPlaceTime) {
    place_told_ = at;
    post([id = id_](Hub& hub) { hub.tell_place(id); });
  }
}

void Session::on_drained() {
  if (grant_ && !closed_) port_.post([id = id_](Hub& hub) { hub.drained(id); });
}

void Session::on_text(std::string_view text, Time now) {
  if (closed_) return;
  auto frame = json::parse(text, {.bytes_max = kClientFrameBytesMax, .values_max = 4096});
  if (!frame || !frame->IsObject()) return refuse(Errc::bad_message);
  const auto op = json::find_string(*frame, "op");
  if (!grant_) {
    if (op != "hello") return refuse(Errc::auth_missing);
    return on_hello(*frame, now);
  }
  if (op) return on_control(*op, *frame, now);
  if (!is_page(dialect_))
    return refuse(Errc::bad_message);  // an object that is neither control nor a page's message
  auto shared = std::make_shared<json::Document>(std::move(*frame));
  post([id = id_, shared](Hub& hub) { hub.page_frame(id, *shared); });
}

void Session::on_hello(const json::Value& frame, Time now) {
  const json::Value* member = json::find(frame, "token");
  if (member != nullptr && !member->IsString() && !member->IsNull())
    return refuse(Errc::bad_message);
  std::string token =
      member != nullptr && member->IsString() ? std::string{json::text(*member)} : header_token_;
  header_token_.clear();
  const auto rules = rules_();
  const auto grant = admit(*rules, token, own_host_, now);
  if (!grant) return refuse(grant.error().code);
  if (!hears_events(*grant)) return refuse(Errc::forbidden);

  Attach wish;
  if (const json::Value* filters = json::find(frame, "subscribe");
      filters != nullptr && !filters->IsNull()) {
    if (!filters->IsArray() || filters->Size() > kFiltersPerClientMax)
      return refuse(Errc::bad_message);
    wish.filters.emplace();
    for (const auto& item : filters->GetArray()) {
      auto filter = filter_from_json(item);
      if (!filter) return refuse(Errc::bad_message);
      wish.filters->emplace_back("hello." + std::to_string(wish.filters->size()),
                                 std::move(*filter));
    }
  }
  if (const json::Value* ack = json::find(frame, "ack"); ack != nullptr && !ack->IsNull()) {
    if (!ack->IsBool()) return refuse(Errc::bad_message);
    if (ack->GetBool()) wish.window = rules->ack_window;
  }
  if (const json::Value* tab = json::find(frame, "tab"); tab != nullptr && !tab->IsNull()) {
    wish.tab = tab_from_json(*tab);
    if (!wish.tab) return refuse(Errc::bad_message);
  }
  attach(std::move(wish), *grant, json::find_string(frame, "since"), rules);
}

void Session::open_stream(Grant grant, std::optional<Filter> filter,
                          const std::optional<std::string>& since,
                          std::shared_ptr<const SessionRules> admitted_by) {
  Attach wish;
  wish.stream = stream_ = true;
  if (filter) {
    wish.filters.emplace();
    wish.filters->emplace_back("query", std::move(*filter));
  }
  attach(std::move(wish), std::move(grant), since, admitted_by ? std::move(admitted_by) : rules_());
}

bool Session::still_stands() {
  auto rules = rules_();
  if (rules == held_to_) return true;
  const Grant& grant = *grant_;
  if (rules->directory && rules->directory->find_org(grant.org) == nullptr) return false;
  const auto& nobody = rules->anonymous;
  const bool stands = grant.credential.empty()
                          ? nobody && nobody->org == grant.org && nobody->user == grant.user &&
                                nobody->scopes == grant.scopes
                          : rules->verifier->stands(grant);
  if (stands) held_to_ = std::move(rules);
  return stands;
}

void Session::attach(Attach wish, Grant grant, std::optional<std::string_view> since,
                     std::shared_ptr<const SessionRules> admitted_by) {
  held_to_ = std::move(admitted_by);
  if (since) {
    wish.asked_since = true;
    wish.since = parse_cursor(*since);
  }
  grant_ = std::move(grant);
  wish.id = id_;
  wish.session = random_hex(8);
  wish.sink = sink_;
  wish.grant = *grant_;
  wish.dialect = dialect_;
  wish.ping = rules_()->ping_time;
  auto shared = std::make_shared<Attach>(std::move(wish));
  port_.post([shared](Hub& hub) { hub.attach(std::move(*shared)); });
}

void Session::on_ack(const json::Value& frame) {
  const auto cursor = parse_cursor(json::find_string(frame, "cursor").value_or(""));
  if (!cursor) return complain(Errc::bad_message, {}, "The cursor is none.");
  // A client may acknowledge each event of its window at once: only the highest place counts, and
  // one message to the hub is enough for all of them.
  const bool same_epoch = ack_ && ack_->epoch == cursor->epoch;
  if (!same_epoch) ack_ = std::make_shared<PendingAck>(cursor->epoch);
  if (ack_->raise(cursor->offset)) return;
  auto tell = [id = id_, ack = ack_](Hub& hub) {
    hub.acknowledge(id, {ack->epoch, ack->highest.exchange(PendingAck::kNone)});
  };
  if (same_epoch) return port_.post(std::move(tell));
  post(std::move(tell));  // a new epoch with every frame must not be free
}

void Session::on_auth(const json::Value& frame, Time now) {
  const auto rules = rules_();
  const auto grant = verified(*rules, json::find_string(frame, "token").value_or(""), now);
  if (!grant) return refuse(grant.error().code);
  // A refresh prolongs; it does not make another person of the session.
  if (grant->org != grant_->org || grant->user != grant_->user) return refuse(Errc::forbidden);
  if (!hears_events(*grant)) return refuse(Errc::forbidden);
  grant_ = *grant;
  held_to_ = rules;
  post([id = id_, fresh = *grant](Hub& hub) { hub.regrant(id, fresh); });
}

void Session::on_command(const std::string& id, const json::Value& frame) {
  if (id.empty() || id.size() > kIdBytesMax) return complain(Errc::bad_message);
  LeaseCommand command;
  command.id = id;
  command.name = json::find_string(frame, "name").value_or("");
  command.token = json::find_int(frame, "lease_token");
  if (json::find(frame, "lease_token") != nullptr && !command.token)
    return complain(Errc::bad_message, id);
  const bool is_pop = command.name == "open_pop";
  if (is_pop) {
    const json::Value* params = json::find(frame, "params");
    if (params != nullptr) command.call = json::find_string(*params, "call_id").value_or("");
    if (command.call.empty() || command.call.size() > kIdBytesMax || !command.token)
      return complain(Errc::bad_message, id);
  } else if (command.name != "enable_current_tab" && !command.token) {
    return complain(Errc::not_supported, id);
  }
  post([client = id_, command = std::move(command)](Hub& hub) {
    hub.lease_command(client, command);
  });
}

void Session::on_control(std::string_view op, const json::Value& frame, Time now) {
  if (op == "ping") {
    if (dialect_ == Dialect::cloudevents) return;
    return post([id = id_, now](Hub& hub) { hub.pong(id, now); });
  }
  if (op == "auth") return on_auth(frame, now);
  const std::string id{json::find_string(frame, "id").value_or("")};
  if (op == "subscribe" || op == "unsubscribe") {
    if (id.empty() || id.size() > kIdBytesMax) return complain(Errc::bad_message);
    if (op == "unsubscribe")
      return post([client = id_, id](Hub& hub) { hub.unsubscribe(client, id); });
    const json::Value* object = json::find(frame, "filter");
    auto filter = object == nullptr ? Result<Filter>{Error{Errc::bad_message, "no filter"}}
                                    : filter_from_json(*object);
    if (!filter) return complain(Errc::bad_message, id);
    return post([client = id_, id, filter = std::move(*filter)](Hub& hub) {
      hub.subscribe(client, id, filter);
    });
  }
  if (op == "ack") return on_ack(frame);
  if (op == "focus") {
    const auto visible = json::find_bool(frame, "visible");
    const auto focused = json::find_bool(frame, "focused");
    if (!visible || !focused) return complain(Errc::bad_message, id);
    return post([client = id_, visible = *visible, focused = *focused](Hub& hub) {
      hub.focus(client, visible, focused);
    });
  }
  if (op == "command") return on_command(id, frame);
  if (op == "publish") return complain(Errc::not_supported, id);
  complain(Errc::bad_message, id);
}

}  // namespace hookswitch
