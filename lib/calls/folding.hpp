#pragma once

#include "calls/fold.hpp"

/// The machine behind `fold`. Internal to this room: fold.cpp (steps), fold_legs.cpp (which leg),
/// fold_end.cpp (when a call is over).
namespace hookswitch {

inline bool lives(const FoldLeg& leg) { return leg.leg.state != LegState::terminated; }
inline bool talking(const FoldLeg& leg) {
  return leg.leg.state == LegState::confirmed || leg.leg.state == LegState::held;
}
inline bool names_line(const Party& party) { return !party.ext.empty() && party.number.empty(); }
/// Words that only a leg can end with.
inline bool of_leg_only(Disposition word) { return word > Disposition::unknown; }

/// One source's call within the call.
struct FoldPart {
  Direction direction = Direction::unknown;
  Text from_ext;
  std::uint8_t conversation = 0;
  std::optional<std::size_t> caller;  ///< leg
  bool told = false;                  ///< a note is of it
  bool first_of_source = false;
  bool ended = false;
  bool callback = false;  ///< the caller's own phone, called first (sipgate-c2d-in)
};

class Folding {
 public:
  Folding(const CallRecord& record, const SourceBook& sources, Trace* trace);
  Truth run();
  /// Whether the newest note is the last one; then run_to_newest() and run_newest() are run() in
  /// two.
  bool newest_is_last();
  void run_to_newest();
  void run_newest();
  Truth end() &&;
  Earlier so_far() const;

 private:
  using At = std::optional<std::size_t>;
  struct Who {
    LegRole role = LegRole::callee;
    Text ext, user, number;
  };
  /// The note in hand.
  struct Step {
    const Note* note = nullptr;
    const Mention* mention = nullptr;
    const Extras* extras = nullptr;
    FoldPart* part = nullptr;
    std::uint8_t part_at = 0;
    SourceIndex source = SourceBook::kBroker;
    Time at{};
    std::uint16_t index = 0;
  };

  // before the first step: how the parts belong together
  void survey(const Order& order);
  void find_callbacks();
  void join_consult(std::uint8_t conversation);

  // what a note says of the call as a whole
  void learn();
  void fill(Party& into, const Party& from, const Text& field);
  static void fill(Text& into, const Text& from);
  void take(std::map<std::string, std::string>& into,
            const std::map<std::string, std::string>& from);
  void learn_recording(const Recording& told);
  void came_from(const Text& field);
  void came_from(Call& call, const Text& field, SourceIndex by) const;
  Direction direction() const;
  Direction direction_by_legs() const;

  // which leg it is about
  std::optional<Who> who() const;
  bool is_other_leg() const;
  At find(const Who& wanted, bool with_leg_id) const;
  At find_or_add(const Who& wanted, bool with_leg_id = true);
  At by_leg_id() const;
  void learn_leg_id(FoldLeg& leg);
  At target(bool add);
  std::size_t caller();
  std::size_t add_leg(const Who& who);
  void name_leg(std::size_t at, const Who& who);
  bool tells_leg_id() const { return !step_.mention->leg.empty(); }
  bool has_key_of_source(const FoldLeg& leg) const;

  // steps
  void take_step();
  void on_dialing();
  void on_ringing();
  void on_answered();
  void on_hold(bool held);
  void on_mute(bool muted);
  void on_voicemail();
  void on_declined();
  void on_parked();
  void wait_in_place();
  void on_transferred();
  void happened(EventType type, At leg);
  void confirm_callee(std::size_t at);
  void move(FoldLeg& leg, LegStep what);
  bool is_person(const FoldLeg& leg) const;
  bool is_doubtful_answer() const;

  // ends
  void on_ended();
  void on_report();
  void end_leg(FoldLeg& leg, Disposition reason);
  void end_part();
  void end_conversation(std::uint8_t conversation, Disposition why);
  void end_call(Disposition disposition, Time when);
  static Disposition reason_with_call(const FoldLeg& leg, Disposition call);
  void reason_told();
  Disposition reason_of_end() const;
  bool callee_lives(std::uint8_t conversation) const;
  std::ptrdiff_t living(std::uint8_t conversation) const;
  bool callee_lives() const;
  bool anybody_lives() const;
  void wait_for_another(milliseconds extra = milliseconds{0});
  /// What follows from all steps together.
  void finish(Call& call) const;

  void note_rule(const char* rule, At leg = {}, std::string why = {});

  void take_note(const Placed& placed);

  const CallRecord& record_;
  const SourceBook& sources_;
  Trace* trace_;
  Order order_;
  Truth truth_;
  Call& call_;
  boost::container::small_vector<FoldPart, 4> parts_;
  Step step_;
  bool begun_ = false;
  bool waiting_ = false;    ///< parked, queued or with a voice box
  bool handed_on_ = false;  ///< transferred, and whom it goes to has not rung yet
  bool voicemail_ = false;
  bool joined_ = false;  ///< an attended transfer has made one conversation of two
  std::optional<Time> transferred_at_;
  std::optional<Time> settle_end_;  ///< when the last callee was gone
  milliseconds told_duration_{0};
  Time last_at_{};                           ///< of the notes so far
  std::optional<SourceIndex> state_source_;  ///< who told of the last change of any leg
  std::size_t text_bytes_ = 0;
};

}  // namespace hookswitch
