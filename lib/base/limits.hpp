#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every limit of the house, each with its reason. Settings may lower or raise those that are keys
/// of the file.
namespace hookswitch {

// HTTP
inline constexpr std::size_t kBodyBytesMax = 256 * 1024;  // the largest webhook body seen is 31 KiB
inline constexpr std::size_t kHeaderBytesMax = 16 * 1024;  // cookies and long tokens fit
inline constexpr std::size_t kFormFieldsMax = 1000;        // CDR posts carry some hundred variables
inline constexpr std::chrono::seconds kHeaderTime{10};     // slowloris
inline constexpr std::chrono::seconds kIdleTime{60};

// JSON
inline constexpr std::size_t kJsonDepthMax = 32;
inline constexpr std::size_t kJsonValuesMax = 100'000;  // what a 256 KiB body of `0,` would hold

// model
inline constexpr std::size_t kFactsPerRequestMax = 256;  // a batch, not a bulk load
inline constexpr std::size_t kTextBytesMax = 2000;  // one name, header, variable or custom_data
inline constexpr std::size_t kIdBytesMax = 256;  // RFC 3261 Call-IDs of real stacks stay under 150
inline constexpr std::size_t kLegsPerCallMax = 64;     // ring group of 60 and slack
inline constexpr std::size_t kKeysPerCallMax = 256;    // ids of all its legs in several sources
inline constexpr std::size_t kHeadersPerCallMax = 64;  // also variables
inline constexpr std::size_t kRecordingsPerCallMax = 16;
inline constexpr std::size_t kNotesPerCallMax =
    512;  // a ring group of 60 and an hour of hold toggles
inline constexpr std::size_t kCallTextBytesMax =
    64 * 1024;  // headers and variables of one call together
inline constexpr std::size_t kOwnJsonBytesMax =
    16 * 1024 * 1024;  // what we wrote ourselves: above a call at all its limits, escaped

// delivery
inline constexpr std::size_t kClientFrameBytesMax = 64 * 1024;    // one frame a client may send
inline constexpr std::size_t kClientQueueBytesMax = 1024 * 1024;  // default byte budget per client
inline constexpr std::chrono::seconds kClientQueueAge{10};        // default age budget per client
inline constexpr std::size_t kFiltersPerClientMax = 64;
inline constexpr int kSessionWorkMax = 256;  // frames of one client on their way to the broker
inline constexpr std::size_t kFilterValuesMax = 256;
inline constexpr std::size_t kReplayPageEvents =
    256;  // a resume reads the journal in pages of this
inline constexpr std::size_t kReplayPageBytes =
    256 * 1024;  // ... and of at most this, a quarter of the client's queue
inline constexpr std::size_t kTailEvents =
    32'768;  // the newest events, kept decoded for who resumes
inline constexpr std::size_t kTailBytes = 64 * 1024 * 1024;  // ... in about this much memory
inline constexpr std::size_t kAckWindow = 1000;              // default window of a client
inline constexpr std::chrono::seconds kHelloTime{5};
inline constexpr std::chrono::seconds kPingTime{20};

inline constexpr std::size_t kTabsPerUserMax =
    64;  // a browser with the adapter page is one, whatever tabs it has
inline constexpr std::size_t kPopsPerUserMax = 64;  // calls of one person whose pop is remembered

// broker
inline constexpr std::size_t kBrokerQueueMax =
    20'000;  // facts waiting for a commit; above it sources get 503
inline constexpr std::size_t kBrokerQueueBytesMax =
    64 * 1024 * 1024;  // ... and of at most this: bodies may be large, and so may their facts
inline constexpr std::size_t kAsideFactsMax =
    4096;  // facts of sources that do not send again, put aside under overload: one commit's worth
inline constexpr std::size_t kAsideBytesMax = 16 * 1024 * 1024;  // ... and of at most this
inline constexpr std::chrono::seconds kAsideTime{60};  // older news of a call helps nobody
inline constexpr std::size_t kLookIdsMax = 50;         // ids in one GET /v1/calls
inline constexpr std::size_t kReplayEventsPerTurn =
    2048;  // past events looked at between two commits: 8 pages of the journal, some milliseconds
inline constexpr std::size_t kBatchFactsMax = 4096;  // facts folded into one commit
inline constexpr std::size_t kCommitEventBytesMax =
    16 * 1024 *
    1024;  // of events: each shows its whole call, so a small fact may bring a large one
inline constexpr std::chrono::milliseconds kWorkTime{
    20};  // for what clients ask, between two commits
inline constexpr std::size_t kBatchBytesMax = 8 * 1024 * 1024;  // ... or as many as hold this

}  // namespace hookswitch
