#include "runtime/speculation.h"

namespace brim {

namespace {

constexpr double kMostLoss = 0.01;            // of the time of all passes
constexpr double kAcceptanceRate = 1.0 / 16;  // of the moving averages
constexpr double kSecondsRate = 1.0 / 8;
constexpr double kFadeRate = 1.0 / 512;
constexpr double kReadCost = 1.0 / 8;   // of a token in a wide pass, as a share of a pass of one
constexpr uint32_t kUsuallyUnread = 1;  // after a draft all of which was right

}  // namespace

double Speculation::cost(uint32_t tokens) const {
  double one = 1;
  for (uint32_t width = static_cast<uint32_t>(seconds_.size()); width > 0; --width) {
    if (seconds_[width - 1] > 0) one = seconds_[width - 1] / (1 + options_.marginal_cost * (width - 1));
  }
  // From the widest pass that was run and is not wider.
  for (uint32_t width = tokens; width > 0; --width) {
    if (seconds_[width - 1] > 0) return seconds_[width - 1] + one * options_.marginal_cost * (tokens - width);
  }
  return one * (1 + options_.marginal_cost * (tokens - 1));
}

void Speculation::add(Drafter& drafter) {
  if (count_ == kMostDrafters) return;
  Source& source = sources_[count_++];
  source.drafter = &drafter;
  for (uint32_t kind = 0; kind < Drafter::kMostKinds; ++kind)
    source.acceptance[kind].fill(static_cast<float>(drafter.first_acceptance(kind)));
}

double Speculation::seconds_of_draft(const Source& source) const {
  return source.seconds > 0 ? source.seconds : source.drafter->cost_of_draft() * cost(1);
}

double Speculation::seconds_of_reading(const Source& source, uint32_t tokens) const {
  return std::max(options_.marginal_cost, kReadCost) * seconds_of_draft(source) * tokens;
}

// `before`: seconds that the first proposal takes more than the others.
Speculation::Plan Speculation::best_plan(const Source& source, uint32_t kind, uint32_t most,
                                         double before) const {
  const double draft_cost = is_free(source) ? 0 : seconds_of_draft(source);
  const uint32_t least = std::min(options_.min_drafts, most);
  double tokens = 1, reach = 1;  // expected tokens of the pass; probability that the draft is right so far
  Plan best = {0, least == 0 ? 1 / cost(1) : 0};
  for (uint32_t count = 1; count <= most; ++count) {
    reach *= static_cast<double>(source.acceptance[kind][count - 1]);
    tokens += reach;
    const double rate = tokens / (cost(count + 1) + draft_cost * count + before);
    if (count >= least && rate > best.rate) best = {count, rate};
  }
  return best;
}

std::span<const uint32_t> Speculation::draft(std::span<const uint32_t> text, uint32_t most) {
  most = std::min(most, options_.max_drafts);
  // More of the text is new than what passes gave: a prompt. To read it is part of reading the prompt.
  text_ = text.size();
  if (text_ != settled_) prompt_ = text_;
  drafting_ = 0;
  from_ = nullptr;
  run_ = 0;
  // What drafts gain can be told when it is known what they have to beat.
  const auto allowed = [&](double before) {
    return options_.min_drafts > 0 || (plain_ && loss_ + before <= kMostLoss * total_ + cost(1) / 2);
  };
  Plan best;
  for (Source& source : sources()) {
    source.proposed = 0;
    if (!source.enabled) continue;
    double before = 0;
    if (is_free(source)) {
      const Draft draft = source.drafter->propose(text, std::span(source.drafts).first(most));
      source.proposed = draft.count;
      source.kind = draft.kind;
    } else {
      source.unread = source.drafter->unread(text);
      before = seconds_of_reading(source, std::min(source.unread, static_cast<uint32_t>(text_ - prompt_)));
    }
    if (!allowed(before)) continue;
    const Plan plan = best_plan(source, source.kind, is_free(source) ? source.proposed : most, before);
    if (plan.count == 0 || plan.rate <= best.rate) continue;
    best = plan;
    from_ = &source;
  }
  if (from_ != nullptr) run_ = is_free(*from_) ? best.count : ask(*from_, text, best.count);
  start_ = clock_.seconds();
  return from_ == nullptr ? std::span<const uint32_t>() : std::span(from_->drafts).first(run_);
}

// Has `count` tokens drafted by a drafter that takes time, which is measured.
uint32_t Speculation::ask(Source& source, std::span<const uint32_t> text, uint32_t count) {
  const double start = clock_.seconds();
  const Draft draft = source.drafter->propose(text, std::span(source.drafts).first(count));
  drafting_ = clock_.seconds() - start;
  source.proposed = draft.count;
  source.kind = 0;
  if (draft.count == 0) return 0;
  const auto behind_prompt = static_cast<uint32_t>(text_ - prompt_);
  if (source.unread > behind_prompt) {
    drafting_ = std::min(drafting_,
                         draft.count * seconds_of_draft(source) + seconds_of_reading(source, behind_prompt));
  } else if (source.unread <= kUsuallyUnread) {
    const double seconds = drafting_ / draft.count;
    source.seconds =
        source.seconds > 0 ? source.seconds + kSecondsRate * (seconds - source.seconds) : seconds;
  }
  return draft.count;
}

void Speculation::settle(std::span<const uint32_t> chosen) {
  const double seconds = clock_.seconds() - start_;
  const double spent = seconds + drafting_;
  if (run_ == 0) plain_ = true;
  if (run_ > 0 || drafting_ > 0)
    loss_ = std::max(loss_ + spent - static_cast<double>(chosen.size()) * cost(1), 0.0);
  total_ += spent;
  learn_cost(run_ + 1, seconds);
  for (Source& source : sources()) learn_acceptance(source, &source == from_ ? run_ : 0, chosen);
  ++counts_.passes;
  counts_.chosen += chosen.size();
  if (from_ != nullptr) {
    uint32_t accepted = 0;
    while (accepted < run_ && accepted < chosen.size() && chosen[accepted] == from_->drafts[accepted])
      ++accepted;
    for (DraftCounts* counts : {static_cast<DraftCounts*>(&counts_), &from_->counts}) {
      counts->drafted += run_;
      counts->accepted += accepted;
    }
  }
  from_ = nullptr;
  run_ = 0;
  settled_ = text_ + chosen.size();
}

void Speculation::learn_cost(uint32_t tokens, double seconds) {
  double& average = seconds_[tokens - 1];
  // What is far beyond the average is another program's doing.
  average = average > 0 ? average + kSecondsRate * (std::min(seconds, 2 * average) - average) : seconds;
  // A width that looked dear is not avoided for ever: what was measured long ago fades.
  for (uint32_t width = 2; width <= seconds_.size(); ++width) {
    if (width == tokens || seconds_[width - 1] == 0) continue;
    const double guess = cost(1) * (1 + options_.marginal_cost * (width - 1));
    seconds_[width - 1] += kFadeRate * (guess - seconds_[width - 1]);
  }
}

// Also from what was proposed and not run: then the pass tells of the first proposal only.
void Speculation::learn_acceptance(Source& source, uint32_t run, std::span<const uint32_t> chosen) {
  if (source.proposed == 0 && !is_free(source)) {
    // A drafter that was not worth asking is asked again when what was known of it has faded.
    for (float& average : source.acceptance[0]) {
      average +=
          static_cast<float>(kFadeRate) * (static_cast<float>(source.drafter->first_acceptance(0)) - average);
    }
  }
  auto& acceptance = source.acceptance[source.kind];
  for (uint32_t i = 0; i < source.proposed && i < chosen.size(); ++i) {
    const bool right = chosen[i] == source.drafts[i];
    float& average = acceptance[i];
    average += static_cast<float>(kAcceptanceRate) * ((right ? 1.0f : 0.0f) - average);
    // Depths that were not reached yet are taken to be like this one.
    if (i >= run) {
      for (uint32_t deeper = i + 1; deeper < kMostDrafts; ++deeper)
        acceptance[deeper] += static_cast<float>(kAcceptanceRate) * (average - acceptance[deeper]);
    }
    if (!right) break;
  }
  source.proposed = 0;
}

}  // namespace brim
