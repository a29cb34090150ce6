#pragma once

#include <deque>
#include <string_view>

#include "base/json.hpp"
#include "sources/webhook/program.hpp"

namespace hookswitch::webhook {

/// What pointers of a dialect look at while one request is handled. Values live as long as it does.
struct RequestDocument {
  json::Value method, path, query, header, body, raw_form;
  std::string_view raw;    ///< the body as it came
  std::string_view text;   ///< the body without its gzip: what the steps read
  std::string inflated;    ///< holds `text` if it was
  bool is_parsed = false;  ///< `body` is what JSON of the body as it came says, and nothing else
  json::Document::AllocatorType arena;
  std::deque<json::Document> kept;  ///< parsed documents whose memory `body` uses
};

/// Evaluates expressions and conditions over one request within kWorkMax steps; after that
/// everything is null and `exhausted` says so. Not shared between threads.
class Evaluator {
 public:
  Evaluator(RequestDocument& document, const NumberPlan& numbers, const TimeZone* zone)
      : document_(document), numbers_(numbers), zone_(zone) {}

  /// nullptr: nothing there.
  const json::Value* look(const Pointer& pointer) const;
  bool holds(const Condition& condition);
  /// The same, at no cost: for traces, which must not change what is decided.
  bool would_hold(const Condition& condition);
  /// A new value in the document's arena.
  json::Value value(const Expr& expr);

  /// What `/item` and `/index` mean from now on.
  void set_item(const json::Value* item, std::size_t index);
  bool exhausted() const { return work_ > kWorkMax; }

 private:
  bool spend(std::size_t steps = 1);
  json::Value copy(const json::Value& from);
  json::Value text_value(std::string_view text);
  json::Value list(const Expr& expr);
  json::Value object(const Expr& expr);
  json::Value map(const Expr& expr);
  json::Value phone(const Expr& expr);
  json::Value time(const Expr& expr);
  json::Value multiply(const Expr& expr);
  json::Value seconds(const Expr& expr);
  json::Value match(const Expr& expr);
  json::Value join(const Expr& expr);
  json::Value find(const Expr& expr);
  std::size_t size_of(const json::Value& value) const;

  RequestDocument& document_;
  const NumberPlan& numbers_;
  const TimeZone* zone_;
  const json::Value* item_ = nullptr;
  json::Value index_;
  std::size_t work_ = 0;
  std::string raw_phone_, plain_phone_;  // of the last $phone that had something to read
};

/// Fills what `target` leaves empty from `base`, member by member; then drops empty members. Both
/// are objects.
void merge_under(json::Value& target, json::Value& base, json::Document::AllocatorType& arena);

}  // namespace hookswitch::webhook
