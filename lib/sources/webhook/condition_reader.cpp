#include "sources/webhook/condition_reader.hpp"

namespace hookswitch::webhook {

using json::Value;

namespace {

Condition read_all(FileReader& in, const Value& value, const std::string& at, Condition::Test how) {
  Condition out;
  out.test = how;
  if (!value.IsArray()) {
    in.problem(at, "must be a list of conditions");
    return out;
  }
  for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
    out.parts.push_back(read_condition(in, value[i], fmt::format("{}/{}", at, i)));
  return out;
}

Condition read_test(FileReader& in, const std::string& key, const Value& value,
                    const std::string& at) {
  using Test = Condition::Test;
  Condition out;
  if (!in.count_part(at)) return out;
  out.at = in.pointer(
      Value{rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size()))}, at);
  if (value.IsNull()) {
    out.test = Test::absent;
    return out;
  }
  if (value.IsArray() || !value.IsObject()) {
    out.test = Test::equal;
    const auto add = [&](const Value& item, const std::string& place) {
      if (!in.count_part(place, item.IsString() ? json::text(item).size() : 0)) return;
      if (auto text = as_text(item)) {
        out.values.push_back(std::move(*text));
      } else {
        in.problem(place, "must be text, a number, true or false");
      }
    };
    if (!value.IsArray()) {
      add(value, at);
    } else {
      for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
        add(value[i], fmt::format("{}/{}", at, i));
    }
    return out;
  }
  if (value.MemberCount() != 1) {
    in.problem(at, "must have one of: present re gt same");
    return out;
  }
  const std::string name{json::text(value.MemberBegin()->name)};
  const Value& argument = value.MemberBegin()->value;
  const std::string place = under(at, name);
  if (name == "present") {
    out.test = Test::present;
    if (!argument.IsBool()) in.problem(place, "must be true or false");
    out.wanted = argument.IsTrue();
  } else if (name == "re") {
    out.test = Test::matches;
    out.regex = in.regex(argument, place, 0, 9);
  } else if (name == "gt") {
    out.test = Test::above;
    if (!argument.IsNumber()) {
      in.problem(place, "must be a number");
    } else {
      out.bound = argument.GetDouble();
    }
  } else if (name == "same") {
    out.test = Test::same;
    out.other = in.pointer(argument, place);
  } else {
    in.problem(place, "unknown test; there are present re gt same");
  }
  return out;
}

}  // namespace

Condition read_condition(FileReader& in, const Value& value, const std::string& at) {
  Condition out;
  if (!value.IsObject()) {
    in.problem(at, "must be an object of conditions");
    return out;
  }
  for (const auto& member : value.GetObject()) {
    const std::string key{json::text(member.name)};
    const std::string place = under(at, key);
    if (key == "$all") {
      out.parts.push_back(read_all(in, member.value, place, Condition::Test::all));
    } else if (key == "$any") {
      out.parts.push_back(read_all(in, member.value, place, Condition::Test::any));
    } else if (key == "$not") {
      Condition inverted;
      inverted.test = Condition::Test::none;
      inverted.parts.push_back(read_condition(in, member.value, place));
      out.parts.push_back(std::move(inverted));
    } else if (key.starts_with('$')) {
      in.problem(place, "unknown $op; in conditions there are $all $any $not");
    } else {
      out.parts.push_back(read_test(in, key, member.value, place));
    }
  }
  return out;
}

Condition read_when(FileReader& in, const Value& object, const std::string& at, const char* name) {
  const Value* value = json::find(object, name);
  return value == nullptr ? Condition{} : read_condition(in, *value, under(at, name));
}

}  // namespace hookswitch::webhook
