#include "runtime/pass_log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <sstream>

#include "base/concat.h"
#include "base/error.h"
#include "base/number.h"

namespace brim {

namespace {

constexpr const char* kColumns = "position tokens logits model experts";

std::string text_of(const PassExperts& experts) {
  std::string text;
  for (const auto& layer : experts) {
    text += text.empty() ? " " : "/";
    for (size_t i = 0; i < layer.size(); ++i) text += concat(i > 0 ? "," : "", layer[i]);
  }
  return text;
}

// "3,17/0,4" as {{3, 17}, {0, 4}}; nothing if it is no such list.
std::optional<PassExperts> experts_of(const std::string& text) {
  PassExperts experts;
  std::istringstream layers(text);
  for (std::string layer; std::getline(layers, layer, '/');) {
    std::istringstream ids(layer);
    experts.emplace_back();
    for (std::string id; std::getline(ids, id, ',');) {
      const auto whole = parse_whole(id);
      if (!whole || *whole > UINT16_MAX) return {};
      experts.back().push_back(static_cast<uint32_t>(*whole));
    }
    if (experts.back().empty() || !std::ranges::is_sorted(experts.back(), std::less_equal())) return {};
  }
  return experts;
}

}  // namespace

PassLog::PassLog(const std::string& path) : path_(path), file_(path) {
  file_ << kColumns << '\n';
  if (!file_) throw Error(concat("cannot write ", path_, ": ", std::strerror(errno)));
}

void PassLog::write(const LoggedPass& pass) {
  file_ << pass.position << ' ' << pass.tokens << ' ' << pass.logits << ' ' << pass.model
        << text_of(pass.experts) << '\n';
}

PassLogits LoggingRunner::run(const Pass& pass) {
  const PassLogits logits = runner_.run(pass);
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  log_.write({.position = pass.position,
              .tokens = tokens,
              .logits = tokens - pass.first_logits,
              .model = model_,
              .experts = runner_.experts_of_last_pass()});
  return logits;
}

void PassLog::finish() {
  if (!file_.flush()) throw Error(concat("cannot write ", path_, ": ", std::strerror(errno)));
}

std::vector<LoggedPass> read_passes(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(concat("cannot read ", path, ": ", std::strerror(errno)));
  std::vector<LoggedPass> passes;
  std::string line;
  if (!std::getline(file, line) || line != kColumns)
    throw Error(
        concat(path, ": its first line is not '", kColumns, "'; brim run --passes writes such files"));
  for (uint32_t number = 2; std::getline(file, line); ++number) {
    std::istringstream words(line);
    std::array<uint32_t, 4> values{};
    std::string word;
    bool good = true;
    for (uint32_t& value : values) {
      words >> word;
      const auto whole = words ? parse_whole(word) : std::nullopt;
      good &= whole && *whole <= UINT32_MAX;
      value = good ? static_cast<uint32_t>(*whole) : 0;
    }
    std::optional<PassExperts> experts = PassExperts();
    if (words >> word) experts = experts_of(word);
    good &= experts && !(words >> word) && values[1] > 0 && values[2] <= values[1];
    if (!good) throw Error(concat(path, ", line ", number, ": '", line, "' is no pass (", kColumns, ")"));
    passes.push_back({values[0], values[1], values[2], values[3], std::move(*experts)});
  }
  if (passes.empty()) throw Error(path + ": holds no passes");
  return passes;
}

}  // namespace brim
