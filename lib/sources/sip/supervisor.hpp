#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "model/fact_sink.hpp"
#include "sources/hep/settings.hpp"
#include "sources/sip/process.hpp"
#include "sources/sip/settings.hpp"

namespace hookswitch {

struct SipSupervisorOptions {
  std::string executable;                       ///< absolute path of the daemon's own binary
  std::vector<std::string> args{"sip-worker"};  ///< what makes it call sip::run_sip_worker(3)
  std::vector<sip::SourceSettings> sources{};   ///< each has passed sip::check()
  std::vector<hep::SourceSettings> hep{};       ///< each has passed hep::check()
  std::size_t memory_bytes_max = sip::kWorkerMemoryDefault;  ///< address space of the worker
  std::chrono::milliseconds stop_time{3000};  ///< the worker gives itself 2 s to unsubscribe
};

struct SipSourceStatus {
  std::string org, name;
  bool up = false;
  std::string reason;  ///< why not, or why not all of it
  std::int64_t watched = 0, subscriptions_active = 0;
};

struct SipStatus {
  pid_t worker = 0;       ///< 0: none at the moment
  bool answering = true;  ///< the supervising thread turned within the last 5 s, and a worker, if
                          ///< there is one, answered
  std::uint64_t restarts = 0;
  std::vector<SipSourceStatus> sources;
};

/// Keeps the SIP worker process alive and carries its facts to the broker: the daemon's side of
/// protocol.hpp. A worker that dies, or is silent for 10 s and then killed, is started again after
/// 100 ms, doubling to 5 s, from the start once it has lived for 60 s; what it knew of living legs
/// is given to the next one. A source is told to be down only after 5 s, so one abort of the worker
/// is no news. Facts wait while the sink is overloaded (10,000, then the worker is not read any
/// more). Metrics: hookswitch_sip_worker_restarts_total, hookswitch_sip_notifies_total{source},
/// hookswitch_sip_anomalies_total{source}, hookswitch_sip_subscriptions_active{source}; of mirrored
/// sources hookswitch_hep_packets_total{source}, hookswitch_hep_refused_total{source,reason},
/// hookswitch_hep_calls{source}. One thread
/// of its own. start(), stop() and the destructor from one thread; status() from any.
class SipSupervisor {
 public:
  SipSupervisor(SipSupervisorOptions options, FactSink& sink, Registry& metrics);
  SipSupervisor(const SipSupervisor&) = delete;
  SipSupervisor& operator=(const SipSupervisor&) = delete;
  ~SipSupervisor();

  /// Living legs of before this process (facts of the configured sources): one that the PBX no
  /// longer knows is told to have ended. Before start().
  void know(const std::vector<Fact>& legs);
  /// With no sources it does nothing.
  void start();
  /// Has the PBX asked now for the state of these extensions: what still lives is submitted, also
  /// when it is no news. Unknown sources and extensions are ignored; without a worker the next one
  /// asks. Any thread; does not block.
  void refresh(const std::string& org, const std::string& source,
               const std::vector<std::string>& extensions);
  /// Lets the worker unsubscribe (`stop_time` at most, then it is killed), reaps it and joins the
  /// thread. No fact is submitted after it.
  void stop();
  SipStatus status() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hookswitch
