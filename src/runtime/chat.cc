#include "runtime/chat.h"

#include <vector>

namespace brim {

Generation Chat::answer(std::string_view user, HostSampler& sampler, const GenerateOptions& options) {
  std::vector<ChatTurn> turns;
  if (session_.tokens().empty() && !system_.empty()) turns.push_back({ChatRole::kSystem, system_});
  turns.push_back({ChatRole::kUser, user});
  session_.add_turns(turns);
  return session_.generate(sampler, options);
}

}  // namespace brim
