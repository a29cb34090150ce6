#include "daemon/unmatched.hpp"

#include "base/json.hpp"
#include "recorder/redact_document.hpp"

namespace hookswitch {
namespace {

std::string described(const HookRequest& request, const HookTrace& trace,
                      const std::vector<Secret>& hide) {
  json::Writer out;
  out.begin_object()
      .member("received", to_rfc3339(request.received))
      .member("method", request.method);
  out.member("bytes", static_cast<std::int64_t>(request.body.size()));
  out.key("document");
  auto document = redact_document(trace.document, request.received);
  for (const auto& secret : hide)
    if (document && !secret.empty() && document->find(secret.reveal()) != std::string::npos)
      document = Error{Errc::bad_json, "a secret is in it"};
  const auto parsed = document ? json::parse(*document, {.bytes_max = document->size() + 1})
                               : Result<json::Document>{document.error()};
  if (parsed)
    out.value(*parsed);
  else
    out.null();
  // What is there stands in the document, as far as it may be told.
  out.key("rules").begin_array();
  for (const auto& rule : trace.rules) {
    out.begin_object().member("rule", rule.place).member("taken", rule.taken);
    if (!rule.miss.pointer.empty())
      out.member("pointer", rule.miss.pointer).member("wanted", rule.miss.wanted);
    if (!rule.notes.empty()) out.member("note", rule.notes.front());
    out.end_object();
  }
  out.end_array().end_object();
  return out.str();
}

}  // namespace

void Unmatched::keep(const std::string& source, std::size_t most, const HookRequest& request,
                     const HookTrace& trace, const std::vector<Secret>& hide) {
  std::string text = most == 0 ? std::string{} : described(request, trace, hide);
  const std::lock_guard lock{mutex_};
  Source& of = sources_[source];
  ++of.total;
  if (text.empty() || text.size() > kUnmatchedBytesMax) return;
  of.bytes += text.size();
  of.kept.push_back(std::move(text));
  while (of.kept.size() > most || of.bytes > kUnmatchedBytesMax) {
    of.bytes -= of.kept.front().size();
    of.kept.pop_front();
  }
}

std::string Unmatched::to_json(const std::string& source) const {
  std::string list;
  std::uint64_t total = 0;
  {
    const std::lock_guard lock{mutex_};
    if (const auto it = sources_.find(source); it != sources_.end()) {
      total = it->second.total;
      for (auto one = it->second.kept.rbegin(); one != it->second.kept.rend(); ++one)
        list += (list.empty() ? "" : ",") + *one;
    }
  }
  json::Writer out;
  out.begin_object().member("source", source).member("total", static_cast<std::int64_t>(total));
  out.key("requests").raw("[" + list + "]", rapidjson::kArrayType).end_object();
  return out.str();
}

}  // namespace hookswitch
