#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/grant.hpp"
#include "auth/origin.hpp"
#include "auth/token.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "calls/call_table.hpp"
#include "calls/source_book.hpp"
#include "daemon/admission.hpp"
#include "daemon/settings/problems.hpp"
#include "dialects/dialect.hpp"
#include "directory/directory.hpp"
#include "http/server.hpp"
#include "journal/journal.hpp"
#include "recorder/options.hpp"
#include "sinks/sink_settings.hpp"
#include "sources/feed/dial_settings.hpp"
#include "sources/hep/settings.hpp"
#include "sources/sip/settings.hpp"
#include "sources/webhook/delivery.hpp"

namespace hookswitch {

struct WebhookSource {
  std::string name, org, dialect;
  std::shared_ptr<const Hook> hook;
  SourceRules rules;
  std::vector<Secret> secrets;  ///< the values that its hook knows, never to be recorded
  bool disabled = false, tls_only = false;
  std::size_t keep_unmatched = 20;
  bool retries = true;                      ///< its vendor sends again what was not answered 2xx
  IpRanges allow_from{};                    ///< empty: anybody
  std::vector<std::string> client_names{};  ///< one of them must be in the client's certificate
  DeliveryRules delivery{};
  /// For how long the same delivery gives no facts again. `untimed`: of requests that tell neither
  /// an id nor a time nor a sequence, so that a repeat and a second occurrence look alike.
  std::chrono::seconds dedupe_window{600}, dedupe_untimed_window{0};
};

/// A PBX whose manager interface or event socket we connect to.
struct DialSource {
  feed::DialSettings settings;
  std::shared_ptr<const Hook> hook;  ///< reads its events
  SourceRules rules;
};

/// A page that a CRM embeds (interfaces.md §2, `/apps/{client_id}`).
struct PageClient {
  std::string id, org;
  Dialect dialect = Dialect::native;
  OriginList origins;
  std::map<std::string, std::string> headers;
  std::string login_url;  ///< where people get a token, in a pop-up; empty: nowhere
};

/// A file of keys that verify tokens, as it was read: to be told in the log.
struct KeyFile {
  std::string path;
  std::size_t taken = 0;
  std::size_t other_kind = 0, other_use = 0;  ///< left out of a JWK Set, as in KeySet
};

/// The configuration file, checked. Immutable once loaded.
struct Settings {
  std::string file;
  http::ServerOptions server;
  std::vector<std::string>
      hosts;  ///< names under which browsers may reach us, beside the listeners' own addresses
  OriginList origins;  ///< origins of pages that may open a WebSocket, beside those of the clients
  TokenRules tokens;
  std::vector<KeyFile> key_files;
  std::optional<Grant> anonymous;
  std::size_t ack_window = 1000;  ///< events that a client which acknowledges may leave open
  std::string journal_path = "/var/lib/hookswitch/journal.db";
  std::uint64_t journal_bytes_max = std::uint64_t{2} << 30;
  std::chrono::hours retention{24};
  RecorderOptions recorder;  ///< its folder is beside the journal
  CallLimits calls;
  log::Level log_level = log::Level::info;
  std::shared_ptr<const Directory> directory;
  std::vector<std::string> orgs;
  Budgets budgets;
  std::map<std::string, WebhookSource, std::less<>> webhooks;  ///< by name
  std::vector<sip::SourceSettings> sip_sources;
  std::vector<SourceRules> sip_rules;  ///< of sip_sources, in their order
  std::vector<hep::SourceSettings> hep_sources;
  std::vector<SourceRules> hep_rules;  ///< of hep_sources, in their order
  std::vector<DialSource> dial_sources;
  std::map<std::string, PageClient, std::less<>> clients;  ///< by id
  std::vector<SinkSettings> sinks;
};

/// Reads and checks `file`. All problems at once are added to `problems`; the settings are of use
/// only if there are none.
std::shared_ptr<const Settings> load_settings(const std::string& file, Problems& problems);

}  // namespace hookswitch
