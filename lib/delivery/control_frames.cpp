#include "delivery/control_frames.hpp"

#include "base/json.hpp"

namespace hookswitch {

std::string error_frame(Errc code, std::string_view id, std::string_view detail) {
  json::Writer out;
  out.begin_object().member("op", "error").member("code", outcome(code).name);
  out.member("detail", detail.empty() ? outcome(code).title : detail);
  if (!id.empty()) out.member("id", id);
  out.end_object();
  return out.str();
}

std::string answer_frame(std::string_view op, std::string_view id) {
  json::Writer out;
  out.begin_object().member("op", op).member("id", id).end_object();
  return out.str();
}

std::string reply_frame(std::string_view id, std::optional<Errc> why, std::string_view detail) {
  json::Writer out;
  out.begin_object().member("op", "reply").member("id", id).member("ok", !why);
  if (why) {
    out.member("code", outcome(*why).name);
    out.member("detail", detail.empty() ? outcome(*why).title : detail);
  }
  out.end_object();
  return out.str();
}

std::string lease_frame(const Lease& lease) {
  json::Writer out;
  out.begin_object().member("op", "lease").member("purpose", lease.purpose).key("holder");
  if (lease.holder.empty())
    out.null();
  else
    out.string(lease.holder);
  out.member("token", lease.token).end_object();
  return out.str();
}

}  // namespace hookswitch
