#include "board/json.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/concat.h"
#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"
#include "board/board.h"
#include "board/builtin.h"

namespace brim {
namespace {

using Json = nlohmann::json;

// nlohmann::json keeps the last of two equal keys; a file with both is a mistake.
Json parse_without_duplicates(std::string_view text, const std::string& file) {
  std::vector<std::set<std::string>> open_objects;
  const auto check = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key && !open_objects.back().insert(parsed.get<std::string>()).second) {
      throw Error(concat(file, ": ", parsed.get<std::string>(), " stands twice in one object"));
    }
    return true;
  };
  return parse_json(text, file, check);
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

// "has x, y and what else there is", for a message about what is not there.
std::string what_has(const std::string& name, const Json& node, const std::string& wrong) {
  if (!node.is_structured()) return name + " is a value";
  if (node.is_array()) return node.empty() ? name + " is empty" : concat(name, " has 0 to ", node.size() - 1);
  std::string list;
  for (const std::string& key : keys_of(node)) list += (list.empty() ? "" : ", ") + key;
  return concat(name, " has ", list, did_you_mean(wrong, keys_of(node)));
}

// What `key`, a dotted path, names in the board; `origin` begins the message if there is nothing.
Json& find(Json& board, const std::string& key, const std::string& origin) {
  Json* node = &board;
  size_t from = 0;
  while (true) {
    const size_t dot = std::min(key.find('.', from), key.size());
    const std::string part = key.substr(from, dot - from);
    Json* next = nullptr;
    if (node->is_object()) {
      const auto it = node->find(part);
      if (it != node->end()) next = &*it;
    } else if (node->is_array() && !part.empty() && part.size() < 5 &&
               part.find_first_not_of("0123456789") == std::string::npos && std::stoul(part) < node->size()) {
      next = &(*node)[std::stoul(part)];
    }
    if (next == nullptr) {
      const std::string parent = from == 0 ? "a board" : key.substr(0, from - 1);
      throw Error(
          concat(origin, ": the board has no ", key.substr(0, dot), "; ", what_has(parent, *node, part)));
    }
    if (dot == key.size()) return *next;
    node = next;
    from = dot + 1;
  }
}

// What stands for a whole description: itself, or the built-in board that it is like, with what it sets.
Json completed(Json json, const std::string& file) {
  if (!json.is_object() || !json.contains("like")) return json;
  const Json like = json["like"];
  const auto boards = builtin_boards();
  const auto base = std::ranges::find_if(boards, [&](const BuiltinBoard& b) { return like == b.name; });
  if (base == boards.end()) {
    std::string names;
    for (const BuiltinBoard& board : boards) names += concat(" ", board.name);
    throw Error(concat(file, ": like must name a built-in board:", names));
  }
  Json board = parse_without_duplicates(base->json, file);
  if (board.contains("like")) throw Error(concat(file, ": like must name a board that is like no other"));
  for (const auto& [key, value] : json.items()) {
    if (key == "like") continue;
    if (key == "set") {
      if (!value.is_object()) throw Error(concat(file, ": set must be an object of dotted paths"));
      for (const auto& setting : value.items())
        find(board, setting.key(), concat(file, ": set")) = setting.value();
    } else if (key == "name" || key == "description" || key == "notes") {
      board[key] = value;
    } else {
      throw Error(concat(file, ": ", key, " cannot stand beside like; put it into set"));
    }
  }
  for (const char* key : {"name", "description", "notes"}) {
    if (!json.contains(key)) throw Error(concat(file, ": ", key, " is missing"));
  }
  return board;
}

}  // namespace

Json board_json(std::string_view text, const std::string& file, std::span<const std::string> settings) {
  Json board = completed(parse_without_duplicates(text, file), file);
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(concat("--set ", setting, ": must be KEY=VALUE, like axi.fabric_latency_ns=400"));
    }
    const std::string value = setting.substr(equals + 1);
    Json& node = find(board, setting.substr(0, equals), "--set " + setting);
    // What is text in the file is text here, quoted or not: addresses and bit lists.
    Json parsed = Json::parse(value, nullptr, false);
    node =
        parsed.is_discarded() || (node.is_string() && !parsed.is_string()) ? Json(value) : std::move(parsed);
  }
  return board;
}

}  // namespace brim
