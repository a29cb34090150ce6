#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "delivery/filter.hpp"
#include "http_client/outgoing.hpp"

namespace hookswitch {

/// What is posted: the event as native clients get it, or what an ELMA365 script reads.
enum class SinkShape : std::uint8_t { native, elma365 };

/// A receiver that is posted to, as the configuration has it.
struct SinkSettings {
  std::string name, org;
  http_client::Url url;
  std::vector<Secret> keys;  ///< what signing_key() made; empty: not signed
  Filter filter;
  SinkShape shape = SinkShape::native;
  unsigned attempts = 12;  ///< then the message is a dead letter
  std::chrono::milliseconds backoff{1000}, backoff_max{3'600'000};
  std::chrono::milliseconds timeout{15'000};
  std::size_t concurrency = 8;  ///< requests at once
  std::shared_ptr<const http_client::AddressPolicy> policy;
  std::shared_ptr<const http_client::TlsTrust> trust;
};

}  // namespace hookswitch
