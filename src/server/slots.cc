#include "server/slots.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/concat.h"
#include "base/error.h"
#include "runtime/answer_text.h"
#include "runtime/context_file.h"
#include "runtime/session.h"
#include "server/token_chances.h"
#include "tokenizer/decoder.h"

namespace brim::server {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A HostSampler that remembers what it chose from.
class ServerChooser {
 public:
  ServerChooser(const SamplerOptions& options, const Tokenizer& tokenizer) : sampler_(options, tokenizer) {}

  void constrain(GrammarState grammar) { sampler_.constrain(std::move(grammar)); }
  // First by this one, until it may end.
  void constrain(GrammarState first, GrammarState then) {
    sampler_.constrain(std::move(first));
    then_ = std::move(then);
  }

  uint32_t sample(std::span<const float> logits) {
    logits_ = logits;
    return sampler_.sample(logits);
  }
  void forget() { sampler_.forget(); }
  void accept(uint32_t token) {
    sampler_.accept(token);
    if (then_ && sampler_.grammar_can_end()) constrain(*std::exchange(then_, std::nullopt));
  }
  void drop(uint32_t first, uint32_t count) { sampler_.drop(first, count); }

  // Of the last token, until the next pass.
  std::span<const float> logits() const { return logits_; }

 private:
  HostSampler sampler_;
  std::optional<GrammarState> then_;
  std::span<const float> logits_;
};

}  // namespace

// Keeps a slot that is free from being given a job.
class Slots::Reservation {
 public:
  Reservation(Slots& slots, uint32_t id) : slots_(slots) {
    const std::lock_guard lock(slots.mutex_);
    if (id >= slots.slots_.size()) {
      throw ApiError(404, concat("there is no slot ", id, "; the last one is ", slots.slots_.size() - 1),
                     "id_slot");
    }
    if (!slots.slots_[id]->free()) {
      throw ApiError(409, concat("slot ", id, " is answering; try again when it is idle"), "id_slot");
    }
    slot_ = slots.slots_[id].get();
    slot_->reserved = true;
  }
  ~Reservation() {
    const std::lock_guard lock(slots_.mutex_);
    slot_->positions = slot_->conversation.position();
    slot_->reserved = false;
    slots_.dispatch();
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  Slot& slot() { return *slot_; }

 private:
  Slots& slots_;
  Slot* slot_;
};

Slots::Slot::Slot(Slots& slots, uint32_t number)
    : id(number),
      runner(slots.passes_, number),
      draft_runner(slots.draft_passes_ ? std::make_unique<JointPasses::Member>(*slots.draft_passes_, number)
                                       : nullptr),
      memory(size_t{runner.context()} + 1),
      conversation(runner, slots.model_.tokenizer(), memory),
      speculation(slots.model_.executor(), draft_runner.get(), slots.spec_) {
  conversation.speculate(speculation.get());
}

Slots::Slots(LoadedModel& model, const SpecOptions& spec, bool context_shift, uint32_t queue)
    : model_(model),
      spec_(spec),
      queue_limit_(queue),
      format_(answer_format(model.tokenizer())),
      markers_(call_markers(format_.calls, model.tokenizer())),
      passes_(model.executor()) {
  if (Executor* const draft = model.executor().draft()) draft_passes_.emplace(*draft);
  const BakedPrompt* const baked = model.load_prompt();
  for (uint32_t i = 0; i < model.executor().caches(); ++i) {
    slots_.push_back(std::make_unique<Slot>(*this, i));
    if (baked != nullptr) {
      slots_.back()->conversation.know(baked->tokens);
      slots_.back()->speculation.know(baked->draft_tokens());
    }
    slots_.back()->conversation.shift_context(context_shift);
  }
  for (auto& slot : slots_) slot->thread = std::thread([this, one = slot.get()] { serve(*one); });
}

Slots::~Slots() {
  stop();
  for (auto& slot : slots_) slot->thread.join();
}

void Slots::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (const auto& job : queue_) job->put(ApiError(503, "the server is stopping"));
  queue_.clear();
  for (auto& slot : slots_) {
    if (slot->job) slot->job->cancelled = true;
    slot->runner.cancel();
    slot->given.notify_one();
  }
}

void Slots::submit(const std::shared_ptr<Job>& job) {
  const std::lock_guard lock(mutex_);
  if (stopping_) throw ApiError(503, "the server is stopping");
  if (job->request.slot && *job->request.slot >= slots_.size()) {
    throw ApiError(404,
                   concat("there is no slot ", *job->request.slot, "; the last one is ", slots_.size() - 1),
                   "id_slot");
  }
  queue_.push_back(job);
  dispatch();
  // What was given to a slot at once did not have to wait.
  if (queue_.size() <= queue_limit_) return;
  queue_.pop_back();
  ++counts_.refused;
  throw ApiError(503, concat("all ", slots_.size(), " slots are answering and ", queue_limit_,
                             " requests wait already; come again later"));
}

void Slots::cancel(Job& job) {
  const std::lock_guard lock(mutex_);
  job.cancelled = true;
  const auto waiting = std::ranges::find(queue_, &job, [](const auto& other) { return other.get(); });
  if (waiting != queue_.end()) {
    queue_.erase(waiting);
    ++counts_.cancelled;
  }
  for (auto& slot : slots_) {
    if (slot->job.get() == &job) slot->runner.cancel();
  }
}

uint32_t Slots::retry_seconds() const {
  const std::lock_guard lock(mutex_);
  const double wait =
      job_seconds_ * static_cast<double>(queue_.size() + 1) / static_cast<double>(slots_.size());
  return static_cast<uint32_t>(std::clamp(std::ceil(wait), 1.0, 600.0));
}

// Under the lock: gives jobs to slots, in the order in which they came.
void Slots::dispatch() {
  for (auto job = queue_.begin(); job != queue_.end() && !stopping_;) {
    Slot* const slot = slot_for(**job);
    if (slot == nullptr) {
      ++job;
      continue;
    }
    slot->job = *job;
    slot->last_used = ++clock_;
    slot->answered = 0;
    slot->given.notify_one();
    job = queue_.erase(job);
  }
}

// The free slot that loses least: what of its text the prompt begins with stays, the rest is forgotten. Where
// all would lose more than is kept, the one that was used longest ago.
Slots::Slot* Slots::slot_for(const Job& job) {
  Slot* best = nullptr;
  int64_t best_gain = 0;
  Slot* oldest = nullptr;
  for (auto& one : slots_) {
    Slot* const slot = one.get();
    if (!slot->free() || (job.request.slot && *job.request.slot != slot->id)) continue;
    if (oldest == nullptr || slot->last_used < oldest->last_used) oldest = slot;
    const auto text = slot->conversation.tokens().first(slot->conversation.position());
    const auto [here, there] = std::ranges::mismatch(text, job.prompt);
    const int64_t gain = (here - text.begin()) - (text.end() - here);
    if (gain > best_gain) {
      best = slot;
      best_gain = gain;
    }
  }
  return best != nullptr ? best : oldest;
}

void Slots::serve(Slot& slot) {
  std::unique_lock lock(mutex_);
  while (true) {
    slot.given.wait(lock, [&] { return slot.job || stopping_; });
    if (!slot.job) return;
    const std::shared_ptr<Job> job = slot.job;
    lock.unlock();
    const auto start = Clock::now();
    Event end = work(slot, *job);
    lock.lock();
    job_seconds_ += (seconds_since(start) - job_seconds_) / 8;
    slot.job = nullptr;
    if (!stopping_) dispatch();
    lock.unlock();
    job->put(std::move(end));  // only now: who has the whole answer finds the slot free
    lock.lock();
    if (stopping_) return;
  }
}

Event Slots::work(Slot& slot, Job& job) {
  uint64_t SlotCounts::*outcome = &SlotCounts::jobs;
  Event end = JobEnd();
  try {
    const JointPasses::Member::Turn turn(slot.runner);
    if (!job.request.cache_prompt) slot.conversation.rewind(0);
    const AnswerGrammars grammars = grammars_of(job);
    for (uint32_t i = 0; i < job.request.answers; ++i) {
      if (job.cancelled) throw Cancelled();
      count(answer(slot, job, i, grammars));
    }
  } catch (const Cancelled&) {
    outcome = &SlotCounts::cancelled;
    end = ApiError(503, "the request was cancelled");
  } catch (const ApiError& error) {
    outcome = &SlotCounts::failed;
    end = error;
  } catch (const std::exception& error) {
    outcome = &SlotCounts::failed;
    end = ApiError(500, error.what());
  }
  slot.positions = slot.conversation.position();
  {
    const std::lock_guard lock(mutex_);
    ++(counts_.*outcome);
  }
  return end;
}

Timings Slots::answer(Slot& slot, Job& job, uint32_t number, const AnswerGrammars& grammars) {
  Conversation& conversation = slot.conversation;
  const Tokenizer& tokenizer = model_.tokenizer();
  const AnswerRequest& request = job.request;
  Timings timings;

  const uint32_t kept = conversation.keep_prefix(job.prompt);
  conversation.add(std::span(job.prompt).subspan(kept));
  timings.prompt_tokens = static_cast<uint32_t>(conversation.unrun().size());
  timings.cached_tokens = static_cast<uint32_t>(job.prompt.size()) - timings.prompt_tokens;
  slot.speculation.clear_counts();
  const auto prompt_start = Clock::now();
  conversation.read();
  timings.prompt_seconds = seconds_since(prompt_start);

  SamplerOptions sampler = request.sampler;
  sampler.seed += number;
  ServerChooser chooser(sampler, tokenizer);
  if (grammars.thinking) {
    chooser.constrain(*grammars.thinking, *grammars.answer);
  } else if (grammars.answer) {
    chooser.constrain(*grammars.answer);
  }
  // A completion goes on in the middle of its prompt's text, an answer begins a text of its own.
  StreamDecoder decoder(tokenizer);
  std::string room(decoder.max_text_bytes(), '\0');
  if (request.api == Api::kCompletions) {
    for (const uint32_t id : job.prompt) decoder.push(id, room);
  }
  StopFilter stop(request.sampler.stop);
  std::string stop_room;
  const auto room_for = [&](std::string_view written) {
    stop_room.resize(StopFilter::room_for(static_cast<uint32_t>(written.size())));
    return std::span(stop_room);
  };
  AnswerSplitter::Options options;
  if (request.split_reasoning) options.format.thinks = format_.thinks;
  options.thinking = options.format.thinks && job.thinking;
  if (!request.tools.is_null()) {
    options.format.calls = format_.calls;
    for (const Json& tool : request.tools)
      options.functions.insert(tool["function"]["name"].get<std::string>());
  }
  AnswerSplitter text(options);
  AnswerPiece piece;
  piece.answer = number;
  bool called = false, called_enough = false;
  // Tokens whose text is kept back wait for it.
  const auto give = [&](const AnswerParts& parts) {
    piece.parts += parts;
    called |= !parts.calls.empty();
    if (piece.parts.empty()) return;
    job.put(std::exchange(piece, {}));
    piece.answer = number;
  };

  const auto answer_start = Clock::now();
  // With a context that shifts, an answer without a limit might have no end.
  const uint32_t most = conversation.shifts_context() ? std::min(request.max_tokens, conversation.context())
                                                      : request.max_tokens;
  const StopReason reason = conversation.generate(chooser, most, [&](uint32_t token) {
    ++timings.answer_tokens;
    slot.answered.fetch_add(1, std::memory_order_relaxed);
    slot.positions.store(conversation.position(), std::memory_order_relaxed);
    if (request.logprobs) {
      piece.tokens.push_back(token_info(tokenizer, token, chooser.logits(), request.top_logprobs));
      piece.tokens.back().drafted = conversation.last_as_drafted();
    }
    piece.drafted = conversation.last_as_drafted();
    std::string_view written = decoder.push(token, room);
    if (options.format.calls != CallFormat::kNone) {
      const auto marker = std::ranges::find(markers_, token, &TokenMarker::token);
      if (marker != markers_.end()) written = marker->text;
    }
    bool thought = text.in_thinking();
    give(text.push(stop.push(written, room_for(written))));
    thought |= text.in_thinking();
    timings.reasoning_tokens += thought ? 1 : 0;
    called_enough = called && !request.tool_choice.several;
    return !stop.stopped() && !called_enough && !job.cancelled;
  });
  timings.answer_seconds = seconds_since(answer_start);
  timings.drafted = slot.speculation.counts().drafted;
  timings.accepted = slot.speculation.counts().accepted;
  if (job.cancelled) throw Cancelled();

  AnswerParts rest;
  if (!stop.stopped()) {
    const std::string_view last = decoder.finish(room);
    rest += text.push(stop.finish(last, room_for(last)));
  }
  rest += text.finish();
  give(rest);
  if (!stop.stopped() && !piece.tokens.empty()) job.put(std::move(piece));
  const bool ended = reason == StopReason::kEnd || stop.stopped() || called_enough;
  job.put(AnswerEnd{number, !ended ? "length" : called ? "tool_calls" : "stop", timings});
  return timings;
}

Slots::AnswerGrammars Slots::grammars_of(const Job& job) {
  AnswerGrammars grammars;
  if (job.request.grammar == nullptr) return grammars;
  std::call_once(vocabulary_made_, [&] {
    vocabulary_ = std::make_shared<const TokenTrie>(model_.tokenizer(), markers_);
    thinking_.emplace(thinking_grammar(), vocabulary_);
  });
  grammars.answer = grammars_.beginning(job.request.grammar, vocabulary_);
  if (job.thinking) grammars.thinking = thinking_;
  return grammars;
}

void Slots::count(const Timings& timings) {
  const std::lock_guard lock(mutex_);
  counts_.prompt_tokens += timings.prompt_tokens;
  counts_.cached_tokens += timings.cached_tokens;
  counts_.answer_tokens += timings.answer_tokens;
  counts_.prompt_seconds += timings.prompt_seconds;
  counts_.answer_seconds += timings.answer_seconds;
  counts_.drafted += timings.drafted;
  counts_.accepted += timings.accepted;
}

uint32_t Slots::save(uint32_t id, const std::string& path) {
  Reservation reservation(*this, id);
  const Conversation& conversation = reservation.slot().conversation;
  const auto text = conversation.tokens().first(conversation.position());
  save_context({.tokens = {text.begin(), text.end()},
                .position = conversation.position(),
                .written = conversation.written()},
               model_.executor(), model_.image(), path, id);
  return conversation.position();
}

uint32_t Slots::restore(uint32_t id, const std::string& path) {
  Reservation reservation(*this, id);
  Conversation& conversation = reservation.slot().conversation;
  const SavedContext saved = load_context(model_.executor(), model_.image(), path, id);
  // What stands behind the cache, as `brim run --save` leaves its last token, comes with the next prompt.
  conversation.assume(std::span(saved.tokens).first(saved.position), saved.position, saved.written);
  return saved.position;
}

uint32_t Slots::erase(uint32_t id) {
  Reservation reservation(*this, id);
  const uint32_t tokens = reservation.slot().conversation.position();
  reservation.slot().conversation.rewind(0);
  return tokens;
}

SlotCounts Slots::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<SlotState> Slots::states() const {
  const std::lock_guard lock(mutex_);
  std::vector<SlotState> states;
  for (const auto& slot : slots_) {
    states.push_back({slot->id, slot->job ? slot->job->id : 0, slot->positions, slot->answered});
  }
  return states;
}

uint32_t Slots::waiting() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(queue_.size());
}

}  // namespace brim::server
