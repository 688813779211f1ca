#include "runtime/joint_passes.h"

#include <algorithm>

#include "base/error.h"
#include "runtime/speculation.h"

namespace brim {

namespace {

using Clock = std::chrono::steady_clock;

// How long a pass waits for a conversation that is between two passes: longer than choosing a token takes.
constexpr std::chrono::milliseconds kGather{10};

// Tokens up to which a request counts as decoding: the last one chosen, and drafts.
constexpr uint32_t kDecoding = 1 + Speculation::kMostDrafts;

// The share of a pass that prompts get while others decode: these wait for them.
constexpr uint32_t kPromptShare = 4;  // a quarter

}  // namespace

JointPasses::JointPasses(Executor& executor) : executor_(executor) {}

JointPasses::Member::Turn::Turn(Member& member) : member_(member) {
  member_.cancelled_ = false;
  const std::lock_guard lock(member_.passes_.mutex_);
  ++member_.passes_.at_work_;
}

JointPasses::Member::Turn::~Turn() {
  {
    const std::lock_guard lock(member_.passes_.mutex_);
    --member_.passes_.at_work_;
  }
  member_.passes_.changed_.notify_all();
}

PassLogits JointPasses::Member::run(const Pass& pass) {
  if (cancelled_) throw Cancelled();
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  const uint32_t first_logits = std::min(pass.first_logits, tokens);
  logits_.resize(uint64_t{tokens - first_logits} * vocabulary());
  std::unique_lock lock(passes_.mutex_);
  wanted_ = pass;
  wanted_.first_logits = first_logits;
  done_ = 0;
  failure_ = nullptr;
  if (passes_.waiting_.empty()) passes_.gather_until_ = Clock::now() + kGather;
  passes_.waiting_.push_back(this);
  // Whichever thread finds that a pass can begin runs it for all.
  while (done_ < tokens && !failure_) {
    if (!passes_.running_ && passes_.ready()) {
      passes_.run_pass(lock);
    } else if (passes_.running_) {
      passes_.changed_.wait(lock);
    } else {
      passes_.changed_.wait_until(lock, passes_.gather_until_);
    }
  }
  if (failure_) std::rethrow_exception(failure_);
  return logits_;
}

JointPasses::Counts JointPasses::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool JointPasses::ready() const { return waiting_.size() >= at_work_ || Clock::now() >= gather_until_; }

// Decoding first, in turn, then prompts in equal shares of what is left.
std::vector<JointPasses::Share> JointPasses::share_out() {
  const uint32_t width = executor_.max_tokens_per_pass();
  const auto left = [](const Member* member) {
    return static_cast<uint32_t>(member->wanted_.tokens.size()) - member->done_;
  };
  std::vector<Share> shares;
  uint32_t room = width;
  const auto give = [&](Member* member, uint32_t most) {
    const uint32_t count = std::min({left(member), room, most});
    if (count > 0) shares.push_back({member, member->done_, count});
    room -= count;
  };
  std::vector<Member*> prompts;
  for (Member* member : waiting_) {
    if (left(member) > kDecoding) {
      prompts.push_back(member);
    } else {
      give(member, width);
    }
  }
  if (!shares.empty()) room = std::min(room, std::max(1u, width / kPromptShare));
  for (size_t i = 0; i < prompts.size(); ++i) {
    give(prompts[i], std::max<uint32_t>(1, room / static_cast<uint32_t>(prompts.size() - i)));
  }
  return shares;
}

void JointPasses::run_pass(std::unique_lock<std::mutex>& lock) {
  running_ = true;
  const std::vector<Share> shares = share_out();
  std::vector<std::exception_ptr> failures(shares.size());
  lock.unlock();
  const auto start = Clock::now();
  try {
    run(shares);
  } catch (...) {
    // One conversation's tokens must not end the others': each by itself.
    for (size_t i = 0; i < shares.size(); ++i) {
      try {
        if (shares.size() == 1) throw;
        run(std::span(shares).subspan(i, 1));
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  lock.lock();
  counts_.seconds += seconds;
  ++counts_.passes;
  for (size_t i = 0; i < shares.size(); ++i) {
    Member* const member = shares[i].member;
    member->done_ += shares[i].count;
    member->failure_ = failures[i];
    counts_.tokens += shares[i].count;
    std::erase(waiting_, member);
    const bool finished = member->failure_ || member->done_ == member->wanted_.tokens.size();
    if (!finished) waiting_.push_back(member);  // behind those that had less
  }
  running_ = false;
  gather_until_ = Clock::now() + kGather;
  changed_.notify_all();
}

void JointPasses::run(std::span<const Share> shares) {
  const uint32_t vocabulary = executor_.vocabulary();
  tokens_.clear();
  places_.clear();
  rows_.clear();
  // Tokens that want logits stand last: that is how a pass says which they are.
  for (const bool want_logits : {false, true}) {
    for (const auto& [member, first, count] : shares) {
      const Pass& pass = member->wanted_;
      for (uint32_t t = first; t < first + count; ++t) {
        if ((t >= pass.first_logits) != want_logits) continue;
        tokens_.push_back(pass.tokens[t]);
        places_.push_back({member->cache_, pass.position + t});
        if (want_logits) {
          rows_.push_back(&member->logits_[uint64_t{t - pass.first_logits} * vocabulary]);
        }
      }
    }
  }
  Pass pass{.tokens = tokens_, .first_logits = static_cast<uint32_t>(tokens_.size() - rows_.size())};
  if (executor_.caches() > 1) {
    pass.places = places_;
  } else {
    pass.position = places_.front().position;
  }
  const PassLogits logits = executor_.run(pass);
  for (size_t i = 0; i < rows_.size(); ++i) {
    const auto row = logits.row(i, vocabulary);
    std::copy(row.begin(), row.end(), rows_[i]);
  }
}

}  // namespace brim
