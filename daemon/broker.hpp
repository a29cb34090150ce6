#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/metrics.hpp"
#include "calls/call_table.hpp"
#include "daemon/admission.hpp"
#include "delivery/hub.hpp"
#include "delivery/session.hpp"
#include "journal/journal.hpp"
#include "model/fact_sink.hpp"
#include "recorder/recorder.hpp"

namespace hookswitch {

/// A source as the settings have it.
struct BrokerSource {
  std::string org, name;
  SourceRules rules;
  bool can_be_asked = false;  ///< while it is up, whether a call still lives
  /// It says itself when it has told all (source_restarted); that it is up again says nothing.
  bool tells_restart = false;
};

struct BrokerOptions {
  std::string journal_path;
  std::chrono::hours retention{24};
  std::vector<std::string> orgs;
  std::uint64_t id_seed = 0;
  CallLimits calls{};
  RecorderOptions recorder{};
  std::vector<BrokerSource> sources{};
  Budgets budgets{};
  std::uint64_t journal_bytes_max = JournalOptions{}.bytes_max;
};

/// One thread, the one sequence: facts are folded into calls, the events are made durable, then the
/// sources get their answer and the clients their frames. Whatever arrived while one commit ran is
/// the next commit (architecture.md §3, §4).
class Broker : public FactSink, public HubPort, private History {
 public:
  Broker(BrokerOptions options, std::shared_ptr<const Directory> directory, Registry& registry);
  ~Broker() override;
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Opens the journal, takes up the calls of before, starts the thread. Error: journal_io.
  Result<void> start();
  /// Answers what is in hand, tells every client shutting_down, then takes no more facts. Blocks
  /// until that is done, or for `most`.
  void drain(std::chrono::milliseconds most = std::chrono::seconds{3});
  void stop();
  /// Called on the broker's thread when the source should say again what it knows of these
  /// extensions (none: of all): a call of theirs is silent for too long, or the source was away.
  /// Before start().
  using Ask = std::function<void(const std::string& org, const std::string& source,
                                 std::vector<std::string> extensions)>;
  void set_ask(Ask ask) { ask_ = std::move(ask); }

  /// Called on the broker's thread with events that have just been told, all durable. Before
  /// start().
  using Told = std::function<void(const std::vector<Event>&)>;
  void set_told(Told told) { told_ = std::move(told); }

  // FactSink, any thread
  void submit(std::vector<Fact> facts, Done done, SourceInputPtr input = nullptr) override {
    submit(std::move(facts), std::move(done), std::move(input), {});
  }
  void source_health(const std::string& org, const std::string& source, bool up,
                     const std::string& reason) override;
  void source_restarted(const std::string& org, const std::string& source) override;

  /// By name; empty text: forget it.
  using Notes = std::map<std::string, std::string>;
  /// As submit of FactSink. `notes` become durable in the same commit as the facts, or not at all.
  void submit(std::vector<Fact> facts, Done done, SourceInputPtr input, Notes notes) {
    submit(std::move(facts), std::move(done), std::move(input), std::move(notes), nullptr);
  }
  /// Likewise, for facts that would not be sent again: what would be refused for overload, or for a
  /// journal that cannot store just now, is put aside for up to kAsideTime as long as there is room
  /// for it, and `aside` is called, once, before `done`. Facts of one source stay in order.
  void submit(std::vector<Fact> facts, Done done, SourceInputPtr input, Notes notes,
              std::function<void()> aside);
  /// The notes that the journal had at start(). Once, before the first submit().
  Notes take_notes() { return std::exchange(notes_, {}); }

  // HubPort, any thread
  void post(std::function<void(Hub&)> work) override;

  /// Runs `look` on the broker's thread with the calls and the cursor text of `org` as of now.
  /// False: not at the moment (no journal, too much in hand), and `look` is dropped. Any thread.
  bool look(const std::string& org,
            std::function<void(const CallTable&, const std::string& cursor)> look);
  /// Runs `read` on the broker's thread with what has happened. False: as look(). Any thread.
  bool past(std::function<void(History&)> read);
  /// Who is who and how sources write, from the next fact on. Any thread.
  void reconfigure(std::shared_ptr<const Directory> directory, std::vector<std::string> orgs,
                   std::vector<BrokerSource> sources, Budgets budgets = {});
  /// Whether what sources send is of use (submit's `input`). Any thread.
  bool records_input() const { return options_.recorder.on(); }

  /// Empty: events can be stored. Else why not. Any thread.
  std::string journal_problem() const;
  /// Facts that say where each living leg of a source stands, for who has to find out whether it
  /// still does. Before start()'s thread has work, or on it.
  std::vector<Fact> living_legs(const std::string& org, const std::string& source) const {
    return calls_.living_legs(org, source);
  }
  /// Goes up while the thread turns. Any thread.
  std::uint64_t turns() const { return turns_; }
  /// Source names that have been reported up or down. Any thread.
  struct Health {
    std::string org, source, reason;
    bool up = false;
  };
  std::vector<Health> health() const;

 private:
  struct Request {
    std::vector<Fact> facts;
    Done done;
    SourceInputPtr input;
    Notes notes;
    std::function<void()> aside;
    Text org, source;
    Load load;
    Admission::Clock::time_point since{};  ///< of when it was put aside
  };
  struct Configuration {
    std::shared_ptr<const Directory> directory;
    std::vector<std::string> orgs;
    std::vector<BrokerSource> sources;
  };

  // History, broker thread
  const std::string& epoch() const override { return journal_->epoch(); }
  std::uint64_t newest(const std::string& org) const override { return journal_->newest(org); }
  std::uint64_t complete_after(const std::string& org) const override {
    return journal_->complete_after(org);
  }
  Result<std::vector<StoredEvent>> read(const std::string& org, std::uint64_t offset,
                                        std::size_t events_max, std::size_t bytes_max) override {
    return journal_->read(org, offset, events_max, bytes_max);
  }
  LiveCalls live(const std::string& org) const override { return calls_.live(org); }

  void run();
  bool has_requests() const { return !requests_.empty() || !left_over_.empty(); }
  std::vector<Request> take_requests();
  bool must_go_aside(const Request& request) const;
  bool put_aside(Request& request);
  void recall();
  void refused(const std::string& source, Refusal why);
  void show_queue();
  void turn(std::vector<Request> requests, std::vector<std::function<void()>> work);
  /// Folds and commits; false: nothing of it is durable and the calls are back where they were.
  /// `requests` gives up those that are too much for one commit; they are the next.
  bool commit(std::vector<Request>& requests, std::vector<Event>& events,
              std::vector<Frame>& bodies);
  std::size_t apply(const Request& request, Step& step);
  void take_health();
  void health_events(std::vector<Event>& events);
  void health_told();
  void take_configuration(Configuration fresh);
  void set_sources();
  void record_settings();
  void ask_sources(const std::vector<Check>& checks);
  bool is_up(const std::string& org, const std::string& source) const;
  bool open_journal();
  void begin_lease_tokens();
  bool works() const { return journal_ != nullptr && journal_->problem().empty(); }
  bool take_up_calls();
  void journal_failed();
  void set_problem(std::string problem);

  BrokerOptions options_;
  Registry& registry_;
  Counter &facts_taken_, &facts_ignored_, &commits_, &journal_errors_;
  Gauge &queued_, &queued_bytes_, &put_aside_, &live_calls_;
  std::unordered_map<std::string, Counter*> facts_of_source_;
  std::unique_ptr<Journal> journal_;
  CallTable calls_;
  Recorder recorder_;
  Ask ask_;
  Told told_;
  std::vector<std::pair<std::string, std::string>> up_;  ///< sources that can be asked now
  Hub hub_;
  Notes notes_;
  Time reopen_at_{};
  Time tidied_at_{};
  /// Calls and history are those of the last good commit, whether or not there can be another one.
  std::atomic<bool> readable_{false};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Request> requests_;
  Admission admission_{{kBrokerQueueMax, kBrokerQueueBytesMax}};
  std::deque<Request> aside_;
  Admission aside_room_{{kAsideFactsMax, kAsideBytesMax}};
  std::vector<Request> shed_;  ///< waited in vain; to be told so
  std::vector<std::function<void()>> work_;
  std::vector<Health> health_changes_;
  std::vector<Health> health_;
  std::vector<Request> left_over_;      ///< taken, but not yet folded; the broker's thread's own
  std::vector<Health> health_in_hand_;  ///< changes whose events are in the commit under way
  std::vector<std::pair<std::string, std::string>> restarted_;  ///< sources that tell so themselves
  std::vector<std::pair<std::string, std::string>> restarts_in_hand_;  ///< in the commit under way
  struct HealthNews {
    Health change;
    bool is_back = false;  ///< up again after it was down
  };
  std::vector<HealthNews> health_news_;  ///< of these, those that say another thing than before
  std::function<void()> at_last_;        ///< what drain() wants done when nothing is left in hand
  std::string problem_;
  std::optional<Configuration> new_configuration_;
  bool stopping_ = false, refusing_ = false;
  std::atomic<std::uint64_t> turns_{0};
  std::thread thread_;
};

}  // namespace hookswitch
